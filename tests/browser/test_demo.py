"""What a newcomer sees on `/demo`: a phone for every channel, and beside it what leaves and what comes in."""

import json
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.conftest import OpenContext, Site
from tests.product import Product

ANSWER_MS = 20_000
HOURS = "ساعت کاری شما چیست؟"
IN_DOCUMENT = "از شنبه تا چهارشنبه از ساعت ۹ صبح"
"""Stands in the demo shop's guide, and nowhere in our own words."""

CONTRAST = """
    () => {
      const read = (colour) => colour.match(/[\\d.]+/g).map(Number);
      const light = (colour) => read(colour).slice(0, 3)
        .map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
      const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
          const colour = getComputedStyle(one).backgroundColor;
          if ((read(colour)[3] ?? 1) > 0) return colour;
        }
        return "rgb(255, 255, 255)";
      };
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const poor = [];
      while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const isSeen = texts.currentNode.textContent.trim() && element.checkVisibility();
        if (!isSeen || element.closest(".only-spoken, :disabled")) continue;
        const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < 4.5) poor.push([ratio.toFixed(2), texts.currentNode.textContent]);
      }
      return poor;
    }
"""
"""Texts whose colour is less than 4.5 times as light or dark as what is behind: WCAG 2.2, 1.4.3."""


async def open_phone(page: Page, site: Site, kind: str, *, language: str = "fa") -> Locator:
    """The phone of a channel, with its line to write on."""
    await page.goto(f"{site.url}/demo/?lang={language}#{kind}")
    await expect(page.locator("#phone-text")).to_be_visible()
    return page.locator(".phone")


async def ask(phone: Locator, text: str = HOURS) -> Locator:
    """Writes *text*; the answer that comes next."""
    answers = phone.locator("li.is-business")
    before = await answers.count()
    await phone.locator("#phone-text").fill(text)
    await phone.locator("#phone-text").press("Enter")
    await expect(answers).to_have_count(before + 1, timeout=ANSWER_MS)
    return answers.nth(before)


@pytest.mark.parametrize(
    ("kind", "request_line", "mark"),
    [
        ("telegram", "POST https://api.telegram.org/bot…/sendMessage", "پذیرفته شد"),
        ("bale", "POST https://tapi.bale.ai/bot…/sendMessage", "پذیرفته شد"),
        ("whatsapp", "POST https://graph.facebook.com/v26.0/", "خوانده شد"),
        ("instagram", "POST https://graph.instagram.com/v26.0/", "خوانده شد"),
    ],
    ids=["telegram", "bale", "whatsapp", "instagram"],
)
async def test_messenger(
    product: Product, product_url: Site, open_context: OpenContext, kind: str, request_line: str, mark: str
) -> None:
    """A customer is answered from the shop's document; the request that left and what is told of it are shown."""
    page = await (await open_context()).new_page()
    phone = await open_phone(page, product_url, kind)

    answer = await ask(phone)
    await expect(answer).to_contain_text(IN_DOCUMENT)
    await expect(answer.locator(".mark")).to_have_text(mark)
    await answer.get_by_role("button", name="چه رفت؟").click()

    left = page.locator(".wire details[open]")
    await expect(left.locator(".address")).to_contain_text(request_line)
    await expect(left.locator("pre").first).to_contain_text(IN_DOCUMENT)
    await expect(left.locator(".code")).to_have_text("۲۰۰")
    await expect(page.get_by_role("link", name="این گفت‌وگو در کنسول")).to_be_visible()
    whole = await page.content()
    assert not any(secret in whole for secret in secrets_of(product, kind))


def secrets_of(product: Product, kind: str) -> list[str]:
    public = ("webhook_url", "phone_number_id", "waba_id", "account_id")
    return [value for name, value in product.channel(kind).items() if name not in public]


