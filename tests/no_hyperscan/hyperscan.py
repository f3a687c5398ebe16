"""Stands in front of Hyperscan for the interpreter that has this folder on its path: as if it were not installed."""

raise ImportError("Hyperscan is out of the way")
