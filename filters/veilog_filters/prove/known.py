"""Values of well-known kinds, to see which of them a configuration finds. Invented, or published for such tests."""

from __future__ import annotations

from typing import Final, NamedTuple


class Known(NamedTuple):
    """A value that a detector is expected to find.

    Attributes:
        entity: what it is.
        text: a text with the value in it, as somebody would write it.
        value: what may not leave of it.
    """

    entity: str
    text: str
    value: str


_AWS_KEY: Final = "AKIA" + "IOSFODNN7EXAMPLE"
_GITHUB_TOKEN: Final = "ghp_" + "R7k2Wq9TzB4mXc81LpVd0JsYfGh3NaEu6o5i"
"""In two parts, so that nobody's scanner takes them for secrets that were left lying about."""

KNOWN: Final = (
    Known("EMAIL_ADDRESS", "Write to jana.petrov@hafenpost.de about it.", "jana.petrov@hafenpost.de"),
    Known("CREDIT_CARD", "Charge my card 4111 1111 1111 1111 please.", "4111 1111 1111 1111"),
    Known("IBAN_CODE", "Send it to the account DE89 3704 0044 0532 0130 00.", "DE89 3704 0044 0532 0130 00"),
    Known("PHONE_NUMBER", "Call me at +1 415 555 2671 tonight.", "415 555 2671"),
    Known("US_SSN", "My social security number is 536-90-4399.", "536-90-4399"),
    Known("IP_ADDRESS", "The server 198.51.100.23 does not answer.", "198.51.100.23"),
    Known("AWS_ACCESS_KEY", f"Use the access key {_AWS_KEY} for it.", _AWS_KEY),
    Known("GITHUB_TOKEN", f"Clone it with {_GITHUB_TOKEN}.", _GITHUB_TOKEN),
)