async def test_site(product_url: Site, open_context: OpenContext) -> None:
    """The shop's site stands in a phone with the widget on it, and beside it what leaves for the browser."""
    page = await (await open_context()).new_page()
    await page.goto(f"{product_url.url}/demo/#web")

    shop = page.frame_locator(".phone iframe")
    await shop.locator(".ask").get_by_role("button", name=HOURS).click()
    chat = shop.frame_locator("iframe")
    await expect(chat.locator("li.is-bot")).to_contain_text(IN_DOCUMENT, timeout=ANSWER_MS)

    left = page.locator(".wire details", has_text="پاسخ")
    await left.locator("summary").click()
    await expect(left.locator("pre")).to_contain_text(IN_DOCUMENT)
    await expect(page.get_by_role("link", name="این گفت‌وگو در کنسول")).to_be_visible()


async def test_ticks(product_url: Site, open_context: OpenContext) -> None:
    """An answer that the customer doesn't look at stays delivered; it is told as read once they do."""
    page = await (await open_context()).new_page()
    phone = await open_phone(page, product_url, "whatsapp")
    await page.get_by_label("نمی‌خواند", exact=True).check()

    mark = (await ask(phone)).locator(".mark")
    await expect(mark).to_have_text("به گوشی رسید")
    await page.get_by_label("می‌خواند", exact=True).check()

    await expect(mark).to_have_text("خوانده شد")
    told = page.locator(".wire .is-theirs .subject")
    await expect(told).to_have_text(["پیام مشتری", "خبر: ارسال شد", "خبر: رسید", "خبر: خوانده شد"])


async def test_person_in_the_app(product_url: Site, open_context: OpenContext) -> None:
    """A person who answers in the provider's own app is told from the bot, and waits for a phone that is off."""
    page = await (await open_context()).new_page()
    phone = await open_phone(page, product_url, "instagram")
    await ask(phone)
    await page.get_by_label("خاموش", exact=True).check()
    await expect(phone.locator("#phone-text")).to_have_count(0)

    await page.get_by_label("کارمند فروشگاه در خودِ اینستاگرام پاسخ می‌دهد").fill("خودم پیگیری می‌کنم.")
    await page.get_by_role("button", name="فرستادن با دست").click()
    by_hand = phone.locator("li.is-business").nth(1)
    await expect(by_hand).to_contain_text("کارمند، در خودِ برنامه")
    await expect(by_hand).to_contain_text("منتظر روشن شدن گوشی")
    await phone.get_by_role("button", name="روشن کردن").click()

    await expect(by_hand.locator(".mark")).to_have_text("خوانده شد")


async def test_typing_and_buttons(product: Product, product_url: Site, open_context: OpenContext) -> None:
    """The customer sees that somebody types, and taps a button, which goes to the platform."""
    page = await (await open_context()).new_page()
    phone = await open_phone(page, product_url, "telegram")
    await ask(phone, "سلام")
    customer = await page.locator(".controls bdi").inner_text()
    bot = f"{product.simulator}/telegram/bot{product.channel('telegram')['bot_token']}"

    httpx.post(f"{bot}/sendChatAction", json={"chat_id": customer, "action": "typing"}).raise_for_status()
    await expect(phone.locator(".phone-head")).to_contain_text("در حال نوشتن…")
    keyboard = {"inline_keyboard": [[{"text": "ساعت کاری", "callback_data": HOURS}]]}
    message = {"chat_id": customer, "text": "چه می‌خواهید؟", "reply_markup": keyboard}
    httpx.post(f"{bot}/sendMessage", json=message).raise_for_status()
    await phone.get_by_role("button", name="ساعت کاری", exact=True).click()

    await expect(phone.locator("li.is-business").last).to_contain_text(IN_DOCUMENT, timeout=ANSWER_MS)
    await expect(phone.locator(".phone-head")).not_to_contain_text("در حال نوشتن…")
    passed = await page.locator(".wire .subject").all_inner_texts()
    assert {"«در حال نوشتن»", "دکمه‌ای زده شد"}.issubset(passed)


