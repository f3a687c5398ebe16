"""How often sketches say what they should, on a folder of prompts: ``python scripts/sketch_rates.py FOLDER...``

Reads ``*.txt`` (a prompt a line) and ``*.jsonl`` (objects with ``text`` or ``prompt``). Prints, for prompts of eight
words and more, how many share a key with themselves after light edits, by edit, and how many pairs of different ones
share a key. Pairs whose words are half the same or more are near-duplicates, and counted apart. No text is printed.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from veilog_filters.fingerprint import Fingerprinter
from veilog_filters.sketch import elements

_ALIKE: Final = 0.5
_MOST_EDITED: Final = 1_000
_MOST_PAIRED: Final = 4_000
_SHORT_WORDS: Final = 16
_OTHER_WORDS: Final = "really quickly maybe today simple detailed carefully blue market garden engine window".split()  # noqa: SIM905
_KEY: Final = bytes(range(32))


class Rates(NamedTuple):
    """What was counted.

    Attributes:
        prompts: different prompts with a sketch.
        edited: by edit, how many edited prompts there were.
        found: by edit, how many of them share a key with the prompt.
        pairs: pairs of prompts that are not alike.
        shared: how many of them share a key.
    """

    prompts: int
    edited: Counter[str]
    found: Counter[str]
    pairs: int
    shared: int


def prompts_in(folders: Sequence[str]) -> Iterator[str]:
    """The prompts of all files in some folders."""
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            lines = path.read_text(encoding="utf-8").split("\n") if path.suffix in (".txt", ".jsonl") else []
            for line in lines:
                if path.suffix == ".txt":
                    yield line
                elif line:
                    item = json.loads(line)
                    yield item.get("text") or item.get("prompt") or ""


def light_edits(prompt: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Ways to vary a prompt a little, by name."""
    words = prompt.split(" ")

    def with_changed(count: int) -> str:
        changed = words[:]
        for place in chance.sample(range(len(words)), min(count, len(words))):
            changed[place] = chance.choice(_OTHER_WORDS)
        return " ".join(changed)

    place = chance.randrange(len(words))
    yield "case", prompt.upper()
    yield "punctuation", re.sub(r"[.,;:!?]", "", prompt) + "!!"
    yield "politeness", f"Hello, please {prompt} Thank you!"
    yield "digits", re.sub(r"\d", lambda _: str(chance.randrange(10)), prompt)
    yield "a word added", " ".join([*words[:place], chance.choice(_OTHER_WORDS), *words[place:]])
    yield "a word left out", " ".join([*words[:place], *words[place + 1 :]])
    yield "order", " ".join([*words[place:], *words[:place]])
    for count in (1, 2, 3):
        yield f"{count} words changed", with_changed(count)


def rates_of(prompts: Sequence[str], seed: int = 1) -> Rates:
    """Count.

    Args:
        prompts: different texts.
        seed: of the edits.
    """
    sketch = Fingerprinter(_KEY, "rates").sketch
    chance = random.Random(seed)
    with_sketch = [(prompt, set(made)) for prompt in prompts if (made := sketch(prompt, ""))]
    edited: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for prompt, keys in chance.sample(with_sketch, min(_MOST_EDITED, len(with_sketch))):
        for name, variant in light_edits(prompt, chance):
            if elements(variant):
                edited[name] += 1
                found[name] += not keys.isdisjoint(sketch(variant, "") or ())
    pairs = shared = 0
    sample = [
        (frozenset(elements(prompt)), keys)
        for prompt, keys in chance.sample(with_sketch, min(_MOST_PAIRED, len(with_sketch)))
    ]
    for (words, keys), (others, other_keys) in itertools.combinations(sample, 2):
        both = len(words & others)
        if both < _ALIKE * (len(words) + len(others) - both):
            pairs += 1
            shared += not keys.isdisjoint(other_keys)
    return Rates(len(with_sketch), edited, found, pairs, shared)


def main(folders: Sequence[str]) -> int:
    """Print the rates; the exit code."""
    prompts = list(dict.fromkeys(prompts_in(folders)))
    for name, chosen in (
        ("all prompts", prompts),
        ("short ones", [prompt for prompt in prompts if len(prompt.split()) < _SHORT_WORDS]),
    ):
        rates = rates_of(chosen)
        if not rates.pairs:
            print(f"{name}: {rates.prompts} of eight words and more, too few")
            continue
        print(f"{name}: {rates.prompts} of eight words and more")
        print(f"  share a key after a light edit: {rates.found.total() / rates.edited.total():.2%}")
        for edit, count in rates.edited.items():
            print(f"    {edit}: {rates.found[edit] / count:.2%}")
        print(f"  unrelated pairs that share a key: {rates.shared / rates.pairs:.4%} of {rates.pairs}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
