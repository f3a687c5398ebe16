"""Resources of OpenTelemetry: the service that made spans and log records, and where it runs."""

from __future__ import annotations

from typing import Final

from veilog_parsers.event import AuditEvent, Cloud, SensitiveText, UserType
from veilog_parsers.record.fields import drop, pop_text, pop_word
from veilog_parsers.record.places import pop_pod, resource_of_pod
from veilog_parsers.record.raw import Fields
from veilog_parsers.sources.otel.facts import Table

_RESOURCE: Final = Table(
    """
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


def read_resource(fields: Fields, event: AuditEvent) -> None:
    """Read the resource: the service that made the records, and where it runs."""
    resource = fields.get("resource")
    if type(resource) is not dict:
        return
    _RESOURCE.read(resource, event)
    event.k8s = pop_pod(resource)
    if event.user_type is None and (event.user_id is not None or event.user_name is not None):
        event.user_type = UserType.USER
    _read_service(resource, event)
    where = resource_of_pod(event.k8s)
    if where is not None and (event.cloud is None or event.cloud.resource is None):
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
