"""Presidio's engine as it is; and the same findings from the places that the prefilter names. Imports slowly."""
