"""HTML pages, each one file that needs nothing else: no script, no font and no picture from anywhere."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """A page. Whatever is put into it is escaped.

    Args:
        template: name of a file in this folder.
        values: what the template speaks of.
    """
    environment = Environment(
        loader=PackageLoader("veilog_filters", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
