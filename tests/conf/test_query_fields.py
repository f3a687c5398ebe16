"""The readers of queries find every field that a query asks for."""

from __future__ import annotations

import pytest

from query_fields import kql_paths, of_splunk, spl_fields, yara_l_fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('`veilog` kind="ai_access" a.b=* c{}.d=*', {"kind", "a.b", "c{}.d"}),
        ('x IN ("one", "two") | dedup event_id', {"x", "event_id"}),
        ("| stats count as n sum(tokens) as tokens by user model | sort 20 - n user", {"tokens", "user", "model"}),
        ('| fillnull value="none" first second', {"first", "second"}),
        ('| rename "a.b" as x "c{}" as y | where x>1 AND y!=z', {"a.b", "c{}", "z"}),
        ('| eval x=if(a=1, b, "c"), y=x+d | table x y', {"a", "b", "d"}),
        ('| stats count(eval(kind="quarantine")) as q by source', {"kind", "source"}),
        ("| timechart limit=10 count by user", {"user"}),
        ("| timechart span=5m sum(tokens) as used by user", {"tokens", "user"}),
        ("| streamstats current=f window=1 last(_time) as previous by source", {"_time", "source"}),
        ("```about user``` kind=*", {"kind"}),
    ],
)
def test_fields_of_splunk(text: str, fields: set[str]) -> None:
    assert spl_fields(text) == fields


@pytest.mark.parametrize("text", ["| stat count by user", "| stats cuont(user) as n", "| eval x=lowr(user)"])
def test_a_word_that_splunk_does_not_know_is_found(text: str) -> None:
    with pytest.raises(AssertionError, match="unknown"):
        spl_fields(text)


def test_paths_of_kusto() -> None:
    text = 'T | extend a = tostring(AdditionalFields.guardrail.action), b = AdditionalFields["kind"], c = NoAdditionalFields.x'
    assert kql_paths(text) == {"AdditionalFields.guardrail.action", "AdditionalFields.kind"}


def test_fields_of_yara_l() -> None:
    text = """
        $e.metadata.vendor_name = "veilog"
        $user = principal.user.user_display_name
        additional.fields["hash_key_id"] != "" // security_result.action
        $day = timestamp.get_date(metadata.event_timestamp.seconds)
        match: $day, $user
    """
    assert yara_l_fields(text) == {
        "metadata.vendorName",
        "metadata.eventTimestamp",
        "principal.user.userDisplayName",
        "additional.hash_key_id",
    }
    with pytest.raises(AssertionError, match="unknown word"):
        yara_l_fields("mach: $user")


def test_where_a_field_of_splunk_stands() -> None:
    assert of_splunk("upstream_threats{}.type") == "event.upstream_threats.type"
