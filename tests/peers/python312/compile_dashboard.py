"""Prints the saved objects that Kibana imports for a dashboard in YAML, one on each line.

Args: the file. It needs Python 3.12 and ``requirements.txt`` beside it.
"""

from __future__ import annotations

import json
import sys

from kb_dashboard_core.dashboard_compiler import load, render

OF_A_SERVER = ("created_at", "created_by", "updated_at", "updated_by", "version")
"""What a Kibana writes itself when it imports."""

for dashboard in load(sys.argv[1]):
    made = render(dashboard).model_dump(by_alias=True)
    print(json.dumps({key: value for key, value in made.items() if key not in OF_A_SERVER}, sort_keys=True))
