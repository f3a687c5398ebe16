"""One pass over a text that tells which patterns could match in it, and where: a superset of the true matches."""

from __future__ import annotations

from typing import Final

CORE: Final = "(?:)"
"""Means nothing in a pattern; the prefilter looks for what stands before it alone.

For patterns of our own: where their beginning is rare enough, the rest would only take time.
"""
