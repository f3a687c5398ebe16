"""Reads where a record was written: host, pod, and the cloud's name of the place.

Shippers and clouds each have their own keys for the same facts:

* Fluent Bit and Fluentd: an object ``kubernetes`` (``namespace_name``, ``pod_name``, ``container_name``, ``host``,
  ``labels``); Vector: the same object (``pod_namespace``, ``pod_node_name``, ``pod_labels``); Elastic's Beats: the same
  object with objects in it (``pod.name``, ``node.name``).
* OpenTelemetry's resource attributes (``k8s.pod.name``, ``k8s.pod.label.app``), also as flat keys of a record.
* Google Cloud Logging: ``resource`` (``type`` and ``labels``), with the pod's labels as ``k8s-pod/…`` in ``labels``.
* Azure Monitor's ``ContainerLogV2`` (``PodNamespace``, ``PodName``, ``ContainerName``, ``Computer``).
* The host: journald's ``_HOSTNAME``, ECS's ``host.name``, and ``host`` or ``hostname`` in syslog, GELF and Splunk HEC.

Of a pod's labels only those in ``event.KUBERNETES_LABELS`` are read; shippers may have written ``_`` for their dots. A
value that is no identifier is not read. What was read is removed, so that the rest can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from veilog_parsers.event import KUBERNETES_LABELS, Constant, Kubernetes, SensitiveText, Text
from veilog_parsers.record.dropped import prefer
from veilog_parsers.record.fields import as_identifier
from veilog_parsers.record.raw import Fields

_MAX_NAME: Final = 253
"""The longest name in Kubernetes and in the DNS; identifiers of resources are no longer either."""
_IN_OBJECT: Final = {
    "namespace": ("namespace_name", "pod_namespace", "namespace"),
    "pod": ("pod_name", "pod"),
    "container": ("container_name", "container"),
    "node": ("host", "pod_node_name", "node_name", "node"),
}
"""Keys in an object ``kubernetes``; a value may be an object with a ``name``."""
_FLAT: Final = {
    "namespace": ("k8s.namespace.name", "kubernetes.namespace", "kubernetes.namespace_name", "PodNamespace"),
    "pod": ("k8s.pod.name", "kubernetes.pod.name", "kubernetes.pod_name", "PodName"),
    "container": ("k8s.container.name", "kubernetes.container.name", "kubernetes.container_name", "ContainerName"),
    "node": ("k8s.node.name", "kubernetes.node.name", "kubernetes.host"),
}
"""Keys of a record, or attributes of OpenTelemetry's resources."""
_FLAT_KEYS: Final = frozenset(key for keys in _FLAT.values() for key in keys)
_IN_GOOGLE: Final = {
    "namespace": ("namespace_name",),
    "pod": ("pod_name",),
    "container": ("container_name",),
    "node": ("node_name",),
}
_GOOGLE_NAMES: Final = ("service_name", "function_name", "job_name", "instance_id", "module_id", "cluster_name")
"""Labels that name a resource of Google Cloud that is no pod, in order of preference."""
_LABELS: Final = {
    **{str(name): name for name in KUBERNETES_LABELS},
    **{name.replace(".", "_"): name for name in KUBERNETES_LABELS},
}
_PREFIXES: Final = ("k8s.pod.label.", "k8s.pod.labels.", "k8s-pod/", "kubernetes.labels.")
"""What stands before labels among other keys."""
_HOSTS: Final = (
    *("_HOSTNAME", "host.name", "host.hostname", "host", "hostname", "syslog_hostname", "agent.hostname"),
    *("Computer", "_hostname"),
)
"""Keys of a wrapper. A record of a source may have another host in some of them: the one that a client asked."""


_NESTED: Final = ("kubernetes", "resource", "labels", "host")
"""Keys of the objects in which a place is told."""
OWN_PLACE: Final = frozenset(("kubernetes", "_HOSTNAME"))
"""Keys that shippers add to the records themselves."""


class Place(NamedTuple):
    """Where a record was written.

    Attributes:
        k8s: the pod.
        host: the host.
        resource: as ``cloud.resource`` has it: ``namespace/pod/container``, a host and its unit, a cloud's resource.
    """

    k8s: Kubernetes | None = None
    host: Text | None = None
    resource: SensitiveText | None = None

    def or_else(self, other: Place) -> Place:
        """This place, with the facts of another where it has none. The others of that one are duplicates."""
        if other is NO_PLACE:
            return self
        known = self.resource
        return Place(
            prefer(self.k8s, other.k8s, "kubernetes"),
            prefer(self.host, other.host, "host"),
            other.resource if known is None else prefer(known, other.own_resource(), "resource"),
        )

    def own_resource(self) -> SensitiveText | None:
        """The resource, if it is not the pod, which says it already."""
        return self.resource if resource_of_pod(self.k8s) is None else None


