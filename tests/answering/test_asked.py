"""What of a message is looked up."""

import pytest

from shared.answering.asked import asked_for


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("ساعت کاری شما چیست؟ ۸۳۴۱۲", "ساعت کاری شما چیست؟"),
        ("ساعت کاری شما چیست؟ ممنون", "ساعت کاری شما چیست؟"),
        ("What are your opening hours? ref 7731", "What are your opening hours?"),
        ("Can I return an item? (t-4f2a91)", "Can I return an item?"),
        ("پیام ۳: چطور کالا را پس بدهم؟", "چطور کالا را پس بدهم؟"),
        ("قیمت مدل ۵۰۰۰ چند است؟", "قیمت مدل ۵۰۰۰ چند است؟"),
        ("کی می‌رسد؟ سفارش من را دیروز فرستاده‌اید یا نه", "کی می‌رسد؟ سفارش من را دیروز فرستاده‌اید یا نه"),
        ("۱۲۳۴", "۱۲۳۴"),
        ("چند؟ 12", "چند؟ 12"),
        ("", ""),
        ("سلام\nساعت کاری شما چیست؟ 12", "سلام\nساعت کاری شما چیست؟"),
    ],
)
def test_asked(message: str, asked: str) -> None:
    """A reference or courtesy around the question is cut; what belongs to the question stays."""
    assert asked_for(message) == asked
