"""What people see: a visitor with the widget on a shop's page, and an operator in the console.

Runs Debian's Chromium over the whole product. Every wait is for something to appear, with a limit.
"""

import uuid

import pytest
from playwright.async_api import FrameLocator, Page, expect

from tests.browser.conftest import OpenContext, Site

ANSWER_MS = 20_000


async def open_widget(page: Page, launcher: str) -> FrameLocator:
    """Presses the launcher and waits for the line to write on."""
    await page.get_by_role("button", name=launcher, exact=True).click()
    chat = page.frame_locator("iframe")
    await expect(chat.get_by_role("textbox")).to_be_focused()
    return chat


async def say(chat: FrameLocator | Page, text: str) -> None:
    """Writes *text* on the only line there is, and sends it by Enter."""
    line = chat.get_by_role("textbox")
    await line.fill(text)
    await line.press("Enter")


@pytest.mark.parametrize("width", [1280, 390])
async def test_persian_visitor(product_url: Site, open_context: OpenContext, width: int) -> None:
    """A Persian question in the widget is answered in Persian, right to left, with the document it comes from."""
    page = await (await open_context(width=width)).new_page()
    await page.goto(f"{product_url.url}/demo/shop/")

    chat = await open_widget(page, "گفت‌وگو با ما")
    await say(chat, "ساعت کاری شما چیست؟")

    await expect(chat.locator("li.is-customer")).to_contain_text("ساعت کاری شما چیست؟")
    answer = chat.locator("li.is-bot")
    await expect(answer).to_contain_text("شنبه", timeout=ANSWER_MS)
    await expect(answer.locator(".sources li")).not_to_have_count(0)
    await expect(chat.locator("html")).to_have_attribute("dir", "rtl")


async def test_english_visitor(product_url: Site, open_context: OpenContext) -> None:
    """An English question in the widget is answered in English, left to right, with the document it comes from."""
    page = await (await open_context("en-GB")).new_page()
    await page.goto(f"{product_url.url}/demo/shop/?lang=en")

    chat = await open_widget(page, "Chat with us")
    await say(chat, "What are your opening hours?")

    answer = chat.locator("li.is-bot")
    await expect(answer).to_contain_text("Saturday", timeout=ANSWER_MS)
    await expect(answer.locator(".sources li")).not_to_have_count(0)
    await expect(chat.locator("html")).to_have_attribute("dir", "ltr")


async def test_suggested_question(product_url: Site, open_context: OpenContext) -> None:
    """A suggested question on the shop's page opens the widget and is asked there once."""
    page = await (await open_context()).new_page()
    await page.goto(f"{product_url.url}/demo/shop/")
    await expect(page.get_by_role("button", name="گفت‌وگو با ما")).to_be_visible()

    await page.locator(".ask").get_by_role("button", name="چطور کالا را پس بدهم؟").click()

    chat = page.frame_locator("iframe")
    await expect(chat.locator("li.is-bot")).to_contain_text("۷ روز", timeout=ANSWER_MS)
    await expect(chat.locator("li.is-customer")).to_have_count(1)


async def test_resume(product_url: Site, open_context: OpenContext) -> None:
    """A visitor who reloads the page finds the conversation as it was."""
    page = await (await open_context()).new_page()
    await page.goto(f"{product_url.url}/demo/shop/")
    await say(await open_widget(page, "گفت‌وگو با ما"), "ساعت کاری شما چیست؟")
    await expect(page.frame_locator("iframe").locator("li.is-bot")).to_contain_text("شنبه", timeout=ANSWER_MS)

    await page.reload()
    chat = await open_widget(page, "گفت‌وگو با ما")

    await expect(chat.locator("li.is-customer")).to_have_count(1)
    await expect(chat.locator("li.is-bot")).to_have_count(1)


async def test_forged_message(product_url: Site, open_context: OpenContext) -> None:
    """What another script on the page posts to the widget moves nothing; Escape closes it and gives the focus back."""
    page = await (await open_context()).new_page()
    await page.goto(f"{product_url.url}/demo/shop/")
    chat = await open_widget(page, "گفت‌وگو با ما")

    await page.evaluate("postMessage({ xin: 'close' }, '*')")
    # Messages to a window are handled in order, so once this one is, the forged one has been.
    await page.evaluate("new Promise(done => { addEventListener('message', done); postMessage('last', '*'); })")

    await expect(page.locator("iframe")).to_be_visible()
    await chat.get_by_role("textbox").press("Escape")
    await expect(page.locator("iframe")).to_be_hidden()
    await expect(page.get_by_role("button", name="گفت‌وگو با ما")).to_be_focused()


