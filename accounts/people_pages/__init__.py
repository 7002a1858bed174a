"""The admins' pages on people, teams and credits; what they do is in `accounts.administration`."""
