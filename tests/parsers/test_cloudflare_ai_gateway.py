"""Cloudflare AI Gateway: encrypted is said to be encrypted, and never taken for text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples import SAMPLES
from veilog_parsers.event import Outcome
from veilog_parsers.record.fields import remainder
from veilog_parsers.registry import Registry
from veilog_parsers.sources.gateways.cloudflare_ai_gateway import SOURCE


def load(name: str) -> Any:
    return json.loads((SAMPLES / "cloudflare_ai_gateway" / f"{name}.in.json").read_text())


def encrypted_fields(as_text: bool) -> Any:
    fields = load("good_encrypted")
    if as_text:
        for name in ("RequestBody", "ResponseBody", "Metadata"):
            fields[name] = json.dumps(fields[name])
    return fields


@pytest.mark.parametrize("as_text", [False, True])
def test_an_encrypted_body_is_no_text(as_text: bool) -> None:
    fields = encrypted_fields(as_text)
    event = SOURCE.parse(fields)
    assert event.prompt_messages == event.response_messages == []
    assert remainder(fields) == dict.fromkeys(("RequestBody", "ResponseBody", "Metadata"), "encrypted")


def test_a_plain_body_is_read() -> None:
    event = SOURCE.parse(load("good_plain"))
    assert [message.role for message in event.prompt_messages] == ["system", "user"]
    assert len(event.response_messages) == 1


def test_the_gateway_s_own_blocks() -> None:
    assert SOURCE.parse(load("error_dlp_blocked")).outcome_status is Outcome.CONTENT_FILTERED
    assert SOURCE.parse(load("error_rate_limited")).outcome_status is Outcome.THROTTLED


def test_other_logpush_datasets_are_not_taken() -> None:
    assert Registry().recognize({"Provider": "x", "ClientIP": "198.51.100.1"}) is None


def test_more_beside_an_encrypted_body_makes_it_no_text() -> None:
    body = {"type": "encrypted", "key": "a2V5", "iv": "aXY=", "data": "c2VjcmV0"}
    fields = load("good_encrypted") | {"RequestBody": body}
    event = SOURCE.parse(fields)
    assert event.prompt_messages == []
    assert fields["RequestBody"] == "encrypted"
