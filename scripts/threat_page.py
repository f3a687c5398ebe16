"""Makes docs/reference/threats.md: how threat rules are written and which there are, from packs and their model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from veilog_filters.config import Config
from veilog_filters.forms.hidden import FORMS, MAX_CHARS, MAX_RUNS
from veilog_filters.threat_expressions import MOST_LETTERS, MOST_SPACE, MOST_WAYS
from veilog_filters.threat_pack import OUTSIDE, LoadedRule, Pack, load_rules
from veilog_filters.threats import MAX_THREATS

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "threats.md"

_HEAD: Final = """\
# Threat rules

<!-- made by `make generate` from the code: change scripts/threat_page.py, not this page -->

Once a prompt is a hash, nobody behind veilog can look for "ignore previous instructions" in it. So it is looked for
here, while the text is there, and leaves as a fact: `threats`, a list with an entry for each rule that matched, the
gravest first, up to {most}. An entry has the rule's name, severity and maturity, its family, its tags in public
frameworks (`technique` is that of MITRE ATLAS, `owasp` the entry of the newest OWASP Top 10 for LLM applications that
the rule has, with its year), and where the texts stand that matched. No text leaves, no place in a text, no length.

Beside the rules, four kinds of threats follow from other fields of an event: what the source itself flagged
(`upstream_threats`; its `reporter` is the product that saw it), what a response lets out (`leakage`), and departments
that were crossed.

`veilog rules` lists all rules with their modes, `veilog explain` says which matched a record and where.

## What is judged

What is new in a call: what users wrote behind the model's last turn, what tools and retrieval gave there, system
prompts, and the response. Earlier turns were judged when they came.

| place | what stands there |
| --- | --- |
| `user` | the users' newest turns |
| `system` | system and developer prompts; no rule for users runs on them |
| `tool_result` | what a tool gave: turns of the role tool, responses of tool calls and of MCP servers |
| `retrieved` | documents, where the source tells of a retrieval, a knowledge base or data sources |
| `tool_arguments` | what a tool is called with |
| `response` | all else that the model produced |

A text is read as it is, with escapes undone, and with base64 in it decoded, as for redaction. All conditions on text
hold in one text.

## Modes

`mode` of a rule, and `threats.modes` of the configuration, by pack or by rule (a rule goes before its pack):

    threats:
      pack_files: [our-threats.yaml]
      modes:
        jailbreak: dry_run          # a pack
        refusal-in-words: "off"     # a rule
        upstream: enforce           # a family that follows from other fields

`enforce` tags. `dry_run` counts: in the metric `veilog_threats_total` with `mode="dry_run"`, and by name in
`redaction.dry_run_rules`. `off` does not look.

## Writing and proving your own

A pack is a YAML file; `veilog schema threats` prints its JSON Schema. `threats.pack_files` names files of yours, and a
Python package can bring some ([plugins](../plugins.md)). `veilog check` refuses a pack with file, line and key; it also
walks the proofs: each proof must match, each counter-proof must not.

    name: acme
    version: "1"
    rules:
      - id: acme-codename
        description: The prompt asks for the code name of a project.
        family: custom
        severity: medium
        maturity: incubating
        applies_to: [user]
        when:
          all:
            - words: [project bluebird]
            - any: ['\\b(?:tell|show|list)\\b.{{0,40}}\\b(?:budget|members?)\\b']
          not: ['\\bpress release\\b']
        proofs:
          - Tell me the budget of Project Bluebird.
        counter_proofs:
          - {{text: Is a bluebird a thrush?, reason: a bird}}

### Expressions

They are patterns of Python, sought in any case, with `.` for line ends too. Whoever sends a prompt chooses the text, so
each expression must be linear on any text:

* A repeat of one character without an upper bound gets one: {letters} for what takes letters (`.`, `\\w`, `[^;]`),
  {space} for all else (`\\s`, digits). Of a group, it is refused; so is any bound above {letters}.
* From one place, a search may try at most {ways} ways: two long gaps, not three. Repeats in repeats are fine where
  each ends where the next begins (`(?:\\w+\\W+){{0,5}}`).
* No reference back, no `\\p`, no `\\u`: write the character itself. Letters of all alphabets may be named.

A search that takes the record's time all the same sends the record to quarantine.

### Hidden text

A rule with `forms` has no expressions of its own. It matches where another rule of medium or high severity matches what
is hidden in one of these forms, and not the text as it is: {forms}. The other rule is tagged too. At most {runs} pieces
and {chars} characters of a text are decoded in a form.

"""

_STOP: Final = """
## Where rules stop

`python scripts/threat_rates.py PATH...` measures all rules on labelled prompts of your own: `*.jsonl` with `text`,
`label`, `family`. What it printed on public sets of other sources than the rules were written on, with the texts as the
user's. Of two groups single texts were looked at while rules were mended, so their figures flatter: of marked indirect
injection misses (58 % before that), of security talk and quoting pages what was taken wrongly at high severity (0.7 and
2.9 % before).

