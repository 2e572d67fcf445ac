"""Text that is made to keep us busy: the work grows with its length, and everybody else is answered meanwhile."""

import time

import pytest

from shared.answering.asked import asked_for
from shared.answering.policy.phrases import first_held, words
from shared.knowledge.search import query_vector
from shared.text.persian import clean, search_copy
from shared.text.sentences import sentences

LENGTH = 8000
SHAPES = {
    "digits": "1",
    "spaces": " ",
    "words": "آ ",
    "question marks": "؟ ",
    "brackets": "[(",
    "colons": "1: ",
    "half-spaces": "م\u200c",
    "dots": ". ",
    "lines": "\n",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "work",
    [
        asked_for,
        clean,
        search_copy,
        sentences,
        query_vector,
        lambda text: first_held(words(text), ["پول‌شویی", "آ آ آ آ"]),
    ],
    ids=["asked_for", "clean", "search_copy", "sentences", "query_vector", "phrases"],
)
def test_work(work, shape: str) -> None:  # type: ignore[no-untyped-def]
    """Ten times the text takes no more than some thirty times the work: never its square."""

    def seconds(length: int) -> float:
        text = (shape * length)[:length] + "x"
        runs = []
        for _ in range(3):
            began = time.process_time()
            work(text)
            runs.append(time.process_time() - began)
        return min(runs)

    assert seconds(LENGTH) <= max(30 * seconds(LENGTH // 10), 0.05)
