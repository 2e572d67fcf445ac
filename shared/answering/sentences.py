"""An answer in pieces: a sentence each, with the white space behind it, so that the pieces put together are the text.

A citation written behind the full stop belongs to the sentence before it.
"""

import re
from itertools import pairwise

from shared.text.sentences import sentences

_LATE_MARK = re.compile(r"([.!?؟…]+)((?:[ \t]*[\[【]\s*\d{1,3}(?:\s*[,،\-–]\s*\d{1,3})*\s*[\]】])+)")
_LONGEST = 4000
"""A sentence that has not ended by then is cut: splitting an ever longer text again and again would be slow."""
_THOUGHT = "<think>"
_THOUGHT_END = "</think>"


def pieces(text: str) -> list[str]:
    """All of *text*, split."""
    text = _LATE_MARK.sub(r"\2\1", text)
    starts = [s.start for s in sentences(text)]
    if not starts:
        return []
    bounds = [0, *starts[1:], len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


class PieceStream:
    """Cuts pieces from a text that arrives in bits. The last waits until the next has begun, or for `rest`."""

    def __init__(self) -> None:
        self._buffer = ""

    def feed(self, bit: str) -> list[str]:
        """The pieces that are whole now."""
        self._buffer += bit
        if self._is_thinking():
            return []
        *whole, last = pieces(self._buffer) or [""]
        if len(last) > _LONGEST:
            whole, last = [*whole, last], ""
        if whole and last.lstrip().startswith(("[", "【")) and not re.search(r"[\]】]", last):
            last = whole.pop() + last  # it may become a citation of the sentence before
        if whole:
            self._buffer = last
        return whole

    def rest(self) -> list[str]:
        """What is left when the text has ended. A thought that never ended is no answer."""
        left, self._buffer = self._buffer, ""
        return [] if left.lstrip().startswith(_THOUGHT) else pieces(left)

    def _is_thinking(self) -> bool:
        """Some models think aloud first, between tags; that is not for the customer."""
        start = self._buffer.lstrip()
        if start.startswith(_THOUGHT):
            _, ended, answer = start.partition(_THOUGHT_END)
            if not ended:
                return True
            self._buffer = answer.lstrip()
            return False
        return bool(start) and _THOUGHT.startswith(start)
