"""What comes beside records and leaves beside events: tags, metadata, the markers of groups.

It goes the way of a record's texts: collected, scanned and verified once, then redacted. It has a time of its own, and
nobody's names to conceal. Where that fails, a tag leaves as a keyed hash and all else is dropped and counted.
"""

from __future__ import annotations

from typing import Any, Final

from veilog_filters import clock
from veilog_filters.budget import Budget
from veilog_filters.detect.api import Detector
from veilog_filters.metrics import Counts
from veilog_filters.names import Named, Names
from veilog_filters.redact import Redactor
from veilog_filters.texts import InspectedObject, TextLimits, Texts
from veilog_parsers.event import Handling, SensitiveText, Text

DROPPED_METADATA: Final = "metadata_not_cleaned"

GROUP_ATTRIBUTES: Final = {"resource": frozenset[str](), "scope": frozenset(("name", "version"))}
"""What a group marker says besides attributes, by its part (OTLP's Resource and InstrumentationScope)."""
RESOURCE_ATTRIBUTES: Final = frozenset(
    (
        "cloud.account.id",
        "cloud.availability_zone",
        "cloud.platform",
        "cloud.provider",
        "cloud.region",
        "container.id",
        "container.name",
        "deployment.environment",
        "deployment.environment.name",
        "host.name",
        "k8s.cluster.name",
        "k8s.container.name",
        "k8s.deployment.name",
        "k8s.namespace.name",
        "k8s.node.name",
        "k8s.pod.name",
        "service.instance.id",
        "service.name",
        "service.namespace",
        "service.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    )
)
"""Attributes that leave as names (OpenTelemetry's semantic conventions for resources)."""


class Beside:
    """Cleans what comes beside records.

    Args:
        detector: the detector of the pipeline.
        names: what leaves for names.
        redactor: puts the operators to work.
        limits: what is read of a text.
        budget: of the pipeline.
        counts: of the pipeline.
        tenant_id: the configured tenant, or "".
        keep: whether the policy keeps what was not mapped.
    """

    def __init__(
        self,
        detector: Detector,
        names: Names,
        redactor: Redactor,
        limits: TextLimits,
        budget: Budget,
        counts: Counts,
        tenant_id: str,
        *,
        keep: bool,
    ) -> None:
        self._detector = detector
        self._names = names
        self._redactor = redactor
        self._limits = limits
        self._budget = budget
        self._counts = counts
        self._tenant_id = tenant_id
        self._keep = keep

    def tag(self, tag: str) -> Text:
        """A shipper's tag as it may leave: a name, or the keyed hash of what is none. Never raises."""
        try:
            texts = self._begin()
            named = self._read_name(texts, tag, "tag")
            self._detect(texts)
            return self._redactor.name(named, self._tenant_id, {})
        except Exception:
            # A detector failed on it, or it took too long: as a hash it leaves all the same.
            return self._names.hash(tag, "tag", self._tenant_id, {})

    def group(self, body: Any) -> dict[str, Any]:
        """The body of a group marker as it may leave: of resource and scope, listed attributes, as names.

        What else it says leaves cleaned, where the policy keeps what was not mapped. Empty where that fails.
        """
        if type(body) is not dict:
            return {}
        if self._keep:
            return self.metadata(body)
        try:
            texts = self._begin()
            named = self._listed(texts, body)
            self._detect(texts)
            group: dict[str, Any] = self._left(named)
        except Exception:
            self._counts.dropped[DROPPED_METADATA] += 1
            return {}
        return group

    def metadata(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A JSON object beside a record (a shipper's metadata), cleaned leaf by leaf where the policy keeps it.

        Empty under ``unmapped: drop``, and where cleaning fails.
        """
        if not self._keep or not tree:
            return {}
        try:
            texts = self._begin()
            inspected: InspectedObject = texts.tree(tree, "metadata")
            self._detect(texts)
            return self._redactor.tree(inspected, self._tenant_id)
        except Exception:
            self._counts.dropped[DROPPED_METADATA] += 1
            return {}

    def _begin(self) -> Texts:
        self._budget.begin_batch()
        self._budget.resume(clock.secs(), 0.0)
        return Texts(self._limits)

    def _detect(self, texts: Texts) -> None:
        # Most tags and attributes are known.
        found = self._detector.verify(self._detector.scan(texts.items)) if texts.items else []
        texts.assemble(found)

    def _read_name(self, texts: Texts, value: str, field: str) -> Named:
        return self._names.read(texts, SensitiveText(value), field, Handling.IDENTIFIER, self._tenant_id)

    def _listed(self, texts: Texts, body: dict[str, Any]) -> dict[str, Any]:
        group: dict[str, Any] = {}
        for holder, attributes in GROUP_ATTRIBUTES.items():
            found = body.get(holder)
            if type(found) is not dict:
                continue
            kept = self._read_names(texts, found, attributes)
            inner = found.get("attributes")
            if type(inner) is dict and (listed := self._read_names(texts, inner, RESOURCE_ATTRIBUTES)):
                kept["attributes"] = listed
            if kept:
                group[holder] = kept
        return group

    def _read_names(self, texts: Texts, holder: dict[str, Any], attributes: frozenset[str]) -> dict[str, Any]:
        return {
            key: self._read_name(texts, value, "group")
            for key in sorted(attributes.intersection(holder))
            if type(value := holder[key]) is str and value
        }

    def _left(self, value: Any) -> Any:
        """What leaves for names, in the shape in which they stand."""
        if type(value) is dict:
            return {key: self._left(item) for key, item in value.items()}
        return str(self._redactor.name(value, self._tenant_id, {}))
