"""What plugins that find, encode or classify need, and all that they may rely on. ``docs/plugins.md`` shows how.

A distribution offers objects of these types under entry points::

    [project.entry-points."veilog.detectors"]
    acme_badge = "acme_veilog.detector:DETECTOR"
    [project.entry-points."veilog.encoders"]
    acme_siem = "acme_veilog.encoder:ENCODER"
    [project.entry-points."veilog.rules"]
    acme_rules = "acme_veilog.rules:PACK"

For log sources see ``veilog_parsers.api``. What stands in ``__all__`` keeps its meaning as ``API_VERSION`` says (by
Semantic Versioning): a later minor version adds to it, a new major version may take from it. Everything else in
``veilog_filters`` may change at any time.
"""

from __future__ import annotations

from typing import Final

from veilog_filters.contracts import Encoder, RulePack, TextDetector, ThreatPack, constants_in
from veilog_filters.detect.api import Finding

API_VERSION: Final = "1.2"

__all__ = ("API_VERSION", "Encoder", "Finding", "RulePack", "TextDetector", "ThreatPack", "constants_in")
