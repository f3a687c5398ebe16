"""Where a msgpack object ends, without building it.

A peer may be hostile: it may nest a million arrays, or announce four billion elements. A counter of the objects that
are still to come is all that is needed to find an object's end, so neither depth nor a length that is never kept costs
anything. msgpack's own ``Unpacker.skip`` keeps a stack, and gives up at a depth of 1,024 without saying where.
"""

from __future__ import annotations

from typing import Final

from veilog_filters.forward.errors import ForwardError, Reason


def _scalar_bytes(lead: int) -> int:
    """How long an object is that its first byte tells all about; 0 for any other."""
    if lead <= 0x7F or lead >= 0xE0 or lead in (0xC0, 0xC2, 0xC3):
        return 1
    if 0xA0 <= lead <= 0xBF:
        return 1 + (lead & 0x1F)
    return _FIXED_BYTES.get(lead, 0)


_FIXED_BYTES: Final = {
    **dict.fromkeys((0xCC, 0xD0), 2),
    **dict.fromkeys((0xCD, 0xD1, 0xD4), 3),
    **dict.fromkeys((0xCA, 0xCE, 0xD2), 5),
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 9),
    0xD5: 4,
    0xD6: 6,
    0xD7: 10,
    0xD8: 18,
}
_SCALARS: Final = tuple(map(_scalar_bytes, range(256)))
_BLOBS: Final = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)} | {
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
}
"""Binaries, strings and extensions: how wide the length is, and what else comes before the body."""
_HOLDERS: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""Arrays and maps: how wide the length is, and how many objects each item is."""
FIRST_OF_ARRAY: Final = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))


class Scanner:
    """Finds the end of one object after another in a buffer that grows.

    Args:
        max_elements: most objects in one object; may be changed between two.

    Attributes:
        position: how far it has come.
        elements: how many objects the current one has, as far as it is known.
    """

    def __init__(self, max_elements: int, position: int = 0) -> None:
        self.max_elements = max_elements
        self.position = position
        self.elements = 1
        self._wanted = 1

    def scan(self, data: bytes | bytearray, most: int = 1 << 62) -> bool:
        """Go on; whether the current object is complete. The next call begins with the next one.

        Args:
            data: the buffer.
            most: how many objects to look at in this call.

        Raises:
            ForwardError: what is there is no msgpack, or has too many elements.
        """
        end, scalars = len(data), _SCALARS
        position, wanted = self.position, self._wanted
        while wanted and position < end and most:
            most -= 1
            lead = data[position]
            size = scalars[lead]
            if size:
                position += size
                wanted -= 1
            elif lead in _BLOBS:
                width, more = _BLOBS[lead]
                body = position + 1 + width
                if body > end:
                    break
                position = body + more + int.from_bytes(data[position + 1 : body], "big")
                wanted -= 1
            else:
                position, items = self._open(data, position, lead)
                if items < 0:
                    break
                wanted += items - 1
                self.elements += items
                if self.elements > self.max_elements:
                    raise ForwardError(Reason.TOO_MANY_ELEMENTS, f"more than {self.max_elements}")
        self.position, self._wanted = position, wanted
        return not wanted and position <= end

    @staticmethod
    def _open(data: bytes | bytearray, position: int, lead: int) -> tuple[int, int]:
        """Step into an array or map: where its items begin and how many objects they are; -1 if it is not all there."""
        if 0x80 <= lead <= 0x9F:
            return position + 1, lead & 0x0F if lead >= 0x90 else 2 * (lead & 0x0F)
        if lead not in _HOLDERS:
            raise ForwardError(Reason.NOT_MSGPACK)
        width, objects = _HOLDERS[lead]
        body = position + 1 + width
        if body > len(data):
            return position, -1
        return body, objects * int.from_bytes(data[position + 1 : body], "big")

    def restart(self, position: int) -> None:
        """Begin with the object at ``position``."""
        self.position, self.elements, self._wanted = position, 1, 1


def array_header(data: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """The length of the array at ``position``, and where its first item is; None if there is none, or not all of it."""
    if position >= len(data) or data[position] not in FIRST_OF_ARRAY:
        return None
    lead = data[position]
    if lead <= 0x9F:
        return lead & 0x0F, position + 1
    body = position + 1 + _HOLDERS[lead][0]
    if body > len(data):
        return None
    return int.from_bytes(data[position + 1 : body], "big"), body


def blob(data: bytes, position: int) -> tuple[int, int] | None:
    """Where the string or binary at ``position`` begins and ends; None if there is none."""
    lead = data[position] if position < len(data) else 0
    if 0xA0 <= lead <= 0xBF:
        return position + 1, position + 1 + (lead & 0x1F)
    width, more = _BLOBS.get(lead, (0, 1))
    if more:
        return None
    body = position + 1 + width
    return body, body + int.from_bytes(data[position + 1 : body], "big")
