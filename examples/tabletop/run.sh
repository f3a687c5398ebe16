#!/bin/sh
# The whole exercise: raw records, events, timeline, report. README.md has the same commands, one by one.
set -eu
cd "$(dirname "$0")"
python stolen_key.py raw
export VEILOG_HASH_KEY=$(veilog key)
veilog filter --config veilog.yaml raw > events.jsonl
python timeline.py events.jsonl
veilog report events.jsonl --out report.html
