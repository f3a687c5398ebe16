"""Checks ES|QL queries against an index's mappings: syntax, functions, names and types of fields, columns.

Standard input: JSON with ``mappings`` (as in an index template), ``version`` (of Elasticsearch), ``queries`` by name.
Standard output: JSON with ``columns`` (by name, those that a query ends with and their types) and ``errors`` (by name).
It needs Python 3.12 and ``requirements.txt`` beside it.
"""

from __future__ import annotations

import json
import sys

import esql

asked = json.load(sys.stdin)
columns: dict[str, dict[str, str]] = {}
errors: dict[str, str] = {}
schema = esql.Schema(asked["mappings"])
with schema, esql.ParserConfig(min_stack_version=asked["version"]):
    for name, query in asked["queries"].items():
        try:
            tree = esql.parse_query(query)
            columns[name] = esql.infer_column_types(tree, schema)
            if name.startswith("rules"):
                esql.validate_detection_rule_query(tree, name)
        except esql.EsqlError as error:
            errors[name] = str(error)
json.dump({"columns": columns, "errors": errors}, sys.stdout)
