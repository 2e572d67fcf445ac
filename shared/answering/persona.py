"""Whose voice answers: a brand's name, tone, instructions and the sentences it says by itself."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Language = Literal["fa", "en"]
"""What we have words of our own for. A model may be asked in any language; these two we answer in."""


class Wording(BaseModel):
    """One thing to say, in each language. `{name}` becomes the persona's name, `{opens}` the next opening time."""

    model_config = ConfigDict(frozen=True)

    fa: Annotated[str, Field(max_length=1000)] = ""
    en: Annotated[str, Field(max_length=1000)] = ""

    def read(self, language: Language, **places: str) -> str:
        """The sentence with its places filled. Only the named places: a tenant's text is no template language."""
        text = self.en if language == "en" else self.fa
        for place, value in places.items():
            text = text.replace("{" + place + "}", value)
        return text.strip()


_GREETING = Wording(
    fa="سلام! من {name} هستم. چطور می‌توانم کمکتان کنم؟",
    en="Hello! I'm {name}. How can I help you?",
)
_HANDOVER = Wording(
    fa="حتماً. گفت‌وگو را به یکی از همکارانم سپردم؛ همین‌جا به شما پاسخ می‌دهد.",
    en="Of course. I've passed this to one of my colleagues, who will answer you right here.",
)
_WAITING = Wording(
    fa="پاسخ این پرسش را ندارم، ولی همکارانم پیام شما را می‌بینند و همین‌جا پاسخ می‌دهند.",
    en="I don't have the answer to this one, but my colleagues can see your message and will reply right here.",
)
_ABSTAIN = Wording(
    fa="در این باره اطلاع دقیقی ندارم و نمی‌خواهم حدس بزنم. می‌خواهید یکی از همکارانم پاسخ بدهد؟",
    en="I have no reliable information about that and would rather not guess. Would you like a person to answer you?",
)
_CLOSED = Wording(
    fa="اکنون خارج از ساعت کاری ما است. پیامتان ثبت شد و همکارانم {opens} پاسخ می‌دهند.",
    en="We're closed right now. Your message has been kept and my colleagues will answer {opens}.",
)
_REFUSE = Wording(
    fa="متأسفانه در این باره نمی‌توانم کمک کنم. اگر پرسش دیگری دارید، در خدمتم.",
    en="I'm sorry, I can't help with that. If you have another question, I'm here.",
)
_THANKS = Wording(
    fa="خواهش می‌کنم! اگر پرسش دیگری بود، در خدمتم.", en="You're welcome! I'm here if anything else comes up."
)
_TEXT_ONLY = Wording(
    fa="فعلاً فقط می‌توانم پیام متنی بخوانم. لطفاً پرسشتان را بنویسید.",
    en="I can only read text for now. Please write your question.",
)
_TAKEOVER = Wording(
    fa="همکارم الان این‌جاست و از این پس پاسخ شما را می‌دهد.",
    en="My colleague is here now and will answer you from here on.",
)
_RELEASE = Wording(
    fa="همکارم گفت‌وگو را به من برگرداند. {name} هستم؛ پرسش دیگری بود، همین‌جا بنویسید.",
    en="My colleague has handed back to me, {name}. If anything else comes up, just write here.",
)
_RESOLVE = Wording(
    fa="این گفت‌وگو بسته شد. هر وقت بنویسید، دوباره باز می‌شود.",
    en="This conversation is closed. Write any time and it opens again.",
)
_OPENING = Wording(fa="طبق اطلاعات ما:", en="Here is what our information says:")
_CLOSING = Wording(fa="", en="")

_MAY_BE_EMPTY = frozenset({"opening", "closing"})


class Persona(BaseModel):
    """The JSON body of a row of `personas`. Every field has a default, so `{}` is a persona that works.

    Unknown fields are ignored when a row is read (a newer release may have written it); whoever takes one from a
    person validates with `extra="forbid"`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1, max_length=80)] = "دستیار فروشگاه"
    language: Literal["fa", "en", "auto"] = "auto"
    """`auto` answers in the customer's language."""
    tone: Annotated[str, Field(max_length=200)] = "گرم، کوتاه و محترمانه"
    instructions: Annotated[str, Field(max_length=6000)] = ""
    """What the model should know about the brand and how to speak. Never shown to customers."""
    greeting: Wording = _GREETING
    handover_text: Wording = _HANDOVER
    """A person was asked for."""
    waiting_text: Wording = _WAITING
    """The bot has no answer and a person will give one: after too many misses, or while one is awaited."""
    abstain_text: Wording = _ABSTAIN
    """The documents don't say. It offers a person: a customer's "yes" to it calls one."""
    closed_text: Wording = _CLOSED
    """Outside the opening hours."""
    refuse_text: Wording = _REFUSE
    """A blocked topic that has no answer of its own."""
    thanks_text: Wording = _THANKS
    text_only_text: Wording = _TEXT_ONLY
    """A photo, a voice message: what the bot can't read."""
    takeover_text: Wording = _TAKEOVER
    """A person has come."""
    release_text: Wording = _RELEASE
    """The person has gone, the bot is back."""
    resolve_text: Wording = _RESOLVE
    """The conversation was closed."""
    opening: Wording = _OPENING
    """Stands before a quotation when no model words the answer."""
    closing: Wording = _CLOSING
    """Stands after it."""

    @field_validator("*", mode="before")
    @classmethod
    def _fill(cls, value: Any, info: ValidationInfo) -> Any:
        """A brand that wrote one language keeps our words in the other; only the frame of a quotation may be empty."""
        default = cls.model_fields[info.field_name or ""].default
        if not isinstance(value, dict) or not isinstance(default, Wording):
            return value
        may_be_empty = info.field_name in _MAY_BE_EMPTY
        given = {k: v for k, v in value.items() if may_be_empty or not isinstance(v, str) or v.strip()}
        return {"fa": default.fa, "en": default.en} | given

    def say(self, wording: Wording, language: Language, **places: str) -> str:
        """*wording* in this persona's name."""
        return wording.read(language, name=self.name, **places)
