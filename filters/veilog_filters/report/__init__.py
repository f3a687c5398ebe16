"""``veilog report``: a dashboard and an audit report from event files, with no SIEM at all.

Theory of operation::

    files -> read.py -> events as columns of the report -> database.py -> queries/ -> page, Markdown, JSON

``read.py`` takes files apart into documents and counts what it could not read. ``columns.py`` finds the report's
columns in a document of any schema, by the tables that the encoders write with. ``database.py`` loads them into a
DuckDB file in a private folder and asks the queries, which are data (``queries/``), over two views (``views.py``).
``charts.py`` draws some of the answers, and ``page.py``, ``markdown.py`` and ``report.py`` write them. All three
formats show the same answers, each with its SQL.

Why these libraries. DuckDB counts a million events in seconds within a limit on memory, and its SQL is what an auditor
can run again. Charts are Vega-Lite's, drawn by vl-convert when the page is written: the page holds finished SVG and no
script, so its Content-Security-Policy forbids every script, it opens where scripts are off, it prints, a chart takes
kilobytes instead of the megabytes of a charting script, and each mark has a label for screen readers. Both come with
the extra ``veilog[report]``, both are imported where they are used.
"""
