"""The prose oracle's pipelines in the tests, and a report of what leaves, by shape, spelling and the field it left in.

Run it:

    python tests/oracle_report.py --count 4000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from samples import config_with
from veilog_filters.detect.api import PerText
from veilog_filters.pipeline import Pipeline
from veilog_filters.prove.prose import leaks_of, make, nothing_found


def pipeline_of(**sections: Any) -> Pipeline:
    """A pipeline as users have it, with the given sections of the configuration, that finds nothing."""
    return Pipeline(config_with(**sections), detector=PerText(nothing_found))


def _rates(title: str, seen: Counter[str], leaked: Counter[str], most: int) -> Iterator[str]:
    yield f"{title}: {sum(1 for name in seen if leaked[name])} of {len(seen)} leak"
    for name, _ in sorted(seen.items(), key=lambda item: -leaked[item[0]] / item[1])[:most]:
        if leaked[name]:
            yield f"  {leaked[name]:6} of {seen[name]:6}  {name}"


def report(count: int, seed: int, most: int, **sections: Any) -> int:
    """Print what leaves; the number of records with a leak."""
    pipeline = pipeline_of(**sections)
    titles = ("bases", "changes", "damage", "wrappings", "spellings", "vocabularies", "shapes")
    seen: dict[str, Counter[str]] = {title: Counter() for title in titles}
    leaked: dict[str, Counter[str]] = {title: Counter() for title in titles}
    fields: Counter[str] = Counter()
    examples: dict[str, str] = {}
    records = 0
    for number in range(count):
        record = make(seed, number)
        leaks = leaks_of(pipeline, record)
        base = record.base.partition("/")[0].partition(":")[0]
        names = dict(zip(titles[:4], (base, *record.shape), strict=True)) | {"shapes": f"{base}, {record.shape[2]}"}
        for title, name in names.items():
            seen[title][name] += 1
            leaked[title][name] += bool(leaks)
        for each in record.planted:
            seen["spellings"][each.spelling] += 1
            seen["vocabularies"][each.sentence.vocabulary] += 1
        for leak in leaks:
            leaked["spellings"][leak.planted.spelling] += 1
            leaked["vocabularies"][leak.planted.sentence.vocabulary] += 1
            fields[leak.field] += 1
            examples.setdefault(leak.field, str(leak))
        records += bool(leaks)
    print(f"{records} of {count} records leak (seed {seed})")
    for title in titles:
        print("\n".join(_rates(title, seen[title], leaked[title], most)))
    print("fields that leak")
    for field, number in fields.most_common(most):
        print(f"  {number:6}  {field}\n          {examples[field]}")
    return records


def main() -> int:
    """Parse the command line and report."""
    parser = argparse.ArgumentParser(description="Report which planted sentences leave, by shape, spelling and field.")
    parser.add_argument("--count", type=int, default=4000, help="records")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=100, help="lines per table")
    parser.add_argument("--sections", type=json.loads, default={}, help="sections of the configuration, as JSON")
    arguments = parser.parse_args()
    return bool(report(arguments.count, arguments.seed, arguments.most, **arguments.sections))


if __name__ == "__main__":
    sys.exit(main())
