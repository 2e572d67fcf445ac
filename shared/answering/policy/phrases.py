"""Finding phrases in what people type: by whole words, blind to letters' forms, digits, half-spaces and joined words.

No regular expression comes from outside, so the work is bounded by the two lengths.
"""

import re
from collections.abc import Iterable, Sequence

from shared.text.persian import search_copy

_WORD = re.compile(r"\w+")
_ENDINGS = frozenset({"", "s", "ی", "م", "ت", "ش", "ها", "های", "هایی", "هام", "هاش", "ان", "رو", "مان", "تان", "شان"})
"""What may hang on a phrase's last word without making it another one."""


def words(text: str) -> list[str]:
    """The words of the search copy; a half-space separates."""
    return _WORD.findall(search_copy(text).replace("'", ""))


def holds(text_words: Sequence[str], phrase: str) -> bool:
    """Whether *phrase* occurs: «پول‌شویی» is also «پول شویی» and «پولشویی»."""
    joined = "".join(words(phrase))
    if not joined:
        return False
    longest = len(joined) + max(map(len, _ENDINGS))
    for first in range(len(text_words)):
        run = ""
        for place in range(first, len(text_words)):
            run += text_words[place]
            if run.startswith(joined) and run[len(joined) :] in _ENDINGS:
                return True
            if len(run) > longest:
                break
    return False


def first_held(text_words: Sequence[str], phrases: Iterable[str]) -> str | None:
    """The first of *phrases* that occurs."""
    return next((phrase for phrase in phrases if holds(text_words, phrase)), None)
