"""A mark in patterns of our own, by which they say to the prefilter how much of them it has to look for."""

from __future__ import annotations

from typing import Final

CORE: Final = "(?:)"
"""Means nothing in a pattern; the prefilter looks for what stands before it alone.

For patterns whose beginning is rare enough: there the rest would only take time.
"""
