"""What it costs to write events in another schema, beside all that happens to a record before.

Records of the samples run through the whole pipeline with the native schema and with each other one, in turn, so that
both meet the same noise; the share is that of processor time. Run it with ``python benchmarks/bench_encode.py``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from samples import config_with, samples
from veilog_filters import plugins
from veilog_filters.encode import native
from veilog_filters.pipeline import Pipeline

ROUNDS = 5
MAX_BYTES = 20_000


def main() -> None:
    """Print the share of each schema."""
    chosen = [sample for sample in samples() if len(sample.line) < MAX_BYTES]
    pipeline = Pipeline(config_with())
    encoders = {
        offer.name: encoder for offer, encoder in plugins.select("encoders", ()) if encoder is not native.ENCODER
    }
    spent = dict.fromkeys(["native", *encoders], 0.0)
    for number in range(ROUNDS + 1):
        records = [sample.record() for sample in chosen]
        began = time.process_time()
        events = [event for found in pipeline.batch(records) for event in found]
        whole = time.process_time() - began
        for name, encoder in encoders.items():
            encode, further = encoder.encode, encoder.further
            began = time.process_time()
            for event in events:
                encode(event)
                if further is not None:
                    further(event)
            if number:
                spent[name] += time.process_time() - began
        if number:
            spent["native"] += whole
    print(f"{len(chosen)} records, {ROUNDS} rounds")
    for name in encoders:
        print(f"{name:12} {100 * spent[name] / (spent['native'] + spent[name]):5.1f} % of the time of a record")


if __name__ == "__main__":
    main()
