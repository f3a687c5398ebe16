"""Writes ``conf/siem/sentinel/azuredeploy.json``: what Microsoft Sentinel needs, as an Azure Resource Manager template.

The table's columns and those of the data collection rule's stream are what the encoder ``asim`` writes, with the types
that Microsoft's own tables have. Functions, workbook and rules are made of the queries beside it and of the detections.
Run it with ``make generate``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import detections
from detections import Detection, Language
from siem_panels import ABOUT, CONTENT, PANELS, ROOT, TITLE, Chart, Query, queries, query
from veilog_filters.encode import asim
from veilog_filters.encode.table import Object

SENTINEL: Final = CONTENT / "sentinel"
TEMPLATE: Final = SENTINEL / "azuredeploy.json"
TABLE: Final = "Veilog_CL"
STREAM: Final = f"Custom-{TABLE}"
_PUBLISHED: Final = ROOT / "tests" / "data" / "asim"
_NOT_PUBLISHED: Final = {"Dvc": "string"}
"""Columns that ASIM requires and the parsers of Microsoft's tables add."""
_WORKSPACE_ID: Final = "[resourceId('Microsoft.OperationalInsights/workspaces', parameters('workspace'))]"
_DEPLOYED_RULE: Final = "reference(resourceId('Microsoft.Insights/dataCollectionRules', 'veilog'), '2023-03-11')"
_CHARTS: Final = {Chart.COLUMNS: "barchart", Chart.TABLE: "table"}


def _written() -> Iterator[str]:
    """The columns that the encoder may write: by its tables' rows, and by what completes them."""
    for table in (asim.AGENT, asim.AUDIT):
        yield from (row.target.partition(".")[0] for row in table.rows)
    full: Object = {"user_id": "u", "user_name": "u", "change": {}, "event_id": "e", "source": "other"}
    for kind in ("ai_access", "other"):
        yield from asim.encode(full | {"kind": kind})


def columns() -> dict[str, str]:
    """The columns of the table and their types, by name."""
    types: dict[str, str] = dict(_NOT_PUBLISHED)
    for name in ("audit_event", "agent_event"):
        types |= json.loads((_PUBLISHED / f"{name}.json").read_text(encoding="utf-8"))
    return {name: types[name] for name in sorted(set(_written()))}


def _column_list() -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in columns().items()]


def _table() -> Object:
    return {
        "type": "Microsoft.OperationalInsights/workspaces/tables",
        "apiVersion": "2022-10-01",
        "name": f"[concat(parameters('workspace'), '/{TABLE}')]",
        "properties": {"plan": "Analytics", "schema": {"name": TABLE, "columns": _column_list()}},
    }


def _collection_rule() -> Object:
    return {
        "type": "Microsoft.Insights/dataCollectionRules",
        "apiVersion": "2023-03-11",
        "name": "veilog",
        "location": "[parameters('location')]",
        "kind": "Direct",
        "dependsOn": [
            f"[resourceId('Microsoft.OperationalInsights/workspaces/tables', parameters('workspace'), '{TABLE}')]"
        ],
        "properties": {
            "description": "Events of veilog in the schema asim.",
            "streamDeclarations": {STREAM: {"columns": _column_list()}},
            "destinations": {"logAnalytics": [{"name": "workspace", "workspaceResourceId": _WORKSPACE_ID}]},
            "dataFlows": [
                {
                    "streams": [STREAM],
                    "destinations": ["workspace"],
                    "transformKql": "source",
                    "outputStream": STREAM,
                }
            ],
        },
    }


def _saved_query(name: str, about: str, text: str, category: str, alias: dict[str, str]) -> Object:
    return {
        "type": "Microsoft.OperationalInsights/workspaces/savedSearches",
        "apiVersion": "2020-08-01",
        "name": f"[concat(parameters('workspace'), '/veilog-{name}')]",
        "properties": {
            "category": category,
            "displayName": name,
            "query": f"// {about}\n{text}",
            **alias,
            "version": 2,
        },
    }


def _saved_queries() -> list[Object]:
    functions = [
        _saved_query(found.name, found.about, found.text, "AI use", {"functionAlias": found.name})
        for found in queries(SENTINEL / "functions")
    ]
    audit = [
        _saved_query(found.name, found.about, found.text, "AI use: audit", {}) for found in queries(SENTINEL / "audit")
    ]
    return [*functions, *audit]


