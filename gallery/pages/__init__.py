"""The gallery's pages: plain forms first. What scripts add asks the same addresses for a part."""
