"""The encoder of a configuration: a built-in one (``encode``), or one of a plugin."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from veilog_filters import plugins
from veilog_filters.encode import native
from veilog_filters.errors import ConfigError, Defect
from veilog_filters.fence import Fence
from veilog_filters.yaml_file import closest
from veilog_parsers.event import AuditEvent


def names_on(disabled: Collection[str]) -> list[str]:
    """The names of all schemas that are not turned off."""
    return [name for name in plugins.names("encoders") if name not in disabled]


def encoder_for(schema: str, disabled: Collection[str], fence: Fence) -> Callable[[AuditEvent], dict[str, Any]]:
    """What makes of a finished event the object that is written.

    Args:
        schema: name of an encoder, as ``--schema`` takes it.
        disabled: names of encoders that the configuration turns off.
        fence: calls those of plugins.

    Returns:
        A function that raises ``native.EncodingError`` where a field holds something that may not leave in it, and
        ``RecordError`` where a plugin fails.

    Raises:
        ConfigError: there is no such encoder, it is turned off, or an encoder cannot be loaded.
    """
    for offer, encoder in plugins.select("encoders", disabled):
        if offer.name != schema:
            continue
        encode = encoder.encode
        if encoder is native.ENCODER:
            return native.encode
        if offer.is_built_in:
            return lambda event: encode(native.encode(event))
        from veilog_filters.fence.encoder import fenced

        return fenced(encoder, fence)
    known = names_on(disabled)
    if schema in plugins.names("encoders"):
        problem = f"the encoder {schema} is turned off"
        raise ConfigError(Defect("plugins", 0, "", problem, "take its name out of plugins.disable.encoders"))
    raise ConfigError(Defect("plugins", 0, "", "there is no such encoder", closest(schema, known)))
