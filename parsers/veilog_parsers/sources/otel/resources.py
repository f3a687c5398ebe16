"""Resources of OpenTelemetry: the service that made spans and log records, and where it runs."""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import KUBERNETES_LABELS, AuditEvent, Cloud, Kubernetes, SensitiveText, UserType
from veilog_parsers.record.fields import as_identifier, drop, pop_identifier, pop_text, pop_word
from veilog_parsers.record.raw import Fields
from veilog_parsers.sources.otel.facts import Table

_RESOURCE: Final = Table(
    """
    k8s.namespace.name                  k8s.namespace
    k8s.pod.name                        k8s.pod
    k8s.container.name                  k8s.container
    k8s.node.name                       k8s.node
    host.name                           host
    cloud.provider                      cloud.provider
    cloud.account.id                    cloud.account_id
    cloud.region                        cloud.region
    cloud.resource_id                   cloud.resource
    enduser.id                          user_id
    user.id                             user_id
    user.email                          user_email
    """
)
"""What a resource tells: where its records were made and, where somebody set it, by whom."""
_POD_LABELS: Final = ("k8s.pod.label.", "k8s.pod.labels.")


def read_resource(fields: Fields, event: AuditEvent) -> None:
    """Read the resource: the service that made the records, and where it runs."""
    resource = fields.get("resource")
    if type(resource) is not dict:
        return
    _RESOURCE.read(resource, event)
    _read_labels(resource, event)
    if event.user_type is None and (event.user_id is not None or event.user_name is not None):
        event.user_type = UserType.USER
    _read_service(resource, event)
    pod = event.k8s
    if pod is not None and (event.cloud is None or event.cloud.resource is None):
        names = [name.reveal() for name in (pod.namespace, pod.pod, pod.container) if isinstance(name, SensitiveText)]
        where = as_identifier("/".join(names))
        if where is not None:
            event.cloud = event.cloud or Cloud()
            event.cloud.resource = where


def _read_service(resource: Fields, event: AuditEvent) -> None:
    """Read the service: the caller, if no user is known, else the client that the user called with."""
    service = resource.get("service.name")
    if type(service) is not str or not service or service.startswith("unknown_service"):
        drop(resource, "service.name")
    elif event.user_type is None:
        event.user_type, event.user_name = UserType.SERVICE, pop_text(resource, "service.name")
    elif event.user_agent is None:
        version = pop_word(resource, "service.version")
        event.user_agent = SensitiveText(f"{service}/{version}" if version else service)
        del resource["service.name"]


def _read_labels(resource: Fields, event: AuditEvent) -> None:
    """Read the labels of a pod that events may have."""
    for key in [key for key in resource if key.startswith(_POD_LABELS)]:
        name = next(
            (label for label in KUBERNETES_LABELS if key in (f"{prefix}{label}" for prefix in _POD_LABELS)), None
        )
        value = None if name is None else pop_identifier(resource, key)
        if name is not None and value is not None:
            event.k8s = event.k8s or Kubernetes()
            event.k8s.labels = {**(event.k8s.labels or {}), name: value}
