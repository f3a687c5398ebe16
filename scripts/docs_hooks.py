"""Hooks of the documentation site: pages of docs/project are files of the repository's root, their links made to fit.

``SECURITY.md``, ``CONTRIBUTING.md`` and ``CHANGELOG.md`` stand where readers of a repository look for them; on the
site they are pages beside the others. mkdocs calls ``on_page_markdown`` by its name (``hooks`` in mkdocs.yml).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
_NAMED: Final = re.compile(r"<!-- this page is ([A-Z]+\.md) of the repository.*-->\n")
_LINK: Final = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#]+)(#[^)]*)?\)")
_PROJECT: Final = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")


def _fitted(link: re.Match[str]) -> str:
    """A link of a file in the root, as a page of docs/project has to write it; code for what is no page."""
    text, target, anchor = link.group(1), link.group(2), link.group(3) or ""
    if target in _PROJECT:
        return f"[{text}]({target.lower()}{anchor})"
    if target.startswith("docs/"):
        return f"[{text}](../{target.removeprefix('docs/')}{anchor})"
    return f"{text} (`{target}`)"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page: of the file that it names, if it names one."""
    named = _NAMED.fullmatch(markdown if markdown.endswith("\n") else f"{markdown}\n")
    if named is None:
        return markdown
    return _LINK.sub(_fitted, (ROOT / named.group(1)).read_text(encoding="utf-8"))
