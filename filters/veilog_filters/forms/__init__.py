"""Other forms of a text in which something may stand that no pattern sees in the text itself."""
