"""Filters: everything between a parsed event and the bytes that may leave the host.

Follow a record: ``transports`` -> ``pipeline`` (parse, detect, classify, fingerprint, redact) -> ``encode``.
"""

__version__ = "0.2.0"
