"""After an upgrade: what is missing or changed in the installed libraries, for ``listed``. Fails if anything is."""

from __future__ import annotations

import sys

from veilog_filters.detect.compat.internals import CHANGED, find, fingerprint, mismatches, version_of
from veilog_filters.detect.compat.listed import Part


def main() -> int:
    """Print a line for each mismatch."""
    found = list(mismatches(Part))
    for internal, what in ((one.internal, one.found) for one in found):
        now = fingerprint(find(internal)) if what == CHANGED else "-"
        line = f"{internal.library} {version_of(internal.library)}: {internal} is {what} ({internal.uses}): {now}"
        sys.stdout.write(line + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
