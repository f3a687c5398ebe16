"""What the installed Presidio can be told to look for, by name: a list of entity types, and no detector."""

from __future__ import annotations

import contextlib

import presidio_analyzer.predefined_recognizers as predefined
from presidio_analyzer import EntityRecognizer
from presidio_analyzer.nlp_engine import NerModelConfiguration


def all_entities() -> frozenset[str]:
    """Entity types of everything that the installed Presidio can be told to use, models included."""
    found: set[str] = set((NerModelConfiguration().model_to_presidio_entity_mapping or {}).values())
    for value in vars(predefined).values():
        if isinstance(value, type) and issubclass(value, EntityRecognizer):
            # Some need a service or a library that is not there; what these find, patterns or models find too.
            with contextlib.suppress(Exception):
                found.update(value().supported_entities)  # type: ignore[call-arg]  # each has its own entities
    return frozenset(found)