async def test_refused(product: Product, product_url: Site, open_context: OpenContext) -> None:
    """An answer that the provider would not take, and a message that the simulator would not, are shown as such."""
    page = await (await open_context()).new_page()
    phone = await open_phone(page, product_url, "whatsapp")
    await ask(phone, "سلام")
    number = product.channel("whatsapp")["phone_number_id"]
    chat = await page.locator(".controls bdi").inner_text()
    step = {"do": "refuse", "code": 131026, "message": "(#131026) Message undeliverable"}
    order = {"account": f"whatsapp-{number}", "chat": chat, "script": step}
    httpx.post(f"{product.simulator}/sim/scripts", json=order).raise_for_status()

    await phone.locator("#phone-text").fill(HOURS)
    await phone.locator("#phone-text").press("Enter")
    await expect(phone.locator("li.is-refusal")).to_contain_text("(#131026) Message undeliverable", timeout=ANSWER_MS)
    await expect(page.locator(".wire .code.is-problem")).to_have_text("۴۰۰")

    too_long = "آ" * 4097
    await phone.locator("#phone-text").fill(too_long)
    await phone.locator("#phone-text").press("Enter")
    await expect(phone.get_by_role("alert")).to_contain_text("خیلی بلند")
    await expect(phone.locator("#phone-text")).to_have_value(too_long)


async def test_blocked(product_url: Site, open_context: OpenContext) -> None:
    """A customer who has blocked the shop writes nothing until they let it in again; Telegram tells the platform."""
    page = await (await open_context()).new_page()
    phone = await open_phone(page, product_url, "telegram")

    await page.get_by_role("button", name="مسدود کردن فروشگاه").click()
    await expect(phone.locator("#phone-text")).to_have_count(0)
    await expect(page.locator(".wire .subject").last).to_have_text("مسدود شدن یا رفع آن")
    await phone.get_by_role("button", name="رفع مسدودی").click()

    await expect(phone.locator("#phone-text")).to_be_visible()


async def test_real_token(product_url: Site, open_context: OpenContext) -> None:
    """A channel that talks to the real provider can't be played, and says so."""
    page = await (await open_context()).new_page()

    async def tell(route: Route) -> None:
        answer = await route.fetch()
        config = await answer.json()
        config["channels"]["telegram"] = "real"
        await route.fulfill(response=answer, body=json.dumps(config))

    await page.route("**/demo/config.json", tell)
    await page.goto(f"{product_url.url}/demo/")

    await expect(page.get_by_role("tabpanel")).to_contain_text("تلگرام با توکن واقعی وصل شده است")
    await expect(page.locator(".phone")).to_have_count(0)


async def test_english(product_url: Site, open_context: OpenContext) -> None:
    """The page turns to English by its switch, on the same channel, and the customer is answered in English."""
    page = await (await open_context("en-GB")).new_page()
    await open_phone(page, product_url, "bale")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")

    await page.get_by_role("link", name="English").click()
    await expect(page.locator("html")).to_have_attribute("dir", "ltr")
    await expect(page.get_by_role("tab", name="Bale")).to_have_attribute("aria-selected", "true")
    await page.get_by_role("button", name="What are your opening hours?").click()

    answer = page.locator(".phone li.is-business")
    await expect(answer).to_contain_text("Saturday to Wednesday", timeout=ANSWER_MS)
    await expect(answer.locator(".mark")).to_have_text("accepted")


async def test_keyboard(product_url: Site, open_context: OpenContext) -> None:
    """The channels are reached by arrow keys, the next one in the direction of reading; the choice can be sent on."""
    page = await (await open_context()).new_page()
    await open_phone(page, product_url, "telegram")
    await page.get_by_role("tab", name="تلگرام").focus()

    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="بله")).to_be_focused()
    await page.keyboard.press("End")
    await expect(page.get_by_role("tab", name="سایت")).to_be_focused()
    assert urlsplit(page.url).fragment == "web"
    await page.keyboard.press("ArrowLeft")

    await expect(page.get_by_role("tabpanel", name="تلگرام")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (390, "dark"), (1440, "light")])
async def test_looks(product_url: Site, open_context: OpenContext, width: int, scheme: str) -> None:
    """Nothing is wider than the screen, every text can be read, and all of it comes from this machine."""
    page = await (await open_context(width=width, scheme=scheme)).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    phone = await open_phone(page, product_url, "whatsapp")
    await (await ask(phone)).get_by_role("button", name="چه رفت؟").click()
    await expect(page.locator(".wire details[open]")).to_have_count(1)

    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(CONTRAST) == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(product_url.url).netloc}
