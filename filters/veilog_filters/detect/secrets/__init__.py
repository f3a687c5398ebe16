"""Secrets: keys, tokens and passwords, told by their prefix, by their form or by their name.

    prefixed   keys that say whose they are: a row a kind
    shaped     what has a published form: armour, tokens with a header, addresses with a password, hashes
    named      what stands behind a name that says secret, or says a provider
    checks     what a match could be instead: placeholders, variables, words, published examples; checksums
    addresses  no secrets: e-mail addresses that Presidio misses

Each is a pattern with proofs: examples that it must find and counterexamples that it must not, walked by a test. All
patterns are in the one scan with Presidio's (see ``prefiltered``).
"""

from __future__ import annotations

from typing import Final

from veilog_filters.detect.secrets.addresses import ADDRESSES
from veilog_filters.detect.secrets.named import NAMED
from veilog_filters.detect.secrets.pattern import PatternDetector
from veilog_filters.detect.secrets.prefixed import PREFIXED
from veilog_filters.detect.secrets.shaped import SHAPED

__all__ = ["ADDRESSES", "SECRETS", "PatternDetector"]

SECRETS: Final[tuple[PatternDetector, ...]] = (*PREFIXED, *SHAPED, *NAMED)
