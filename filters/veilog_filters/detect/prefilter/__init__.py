"""One pass over a text that tells which patterns could match in it, and where: a superset of the true matches."""
