"""Writes Fluent Bit's parsers for lines of text from the patterns that veilog itself reads them with.

Run it with ``make generate`` after changing a pattern. A test keeps both files current.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from veilog_parsers.sources.servers import access_log, llama_cpp, ollama, tgi, vllm

FOLDER: Final = Path(__file__).parents[1] / "conf" / "fluent-bit"
PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "veilog_vllm": vllm.LINE,
    "veilog_ollama": ollama.LINE,
    "veilog_ollama_debug": ollama.DEBUG,
    "veilog_llama_cpp": llama_cpp.LINE,
    "veilog_llama_cpp_body": llama_cpp.BODY,
    "veilog_tgi": tgi.LINE,
    "veilog_access_combined": access_log.COMBINED,
    "veilog_access_envoy": access_log.ENVOY,
    "veilog_access_uvicorn": access_log.UVICORN,
}
_INTRODUCTION: Final = """\
# Parsers for lines of self-hosted models and web servers, made by scripts/fluent_bit_parsers.py.
#
# veilog reads such lines by itself, so these are for those who want fields already in Fluent Bit, to route or to drop
# by them. The fields have the names that veilog knows; a line that does not match stays as it is. Times stay in the
# record.
#
"""
_CLASSIC: Final = """\
#     [FILTER]
#         Name          parser
#         Match         ollama.*
#         Key_Name      log
#         Parser        veilog_ollama
#         Reserve_Data  On
"""
_YAML: Final = """\
#     pipeline:
#       filters:
#         - name: parser
#           match: ollama.*
#           key_name: log
#           parser: veilog_ollama
#           reserve_data: on
"""


def onigmo(pattern: re.Pattern[str]) -> str:
    """A pattern as Fluent Bit's regex engine spells it."""
    return pattern.pattern.replace("(?P<", "(?<")


def classic() -> str:
    """The parsers in Fluent Bit's classic form."""
    blocks = [
        f"\n[PARSER]\n    Name    {name}\n    Format  regex\n    Regex   {onigmo(pattern)}\n"
        for name, pattern in PATTERNS.items()
    ]
    return _INTRODUCTION + _CLASSIC + "".join(blocks)


def in_yaml() -> str:
    """The parsers in Fluent Bit's YAML form."""
    blocks = [
        "  - name: {}\n    format: regex\n    regex: '{}'\n".format(name, onigmo(pattern).replace("'", "''"))
        for name, pattern in PATTERNS.items()
    ]
    return _INTRODUCTION + _YAML + "\nparsers:\n" + "".join(blocks)


if __name__ == "__main__":
    (FOLDER / "parsers.conf").write_text(classic(), encoding="utf-8")
    (FOLDER / "parsers.yaml").write_text(in_yaml(), encoding="utf-8")
