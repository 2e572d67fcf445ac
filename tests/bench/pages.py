"""Pages of Persian Markdown, from the words of the demo shop's guide and a number: no two alike, the same every run."""

import random
import re
from functools import cache

from tests.product import ROOT

PAGE_CHARACTERS = 1800
"""About what a printed page holds."""
SECTIONS = 3
SENTENCE_WORDS = (6, 16)


@cache
def _words() -> list[str]:
    return sorted(set(re.findall(r"[\w\u200c]+", (ROOT / "local/demo/shop.fa.md").read_text(encoding="utf-8"))))


def page(number: int) -> str:
    """Page *number*: a title and some sections, PAGE_CHARACTERS long or a sentence more."""
    dice = random.Random(number)
    sections = [f"# راهنمای شماره {number}: {_some(dice, 3)}\n"]
    for _ in range(SECTIONS):
        section = f"\n## {_some(dice, 3)}\n\n"
        while len(section) < PAGE_CHARACTERS // SECTIONS:
            section += f"{_some(dice, dice.randint(*SENTENCE_WORDS))}. "
        sections.append(section.rstrip() + "\n")
    return "".join(sections)


def pages(count: int, *, first: int = 1) -> list[tuple[str, bytes]]:
    """Names and contents of so many files of a page each."""
    return [(f"rahnama-{n}.md", page(n).encode()) for n in range(first, first + count)]


def _some(dice: random.Random, count: int) -> str:
    return " ".join(dice.choices(_words(), k=count))
