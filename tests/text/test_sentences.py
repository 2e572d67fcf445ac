"""A quotation is cut where a sentence ends, and nowhere else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.sentences import sentences


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("سلام. چطور می‌توانم کمک کنم؟ بفرمایید!", ["سلام.", "چطور می‌توانم کمک کنم؟", "بفرمایید!"]),
        ("قیمت ۳.۵ میلیون تومان است. ارسال رایگان است.", ["قیمت ۳.۵ میلیون تومان است.", "ارسال رایگان است."]),
        ("نشانی xinbot.ir است. بعد", ["نشانی xinbot.ir است.", "بعد"]),
        ("گفت: «خوب است.» رفت.", ["گفت: «خوب است.»", "رفت."]),
        ("Dr. Smith is in. Ask at 9 a.m. today.", ["Dr. Smith is in.", "Ask at 9 a.m. today."]),
        ("1. ثبت سفارش\n2. پرداخت", ["1. ثبت سفارش", "2. پرداخت"]),
        ("Really?! Yes… No.", ["Really?!", "Yes…", "No."]),
        ("   \n\n ", []),
    ],
)
def test_split(text: str, split: list[str]) -> None:
    """Decimals, addresses, abbreviations and list numbers end nothing; a closing mark belongs to its sentence."""
    assert [s.text for s in sentences(text)] == split


@given(st.text(alphabet=st.sampled_from("اب .!؟?\n\u200c«»1a")))
def test_offsets(text: str) -> None:
    """Every sentence is found again at its offsets, in order, and no letter is lost between them."""
    found = sentences(text)

    assert all(text[s.start : s.end] == s.text for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert "".join(s.text for s in found).replace(" ", "").replace("\n", "") == text.replace(" ", "").replace("\n", "")
