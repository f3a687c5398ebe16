"""What a query of the report is."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """How the rows of a query are drawn.

    Attributes:
        kind: ``bars`` (a bar for each value of ``y``), ``columns`` (a column for each time ``x``) or ``heat`` (a field
            for each pair of ``x`` and ``y``).
        x: column that says how far or when.
        y: column that says which, or how high.
        color: column whose values are told apart by their colors; for ``heat`` the number that the color stands for.
    """

    kind: str
    x: str
    y: str
    color: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question and the SQL that answers it.

    Attributes:
        name: its stable name: the key in JSON, the anchor on the page, the name of its counterparts for SIEMs.
        title: the question in a few words.
        why: what the answer is good for, and how to read it.
        sql: one SELECT over the views ``events`` and ``calls``. Its order is total, so the same events give the same
            rows.
        charts: how it is drawn.
        empty: what it means that there is no row.
    """

    name: str
    title: str
    why: str
    sql: str
    charts: tuple[Chart, ...] = ()
    empty: str = "There is nothing of this kind in these events."
