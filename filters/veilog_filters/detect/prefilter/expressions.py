"""What Hyperscan is given for a pattern, for ASCII texts and for folded ones (see ``syntax``)."""

from __future__ import annotations

from typing import NamedTuple

from veilog_filters.detect.prefilter.syntax import PatternInfo


class Expression(NamedTuple):
    """What Hyperscan is given for one pattern.

    Attributes:
        ascii: how to say it for ASCII text.
        folded: how to say it for folded text.
        flags: as the pattern has them.
        single_match: report only the first end, for a pattern of which only matters whether it could match.
    """

    ascii: str
    folded: str
    flags: int
    single_match: bool = False


def expression_of(info: PatternInfo | None, flags: int) -> Expression | None:
    """What Hyperscan is given for a pattern; None if it must not have it."""
    return Expression(info.ascii, info.folded, int(flags)) if info else None
