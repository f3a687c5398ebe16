"""What is written of a finished event: the records that leave, in each schema that was asked for.

The gate comes first and once: ``encode.native`` makes of an event an object in which nothing stands that may not leave.
From it each schema's encoder, a built-in one (``encode``) or a plugin's, makes its records: one, and further ones
beside it where the encoder has any (``Encoder.further``). Encoders read that object and change nothing in it, since the
next one is given the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from veilog_filters import plugins
from veilog_filters.encode import native
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fence import Fence
from veilog_filters.yaml_file import closest
from veilog_parsers.errors import ErrorType, RecordError

Object = dict[str, Any]
Write = Callable[[Object], list[Object]]
"""Makes of an event in ``veilog/1`` its records in one schema."""
Written = list[list[Object]]
"""The records of an event, by schema."""


class Writers:
    """Writes events in the schemas of a pipeline.

    Args:
        schemas: names of encoders.
        disabled: names of encoders that the configuration turns off.
        fence: calls those of plugins.

    Raises:
        ConfigError: there is no such encoder, it is turned off, or an encoder cannot be loaded.
    """

    def __init__(self, schemas: Sequence[str], disabled: Collection[str], fence: Fence) -> None:
        self._writers = [writer_for(schema, disabled, fence) for schema in schemas]

    def write(self, event: Object, instead: Callable[[ErrorType], Object]) -> Written:
        """Write an event.

        Args:
            event: in ``veilog/1``.
            instead: makes the quarantine event that leaves in those schemas in which the event cannot be written. It is
                called once at most. In the other schemas the event leaves as it is.
        """
        written: Written = []
        replacement: Object | None = None
        for write in self._writers:
            try:
                written.append(write(event))
            except Exception as error:
                # Its message is not read: it may quote the event.
                failure = error.error_type if isinstance(error, RecordError) else ErrorType.ENCODING_FAILED
                replacement = replacement or instead(failure)
                written.append(_write_in_any_case(write, replacement))
        return written

    def write_quarantine(self, event: Object) -> Written:
        """Write a quarantine event: in ``veilog/1`` where an encoder fails on it too, since it must leave."""
        return [_write_in_any_case(write, event) for write in self._writers]


def _write_in_any_case(write: Write, event: Object) -> list[Object]:
    try:
        return write(event)
    except Exception:
        return [event]


def names_on(disabled: Collection[str]) -> list[str]:
    """The names of all schemas that are not turned off."""
    return [name for name in plugins.names("encoders") if name not in disabled]


def writer_for(schema: str, disabled: Collection[str], fence: Fence) -> Write:
    """What writes events in a schema.

    Args:
        schema: name of an encoder, as ``--schema`` takes it.
        disabled: names of encoders that the configuration turns off.
        fence: calls those of plugins.

    Returns:
        A function that raises ``RecordError`` where a plugin fails.

    Raises:
        ConfigError: there is no such encoder, it is turned off, or an encoder cannot be loaded.
    """
    for offer, encoder in plugins.select("encoders", disabled):
        if offer.name != schema:
            continue
        if encoder is native.ENCODER:
            return lambda event: [event]
        if not offer.is_built_in:
            from veilog_filters.fence.encoder import fenced

            return fenced(encoder, fence)
        encode, further = encoder.encode, encoder.further
        if further is None:
            return lambda event: [encode(event)]
        return lambda event: [encode(event), *further(event)]
    known = names_on(disabled)
    if schema in plugins.names("encoders"):
        problem = f"the encoder {schema} is turned off"
        raise ConfigError(Defect("plugins", 0, "", problem, "take its name out of plugins.disable.encoders"))
    raise ConfigError(Defect("plugins", 0, "", "there is no such encoder", closest(schema, known)))
