"""The summary of ``veilog prove``, as text and as an HTML page, and its signature.

The last line of either is a keyed hash (HMAC-SHA-256) over all bytes before it, under the configured key and in a domain
of its own: who has the key can tell whether a page is as veilog wrote it.
"""

from __future__ import annotations

import hmac
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.pages import render
from veilog_filters.prove.proof import Proof

DOMAIN: Final = "proof"
"""Of the keyed hash: no hash of an event can be taken for a signature."""
WIDTH: Final = 100
"""Columns of the text."""
_SIGNATURE: Final = re.compile(rb"(?:<!-- )?signature: hmac-sha256 (\S+) ([0-9a-f]{64})(?: -->)?")


class SignatureError(Exception):
    """A page is not as a holder of the key wrote it. Says why, and quotes nothing."""


def as_text(proof: Proof, signer: Fingerprinter) -> str:
    """The summary as text, signed."""
    lines = ["veilog prove: what this configuration promises, and how it was checked", ""]
    facts = (*proof.facts, ("result", result_of(proof)))
    lines += _table(facts)
    lines += ["", "What leaves in a form that can be read", ""]
    lines += _table(proof.kept)
    lines += ["", "What is promised, and how it was checked"]
    for check in proof.checks:
        mark = "holds" if check.holds else "DOES NOT HOLD"
        lines += ["", *_wrapped(f"[{mark}] {check.promise}", "")]
        lines += _wrapped(check.how, "    ")
        lines += [f"    {line}" for line in _table(check.rows, WIDTH - 4)]
    lines += ["", "Limits", ""]
    for limit in proof.limits:
        lines += _wrapped(limit, "- ")
    return _signed("\n".join(lines) + "\n\n", signer, "", "")


def as_html(proof: Proof, signer: Fingerprinter) -> str:
    """The summary as a page, signed."""
    page = render("proof.html.j2", proof=proof, result=result_of(proof), key_id=str(signer.key_id))
    return _signed(page.rstrip("\n") + "\n", signer, "<!-- ", " -->")


def result_of(proof: Proof) -> str:
    """The result in words."""
    broken = sum(not check.holds for check in proof.checks)
    return f"{broken} of {len(proof.checks)} promises DO NOT HOLD" if broken else "all promises hold"


def verify(page: bytes, signers: Sequence[Fingerprinter]) -> str:
    """The id of the key that a page was signed with.

    Args:
        page: what ``as_text`` or ``as_html`` made.
        signers: the keys that it may be signed with.

    Raises:
        SignatureError: it was changed, was signed with another key, or was never signed.
    """
    body, _, last = page.rstrip(b"\r\n").rpartition(b"\n")
    found = _SIGNATURE.fullmatch(last)
    if found is None:
        raise SignatureError("its last line is no signature")
    key_id = found[1].decode("utf-8", "replace")
    known = [signer for signer in signers if signer.key_id == key_id]
    if not known:
        raise SignatureError("it was signed with another key than the configured ones")
    expected = [signer.digest(DOMAIN, "", body + b"\n").encode() for signer in known]
    if not any(hmac.compare_digest(found[2], digest) for digest in expected):
        raise SignatureError("it was changed after it was signed, or signed with another key of that name")
    return key_id


def _signed(page: str, signer: Fingerprinter, before: str, behind: str) -> str:
    digest = signer.digest(DOMAIN, "", page.encode())
    return f"{page}{before}signature: hmac-sha256 {signer.key_id} {digest}{behind}\n"


def _table(rows: Sequence[tuple[str, str]], width: int = WIDTH) -> Iterator[str]:
    """Rows of two columns."""
    first = max((len(name) for name, _ in rows), default=0) + 2
    for name, value in rows:
        yield from textwrap.wrap(
            value,
            width,
            initial_indent=f"{name:{first}}",
            subsequent_indent=" " * first,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _wrapped(text: str, indent: str) -> list[str]:
    behind = " " * len(indent)
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=behind, break_on_hyphens=False)