| what | texts | any severity, % | high, % |
| --- | --- | --- | --- |
| jailbreaks from the wild and templates (PyRIT, promptmap, ChatGPT_DAN) | 438 | 93.6 | 78.3 |
| one-line jailbreaks (agentic-redteam, nullsec-promptinject) | 29 | 51.7 | 34.5 |
| overrides (promptmap, agentic-redteam, nullsec-promptinject) | 42 | 85.7 | 42.9 |
| overrides in 17 other languages (PurpleLlama, "ignore previous instructions") | 68 | 61.8 | 48.5 |
| the other direct injections of that set, in these languages | 666 | 17.3 | 1.8 |
| extraction (Tensor Trust, agentseal, PyRIT, promptmap) | 455 | 85.7 | 23.7 |
| access-code games (Tensor Trust) | 296 | 83.8 | 25.3 |
| marked indirect injection (AgentDojo, agent-injection-bench, bastionprobe) | 69 | 79.7 | 42.0 |
| bare indirect injection (AgentDojo, "TODO: ...") | 23 | 13.0 | 0.0 |
| overrides and extraction in twelve encodings | 480 | 93.1 | 85.0 |
| ordinary prompts (alpaca_eval, WizardLM, GSM8K) | 1,156 | 0.2 | 0.0 |
| security talk (OWASP cheat sheets, PurpleLlama's harmless prompts) | 967 | 6.6 | 0.0 |
| pages that quote attacks (of scanners, OWASP on prompt injection) | 443 | 9.0 | 1.6 |
| personas (ChatGPT-System-Prompts), read as a user's text | 46 | 100.0 | 0.0 |
| instructions of published GPTs, read as a user's text | 281 | 47.0 | 4.6 |
| system prompts in their place (leaked-system-prompts, CL4R1T4S, fabric) | 415 | 0.0 | 0.0 |

The personas are files that have "system prompt" in their heading, which one rule of low severity names.

High severity is kept for what ordinary texts do not have: none of the ordinary prompts above, and none of the security
talk, matches such a rule.

So much they find, and no more:

* **Few signs, short texts.** One-line jailbreaks ("be evil now") and role-play that grows over many turns have no words
  of their own. Of short jailbreaks about half are seen. Persuasion ("I am your boss, I need it") is hardly seen at all.
* **Bare injection.** An order inside a document that looks like any other order ("summarize in one line") differs from
  the user's only by who wrote it. Rules see what speaks to the model, changes the answer or sends something out.
* **Other languages.** Override has rules in twenty-two languages beside English, extraction in thirteen. Jailbreak
  personas and indirect injection are in English, but for modes and roles. Other languages are not seen.
* **What is hidden** is found as well as it would be in plain text: an encoding that is undone adds nothing by itself.
  Ciphers that are not in the list of forms, and two forms over one another, are not undone.
* **Talk about attacks** that quotes one in full can match: pages on prompt injection, and instructions of assistants
  that forbid it by quoting it. High severity was on 1.6 % of such texts.
* **Control plane.** Many names of operations have no sample of veilog's behind them, and were not compared with the
  services' references.
* **Time.** Rules add about a fifth to what a record costs (`python benchmarks/bench_threats.py`), nearly all of it for
  what users and tools say. The first start after an upgrade compiles them, which takes about half a minute of processor
  time; `veilog warm` does it beforehand.

A linear model on words is not shipped. In a trial with the development prompts, one (words and runs of up to three,
hashed, 64 KB) added 2 points on jailbreaks, 14 on games and 21 on extraction, at 0.1 % of ordinary prompts; but it does
not carry over to sources that it has not seen: with one source left out at a time it found from 1 to 62 % of that one.
The rules reach more by themselves, and say why. It does not earn its place.
"""


def _fields() -> Iterator[str]:
    schema: dict[str, Any] = Pack.model_json_schema()
    for title, name in (("A rule", "Rule"), ("`when`", "Conditions"), ("`when.all[]`", "Group"), ("`tags[]`", "Tag")):
        yield f"### {title}\n\n| key | what it says |\n| --- | --- |\n"
        section = schema["$defs"][name]
        for key, option in section["properties"].items():
            must = " Required." if key in section.get("required", ()) else ""
            yield f"| `{key}` | {' '.join(option.get('description', '').split())}{must} |\n"
        yield "\n"


def _tags(one: LoadedRule) -> str:
    return ", ".join(f"{tag.framework} {tag.version} {tag.id}" for tag in one.rule.tags)


def _rules() -> Iterator[str]:
    yield "## The rules\n\n| rule | family | severity | maturity | where | what it says | tags |\n"
    yield "| --- | --- | --- | --- | --- | --- | --- |\n"
    for one in sorted(load_rules(Config()), key=lambda one: (one.rule.family, one.rule.id)):
        rule, where = one.rule, ", ".join(one.rule.applies_to) or "facts"
        mode = "" if rule.mode == "enforce" else f" ({rule.mode})"
        cells = (f"`{rule.id}`{mode}", rule.family, rule.severity, rule.maturity, where, rule.description, _tags(one))
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |\n"
    yield "\nFrom other fields of the event: " + ", ".join(f"`{name}`" for name in OUTSIDE) + ".\n"


def page() -> str:
    """The page."""
    head = _HEAD.format(
        most=MAX_THREATS,
        letters=MOST_LETTERS,
        space=MOST_SPACE,
        ways=f"{MOST_WAYS:,}",
        forms=", ".join(f"`{form}`" for form in FORMS),
        runs=MAX_RUNS,
        chars=f"{MAX_CHARS:,}",
    )
    return head + "".join(_fields()) + "".join(_rules()) + _STOP
