"""What can't be done in the gallery, in words for people; where one is raised, nothing was changed."""


class Refused(Exception):
    """What was asked for can't be done. `field` is the API's and the forms' name of what is at fault."""

    code = "refused"
    field = ""


class NotAllowed(Refused):
    """Who asked may see it and may not change it."""

    code = "not_allowed"


class NotNow(Refused):
    """It could have been done before, or may be later."""

    code = "too_late"
