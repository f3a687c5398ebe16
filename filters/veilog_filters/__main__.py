"""``python -m veilog_filters`` is ``veilog``."""

from veilog_filters.cli import main

main()