NO_PLACE: Final = Place()


def pop_place(fields: Fields) -> Place:
    """Pop the place from a wrapper: an object that is around a record."""
    about = fields.get("resource")
    if _is_google(about):
        k8s, resource = _pop_google(fields)
        return Place(k8s, _pop_name(fields, *_HOSTS), resource)
    k8s = pop_pod(fields) or (pop_pod(about) if type(about) is dict else None)
    resource = resource_of_pod(k8s) or _pop_resource(fields)
    host = _pop_name(fields, *_HOSTS) or (_pop_name(about, "host.name") if type(about) is dict else None)
    return Place(k8s, host, resource)


def pop_own_place(fields: Fields) -> Place:
    """Pop the place that a shipper has added to a record itself."""
    return Place(pop_pod(fields) if "kubernetes" in fields else None, _pop_name(fields, "_HOSTNAME"))


def place_of(fields: Fields) -> Place:
    """The place in a wrapper, which keeps it."""
    return pop_place(copy_of(fields))


def copy_of(fields: Fields) -> Fields:
    """A copy of a wrapper from which the place can be popped."""
    copy = dict(fields)
    for key in _NESTED:
        if type(value := copy.get(key)) is dict:
            copy[key] = {name: dict(item) if type(item) is dict else item for name, item in value.items()}
    return copy


def pop_pod(fields: Fields) -> Kubernetes | None:
    """Pop the pod from a record or from attributes of OpenTelemetry's resource; None if they name none."""
    pod = fields.get("kubernetes")
    if type(pod) is dict:
        return _pod(pod, _IN_OBJECT, _pop_labels(pod.get("labels")) or _pop_labels(pod.get("pod_labels")))
    return None if _FLAT_KEYS.isdisjoint(fields) else _pod(fields, _FLAT, _pop_labels(fields, _PREFIXES))


def _pod(fields: Fields, keys: Mapping[str, tuple[str, ...]], labels: dict[Constant, Text]) -> Kubernetes | None:
    parts = {part: _pop_name(fields, *keys[part]) for part in keys}
    if not labels and not any(parts.values()):
        return None
    return Kubernetes(labels=labels or None, **parts)


def _pop_labels(fields: Any, prefixes: tuple[str, ...] = ("",)) -> dict[Constant, Text]:
    """Pop the labels of a pod from an object whose keys are labels, or begin with a prefix and then are."""
    found: dict[Constant, Text] = {}
    for key in list(fields) if type(fields) is dict else ():
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix)), None)
        name = _LABELS.get(key[len(prefix) :]) if prefix is not None else None
        if name is not None and name not in found and (text := _pop_name(fields, key)) is not None:
            found[name] = text
    return found


def _pop_name(fields: Fields, *keys: str) -> SensitiveText | None:
    """Pop the first name under some keys, or the ``name`` of an object there."""
    for key in keys:
        value = fields.get(key)
        holder, name = (value, "name") if type(value) is dict else (fields, key)
        value = holder.get(name)
        text = as_identifier(value) if type(value) is str and len(value) <= _MAX_NAME else None
        if text is not None:
            del holder[name]
            return text
    return None


def resource_of_pod(pod: Kubernetes | None) -> SensitiveText | None:
    """``namespace/pod/container``, as far as they are known."""
    if pod is None:
        return None
    names = (pod.namespace, pod.pod, pod.container)
    return as_identifier("/".join(name.reveal() for name in names if isinstance(name, SensitiveText)))


def _is_google(resource: Any) -> bool:
    return type(resource) is dict and type(resource.get("type")) is str and type(resource.get("labels")) is dict


def _pop_google(fields: Fields) -> tuple[Kubernetes | None, SensitiveText | None]:
    """Pop the pod, or else the name, of a monitored resource."""
    resource = fields["resource"]
    about = fields.get("labels")
    if resource["type"].startswith("k8s_"):
        pod = _pod(resource["labels"], _IN_GOOGLE, _pop_labels(about, _PREFIXES))
        if pod is not None:
            node = _pop_name(about, "compute.googleapis.com/resource_name") if type(about) is dict else None
            pod.node = pod.node or node
            return pod, resource_of_pod(pod)
    name = _pop_name(resource["labels"], *_GOOGLE_NAMES)
    return None, as_identifier(f"{resource['type']}/{name.reveal()}") if name is not None else None


def _pop_resource(fields: Fields) -> SensitiveText | None:
    """Pop the id of a resource of Azure's; or else host and unit of a journal, which stay."""
    text = _pop_name(fields, "_ResourceId", "resourceId")
    if text is not None:
        return text
    names = [fields.get(key) for key in ("_HOSTNAME", "_SYSTEMD_UNIT")]
    return as_identifier("/".join(name for name in names if type(name) is str and 0 < len(name) <= _MAX_NAME))
