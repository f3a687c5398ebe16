"""Which part of all samples a test has: a share of them in ``make test``, all of them in ``make soak``.

Tests that ask one question in many ways (modes, wrappers, configurations) take turns: each way has a share of its own.
Where there are as many ways as shares, all of them together see every sample; elsewhere only the soak does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, TypeVar

T = TypeVar("T")
SOAK: Final = bool(os.environ.get("VEILOG_SOAK"))


def share(items: Iterable[T], of: int, turn: int = 0) -> list[T]:
    """One of ``of`` equal shares: every ``of``-th item, beginning with item ``turn``. In a soak all items.

    Args:
        items: what there is.
        of: into how many shares it is parted.
        turn: which share it is, modulo their number.
    """
    every = list(items)
    return every if SOAK else every[turn % of :: of]
