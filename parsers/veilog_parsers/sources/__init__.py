"""Log sources: one module each, in a folder for its family. A module has one public name, ``SOURCE``."""
