"""What people say when they don't ask anything: hello, thanks, yes, and "let me talk to a person".

Small closed vocabularies in Persian (written, spoken, and in Latin letters) and English. Each reading looks at the
whole message, so that «سلام، ساعت کاری؟» stays a question and "a table for one person" calls nobody.
"""

from collections.abc import Sequence
from functools import lru_cache

from shared.answering.policy.phrases import holds, words
from shared.text.terms import content_words


def _vocabulary(text: str) -> frozenset[str]:
    return frozenset(words(text))


_GREETINGS = _vocabulary("سلام درود بخیر salam slm doroud drood hi hello hey hiya greetings")
_AROUND_A_GREETING = _vocabulary("""
    علیکم علیک به بر شما صبح عصر ظهر شب روز وقت وقتتون وقتتان خیر خسته نباشید نباشی نباشین خوبی خوبین خوبید
    هستید هستین چطوری چطورین چطورید عرض ادب احترام و با دوست عزیز جان گرامی همگی روزتون روزتان شبتون شبتان خوش
    khubi khoobi chetori there dear good morning afternoon evening day sir madam team all everyone how are you and to
    """)
_OPENERS = ("خسته نباشید", "خسته نباشی", "خسته نباشین", "good morning", "good afternoon", "good evening", "how are you")

_THANKS = _vocabulary("""
    ممنون ممنونم ممنونیم مرسی متشکرم متشکر سپاس سپاسگزارم سپاسگزار تشکر خداحافظ خدانگهدار بدرود اوکی باشه باشد چشم عالی
    merci mersi mamnoon thanks thank thx ty cheers bye goodbye ok okay great perfect
    """)
_THANKING = ("درد نکنه", "درد نکند")
_AROUND_THANKS = _vocabulary("""
    خیلی بسیار از لطف لطفتون لطفتان شما کمک کمکتون کمکتان راهنمایی راهنماییتون پاسخ جواب بابت که و هم دستت دستتون درد
    نکنه نکند بود کردید کردین هستم عزیز جان روز خوش خوشی داشته باشید باشین پس حتما
    you so much very a lot for your the help answer again all good that was is and have nice day
    """)

_YES_CORE = _vocabulary("""
    بله بلی آره اره آری حتما لطفا باشه اوکی اوک میخوام میخواهم خوام خواهم
    yes yeah yep sure ok okay please baleh bale
    """)
_YES = _YES_CORE | _vocabulary("بفرمایید ممنون میشم می شم do are i would like to")

_STAFF = _vocabulary("""
    اپراتور اپراتورتون اپراتورتان پشتیبان پشتیبانتون پشتیبانتان کارشناس کارشناستون کارشناسان
    همکار همکارتون همکاران همکارانتون همکارانتان
    operator operators agent human humans representative rep staff colleague colleagues poshtiban
    """)
_DEPARTMENT = _vocabulary("پشتیبانی پشتیبانیتون مدیریت support")
"""More often asked about than asked for."""
_ANYONE = _vocabulary("""
    انسان آدم آدمی آدمیزاد نفر کسی شخص شخصی مسئول مسئولش مدیر مدیرتون
    person someone somebody anyone manager adam
    """)
_TALK = _vocabulary("صحبت حرف وصل وصلم وصلش گفتگو مکالمه جواب پاسخ talk speak chat connect sohbat harf vasl")
_WANT = _vocabulary("""
    میخوام میخواهم خوام خواهم بده بدید بدین لازم نیاز
    want need get give transfer forward escalate mikham
    """)
_REAL = _vocabulary("واقعی زنده real live actual vaghei")
_SMALL = _vocabulary("""
    یک یه با به رو را لطفا من منو مرا هم که از این می کنید کنین کن کنم بشم شم بزنم هست سلام
    a an the to with please me i can could may let is there now hi
    """)
_UNWILLING = (
    "نمی خواهم", "نمی خوام", "لازم نیست", "don't want", "do not want", "don't need", "no need", "not a person",
)  # fmt: skip

_COURTESY = """
    خوشحال خوشحالم خواهش حتما البته بفرمایید خدمتتون خدمتتان خدمتم در خدمت متاسفانه متاسفم ببخشید پوزش خوش آمدید
    اومدید پیام دادید پیامتان پرسش پرسشی سوال سؤال سوالی دیگری کمک کمکتان راهنمایی امیدوارم مفید باشد می‌توانم
    بپرسید بنویسید اطلاع
    thanks glad happy welcome sorry sure certainly course unfortunately help question questions any other else let
    know ask message reach hope anything more assist day nice
    """
_COURTESY_LENGTH = 120


def is_greeting(message: Sequence[str]) -> bool:
    """*message* as words: a greeting and nothing else."""
    opened = any(w in _GREETINGS for w in message) or any(holds(message, phrase) for phrase in _OPENERS)
    return opened and all(w in _GREETINGS or w in _AROUND_A_GREETING for w in message)


def is_thanks(message: Sequence[str]) -> bool:
    """Thanks, an "all right" or a goodbye, and nothing else."""
    thanked = any(w in _THANKS for w in message) or any(holds(message, phrase) for phrase in _THANKING)
    return thanked and all(w in _THANKS or w in _AROUND_THANKS for w in message)


def is_yes(message: Sequence[str]) -> bool:
    """A yes to whatever was offered last."""
    return any(w in _YES_CORE for w in message) and all(w in _YES for w in message)


def asks_for_person(message: Sequence[str]) -> bool:
    """Whether the customer wants a person instead of the bot.

    Handing over once too often costs little, failing to costs a customer: naming a person and a verb of talking is
    enough, naming the staff and wanting is, and so is naming either and saying nothing else.
    """
    if any(holds(message, phrase) for phrase in _UNWILLING):
        return False
    said = set(message)
    named = said & (_STAFF | _DEPARTMENT | _ANYONE)
    if not named:
        return False
    if said & _TALK or (said & _REAL and named - _DEPARTMENT) or (said & _STAFF and said & _WANT):
        return True
    return all(w in named or w in _WANT or w in _SMALL for w in message)


def is_courtesy(sentence: str) -> bool:
    """A short sentence that states nothing: a greeting, a thank you, an offer to help, a question back."""
    if len(sentence) > _COURTESY_LENGTH:
        return False
    if sentence.rstrip().endswith(("?", "؟")):
        return True
    meant = content_words(sentence)
    polite = sum(word in _courtesy() for word in meant)
    return polite == len(meant) or (polite >= 2 and len(meant) - polite <= 1)


@lru_cache(1)
def _courtesy() -> frozenset[str]:
    return frozenset(content_words(_COURTESY))