async def sign_in(page: Page, product: Site) -> None:
    """Through the door of the console."""
    await page.goto(f"{product.url}/console/")
    await page.get_by_label("ایمیل").fill(product.email)
    await page.get_by_label("گذرواژه").fill(product.password)
    await page.get_by_role("button", name="ورود").click()


async def test_takeover(product_url: Site, open_context: OpenContext) -> None:
    """An operator finds a visitor's conversation, takes it over and answers; the visitor sees a person's words."""
    visitor = await (await open_context()).new_page()
    await visitor.goto(f"{product_url.url}/demo/shop/")
    chat = await open_widget(visitor, "گفت‌وگو با ما")
    question = f"سفارش {uuid.uuid4().hex[:8]} کجاست؟"
    await say(chat, question)
    await expect(chat.locator("li.is-bot")).to_be_visible(timeout=ANSWER_MS)

    operator = await (await open_context()).new_page()
    await sign_in(operator, product_url)
    # The one where something happened last comes first.
    await operator.get_by_role("region", name="گفت‌وگوها").locator(".row").first.click()
    log = operator.get_by_role("log")
    await expect(log).to_contain_text(question)
    await operator.get_by_role("button", name="به عهده می‌گیرم").click()
    await expect(operator.locator(".thread-head .badge")).to_have_text("اپراتور")
    await operator.get_by_label("پاسخ به مشتری").fill("همین حالا پیگیری می‌کنم.")
    await operator.get_by_role("button", name="فرستادن", exact=True).click()

    answer = chat.locator("li.is-operator")
    await expect(answer).to_contain_text("همین حالا پیگیری می‌کنم.", timeout=ANSWER_MS)
    await expect(answer).to_contain_text("پشتیبان")
    await expect(log.locator("li.is-operator")).to_have_count(1)


async def test_signed_in_stays(product_url: Site, open_context: OpenContext) -> None:
    """A reload keeps the operator signed in; signing out ends it, and a reload doesn't bring it back."""
    page = await (await open_context()).new_page()
    await sign_in(page, product_url)
    await expect(page.get_by_role("link", name="دانش")).to_be_visible()

    await page.reload()
    await page.get_by_role("button", name="خروج").click()
    await page.reload()

    await expect(page.get_by_role("heading", name="ورود به کنسول")).to_be_visible()


async def test_wrong_password(product_url: Site, open_context: OpenContext) -> None:
    """A wrong password is told so in the operator's language, and opens nothing."""
    page = await (await open_context()).new_page()
    await page.goto(f"{product_url.url}/console/")
    await page.get_by_label("ایمیل").fill(product_url.email)
    await page.get_by_label("گذرواژه").fill("not the password")
    await page.get_by_role("button", name="ورود").click()

    await expect(page.get_by_role("alert")).to_have_text("ایمیل یا گذرواژه درست نیست.")
    await expect(page.get_by_role("heading", name="ورود به کنسول")).to_be_visible()


async def test_knowledge(product_url: Site, open_context: OpenContext) -> None:
    """A document that an operator adds becomes ready by itself on the screen, is found, and can be deleted."""
    page = await (await open_context()).new_page()
    await sign_in(page, product_url)
    await page.get_by_role("link", name="دانش").click()

    name = f"parking-{uuid.uuid4().hex[:8]}.md"
    text = f"# پارکینگ\n\nپارکینگ فروشگاه سپید در طبقهٔ منفی دو است و شمارهٔ ورود آن {name} است.\n"
    file = {"name": name, "mimeType": "text/markdown", "buffer": text.encode()}
    await page.get_by_label("افزودن سند").set_input_files([file])
    await expect(page.get_by_text(f"«{name}» دریافت شد.")).to_be_visible()
    row = page.locator(".assets tbody tr").first  # the newest
    await expect(row.locator(".badge")).to_have_text("آماده", timeout=ANSWER_MS)

    await page.get_by_role("searchbox").fill("پارکینگ کجاست؟")
    await page.get_by_role("button", name="جست‌وجو").click()
    await expect(page.locator(".passages li").first).to_contain_text("منفی دو")

    rows = page.locator(".assets tbody tr")
    before = await rows.count()
    await row.get_by_role("button", name="پاک کردن").click()
    await row.get_by_role("button", name="پاک شود؟").click()
    await expect(rows).to_have_count(before - 1)
