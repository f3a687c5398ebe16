"""Addresses that Presidio misses, beside its recognizers."""

from __future__ import annotations

from typing import Final

from veilog_filters.detect.secrets.pattern import PatternDetector

ADDRESSES: Final[tuple[PatternDetector, ...]] = (
    PatternDetector(
        # Presidio takes all of `orders?mail=a@b.de` for one address and then finds it invalid, wants a public suffix,
        # which `corp.internal` has not, and does not know `%40`. Logs are full of all three.
        name="address_in_url",
        entity="EMAIL_ADDRESS",
        pattern=r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)(?:[a-z0-9][a-z0-9-]{0,62}\.){1,8}[a-z]{2,24}(?![A-Za-z0-9])",
        score=0.5,
        examples=(
            "GET /orders?mail=ines.duarte@lusa-tours.pt HTTP/1.1",
            "mail=ines.duarte%40lusa-tours.pt&x=1",
            "ask bob@build.corp.internal",
            "letter to anna@nordwind.de.pdf",
            "tenant_anna@nordwind.de_eu",
        ),
        counterexamples=("meet @noon", "a@b", "user%40", "image@2x.1"),
    ),
)
