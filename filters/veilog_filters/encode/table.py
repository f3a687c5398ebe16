"""Writes events in another schema by a table: which field goes where, changed how, and why.

A schema is a module with a ``Table``: rows of a field of ``veilog/1``, its place in the target, and a transform. No
fact is lost: a field without a row, and a part of an object without one, goes to the target's place for extensions,
under its own name. What must be there though no single field says it (the number of a class, a required object), the
table's ``finish`` adds.

A table is compiled once, when its encoder is built: each field has the list of what puts it in place. Writing an event
then costs a look-up and a call for each field that it has, not for each row (``benchmarks/bench_encode.py``).

``veilog schema <target>`` prints the table, and the documentation's pages of mappings are made from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

Object = dict[str, Any]
Transform = Callable[[Any], Any]
"""A value of a field to what stands in the target; None if it has no place there and goes to the extensions."""
Put = Callable[[Object, Any], None]
"""Puts a value into what is written."""

SAME: Final = "as it is"


def elsewhere(value: Any) -> Any:
    """The transform of a row whose value the table's ``finish`` puts in place."""
    raise NotImplementedError(type(value).__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        field: a field of ``veilog/1``; the part of an object with a dot (``cloud.region``).
        target: its place in the target, with dots between the keys of objects.
        how: what becomes of the value, in a few words.
        why: why it is there, where that is not plain from the names.
        transform: makes of the value what stands in the target.
    """

    field: str
    target: str
    how: str = SAME
    why: str = ""
    transform: Transform | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How events are written in one schema.

    Attributes:
        schema: what ``--schema`` calls it.
        summary: one sentence for ``veilog encoders``.
        version: the target's version.
        reference: where the target is described.
        rows: the table. A field may have several rows.
        extension: where fields without a row go, with dots; "" for the top level, under their own names.
        is_flat: whether the target's keys have the dots in them, instead of objects in objects.
        begin: makes what every event begins with.
        finish: completes what was written of an event. It is given the event first.
        note: what readers of the table must know besides, in whole sentences.
    """

    schema: str
    summary: str
    version: str
    reference: str
    rows: tuple[Row, ...]
    extension: str
    is_flat: bool = False
    begin: Callable[[], Object] = dict
    finish: Callable[[Object, Object], None] = lambda _event, _out: None
    note: str = ""

    def compiled(self) -> Callable[[Object], Object]:
        """What makes of an event in ``veilog/1`` the object that is written."""
        puts = self._puts(self.rows)
        begin, finish = self.begin, self.finish

        def encode(event: Object) -> Object:
            out = begin()
            for name, value in event.items():
                known = puts.get(name)
                if known is None:
                    known = puts[name] = self._extended(name)
                known(out, value)
            finish(event, out)
            return out

        return encode

    def _puts(self, rows: Iterable[Row]) -> dict[str, Put]:
        """By field of an event, what puts its value in place."""
        own: dict[str, list[Row]] = {}
        parts: dict[str, dict[str, list[Row]]] = {}
        for row in rows:
            name, _, part = row.field.partition(".")
            if part:
                parts.setdefault(name, {}).setdefault(part, []).append(row)
            else:
                own.setdefault(name, []).append(row)
        puts: dict[str, Put] = {name: self._first(found, self._extended(name)) for name, found in own.items()}
        for name, by_part in parts.items():
            known = {part: self._first(found, self._extended(f"{name}.{part}")) for part, found in by_part.items()}
            puts[name] = self._put_parts(name, known)
        return puts

    def _put_parts(self, name: str, known: dict[str, Put]) -> Put:
        extended = self._extended

        def put(out: Object, value: Object) -> None:
            for part, item in value.items():
                place = known.get(part)
                if place is None:
                    place = known[part] = extended(f"{name}.{part}")
                place(out, item)

        return put

    def _first(self, rows: list[Row], otherwise: Put) -> Put:
        """What puts a value in the places of its rows; among the extensions if it has no place in any of them."""
        if len(rows) == 1 and rows[0].transform is None:
            return self._setter(rows[0].target)
        made = [(self._setter(row.target), row.transform) for row in rows if row.transform is not elsewhere]
        is_placed = len(made) < len(rows)

        def put(out: Object, value: Any) -> None:
            placed = is_placed
            for setter, transform in made:
                item = value if transform is None else transform(value)
                if item is not None:
                    setter(out, item)
                    placed = True
            if not placed:
                otherwise(out, value)

        return put

    def _extended(self, name: str) -> Put:
        return self._setter(self._extension_of(name))

    def _extension_of(self, name: str) -> str:
        return f"{self.extension}.{name}" if self.extension else name

    def fallbacks(self) -> dict[str, str]:
        """Fields whose every row may turn a value away, each with the place in the extension where it goes then."""
        placed = {row.field for row in self.rows if row.transform in (None, elsewhere)}
        return {row.field: self._extension_of(row.field) for row in self.rows if row.field not in placed}

    def _setter(self, target: str) -> Put:
        if self.is_flat or "." not in target:
            return _set_key(target)
        return _set_path(tuple(target.split(".")))

    def mapping(self, fields: Iterable[str]) -> Iterator[Row]:
        """The table with a row for every field: those without one of their own with their place among the extensions.

        Args:
            fields: all fields of ``veilog/1``, parts of objects with a dot.
        """
        by_field: dict[str, list[Row]] = {}
        for row in self.rows:
            by_field.setdefault(row.field, []).append(row)
        for name in fields:
            yield from by_field.get(name) or [Row(name, self._extension_of(name), why="It has no place of its own.")]


def _set_key(key: str) -> Put:
    def put(out: Object, value: Any) -> None:
        out[key] = value

    return put


def _set_path(keys: tuple[str, ...]) -> Put:
    *above, last = keys

    def put(out: Object, value: Any) -> None:
        for key in above:
            inner = out.get(key)
            if inner is None:
                inner = out[key] = {}
            out = inner
        out[last] = value

    return put


def one_of(values: dict[Any, Any]) -> Transform:
    """A transform by a closed list; what is not on it has no place."""
    return values.get