def workbook() -> Object:
    """The workbook, as Azure Monitor stores one."""
    time = {
        "type": 9,
        "name": "parameters",
        "content": {
            "version": "KqlParameterItem/1.0",
            "parameters": [
                {
                    "id": "8b0f6d5e-6f0b-4f5b-9f0c-2d9f0b1c7a10",
                    "version": "KqlParameterItem/1.0",
                    "name": "TimeRange",
                    "label": "Time",
                    "type": 4,
                    "isRequired": True,
                    "value": {"durationMs": 604_800_000},
                    "typeSettings": {
                        "selectableValues": [{"durationMs": days * 86_400_000} for days in (1, 7, 30, 90)]
                    },
                }
            ],
            "style": "pills",
            "queryType": 0,
            "resourceType": "microsoft.operationalinsights/workspaces",
        },
    }
    items = []
    for panel in PANELS:
        found = query(SENTINEL / "panels" / f"{panel.name}.kql")
        content = {
            "version": "KqlItem/1.0",
            "query": found.text,
            "size": 0,
            "title": panel.title,
            "timeContextFromParameter": "TimeRange",
            "queryType": 0,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "visualization": _CHARTS[panel.chart],
        }
        width = "100" if panel.is_wide else "50"
        items.append({"type": 3, "name": panel.name, "customWidth": width, "content": content})
    heading = {"type": 1, "name": "heading", "content": {"json": f"## {TITLE}\n{ABOUT}"}}
    return {"version": "Notebook/1.0", "items": [heading, time, *items]}


def _workbook_resource() -> Object:
    return {
        "type": "Microsoft.Insights/workbooks",
        "apiVersion": "2022-04-01",
        "name": "[guid(resourceGroup().id, 'veilog-workbook')]",
        "location": "[parameters('location')]",
        "kind": "shared",
        "properties": {
            "displayName": TITLE,
            "category": "sentinel",
            "version": "1.0",
            "sourceId": _WORKSPACE_ID,
            "serializedData": json.dumps(workbook()),
        },
    }


def _rule(found: Query, properties: Object, account: str | None) -> Object:
    mappings = [{"entityType": "Account", "fieldMappings": [{"identifier": "Name", "columnName": account}]}]
    return {
        "type": "Microsoft.OperationalInsights/workspaces/providers/alertRules",
        "apiVersion": "2023-11-01",
        "name": (
            "[concat(parameters('workspace'), '/Microsoft.SecurityInsights/', "
            f"guid(resourceGroup().id, 'veilog-{found.name}'))]"
        ),
        "kind": "Scheduled",
        "dependsOn": [
            "[resourceId('Microsoft.OperationalInsights/workspaces/savedSearches', "
            "parameters('workspace'), 'veilog-Veilog')]"
        ],
        "properties": {
            "displayName": f"AI use: {found.name}",
            "description": found.about,
            "severity": "Medium",
            "enabled": True,
            "query": found.text,
            "queryFrequency": "PT1H",
            "queryPeriod": "P14D",
            "triggerOperator": "GreaterThan",
            "triggerThreshold": 0,
            "suppressionEnabled": False,
            "suppressionDuration": "PT5H",
            **properties,
            **({"entityMappings": mappings} if account else {}),
        },
    }


def _period(found: Detection) -> str:
    """How far back a rule of each hour looks: to the beginning of a window that ends in the last hour."""
    if "history" in found.options:
        return "P14D"
    hours = 1 + -(-detections.seconds(found.options["window"]) // 3600) if "window" in found.options else 1
    return f"PT{hours}H"


def _rules() -> Iterator[Object]:
    for found in queries(SENTINEL / "alerts"):
        yield _rule(found, {}, "User")
    for name, text in detections.queries(Language.KQL).items():
        detection = detections.detections()[name]
        properties = {
            "severity": detection.level.capitalize(),
            "enabled": not detection.published,
            "queryPeriod": _period(detection),
        }
        has_caller = not detection.keys or "caller" in detection.keys
        yield _rule(Query(name, detection.sentence, text), properties, "Caller" if has_caller else None)


def template() -> str:
    """The template."""
    document = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "metadata": {"description": "Made by `make generate`: change what it is made of, not this file."},
        "parameters": {
            "workspace": {
                "type": "string",
                "metadata": {"description": "Name of the Log Analytics workspace that Sentinel works on."},
            },
            "location": {
                "type": "string",
                "defaultValue": "[resourceGroup().location]",
                "metadata": {"description": "Region of the workspace."},
            },
        },
        "resources": [_table(), _collection_rule(), *_saved_queries(), _workbook_resource(), *_rules()],
        "outputs": {
            "ruleId": {"type": "string", "value": f"[{_DEPLOYED_RULE}.immutableId]"},
            "endpoint": {"type": "string", "value": f"[{_DEPLOYED_RULE}.endpoints.logsIngestion]"},
        },
    }
    return json.dumps(document, indent=2) + "\n"
