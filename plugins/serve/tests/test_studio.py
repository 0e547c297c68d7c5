"""The page in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from nextgpt_serve.keys import add_key

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium: apt-get install chromium")
EXAMPLE = "Say something."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, studio: Any) -> Iterator[Page]:
    """A new visitor's page, on which nothing may go wrong."""
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(studio.url)
    expect(page.get_by_role("button", name=EXAMPLE)).to_be_visible()
    yield page
    context.close()
    assert not [words for words in wrong if "status of 4" not in words]  # refused, and told


def say(page: Page, words: str) -> None:
    page.get_by_label("Message", exact=True).fill(words)
    page.keyboard.press("Enter")


def answered(page: Page, turns: int) -> None:
    expect(page.locator("article")).to_have_count(turns)
    expect(page.locator("#turns")).to_have_attribute("aria-busy", "false")


def require(page: Page, count: int) -> None:
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_label("how many").fill(str(count))
    page.keyboard.press("Escape")


def test_media_stand_where_they_were_written(page: Page) -> None:
    require(page, 2)
    page.get_by_role("button", name=EXAMPLE).click()

    answered(page, 2)
    media = page.locator("article").last.locator("figure")
    expect(media).to_have_count(2)
    expect(media.first.get_by_role("link", name="Download")).to_have_attribute(
        "href", re.compile("^data:")
    )


def test_a_file_is_shown_sent_and_answered(page: Page, glyph_file: Path) -> None:
    page.get_by_label("Files to attach").set_input_files(glyph_file)
    expect(page.locator("#attached li")).to_have_count(1)
    say(page, "what is it?")

    answered(page, 2)
    expect(page.locator("article").first.locator("figure")).to_have_count(1)


def test_a_file_that_nothing_reads_is_refused_with_its_name(page: Page, tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_bytes(b"MZ")
    page.get_by_label("Files to attach").set_input_files(tmp_path / "a.exe")

    expect(page.get_by_role("alert")).to_contain_text("a.exe")
    expect(page.locator("#attached li")).to_have_count(0)


def test_turns_are_edited_and_answered_again_as_branches(page: Page) -> None:
    say(page, "one")
    answered(page, 2)
    page.locator("article").first.get_by_role("button", name="Edit this turn").click()
    say(page, "two")
    answered(page, 2)

    expect(page.locator("article").first).to_contain_text("two")
    page.get_by_role("button", name="The version before").click()
    expect(page.locator("article").first).to_contain_text("one")
    page.get_by_role("button", name="Answer again").click()
    answered(page, 2)
    expect(page.locator("article").last).to_contain_text("2/2")


def test_a_conversation_is_there_after_a_reload_and_travels_as_a_file(
    page: Page, browser: Browser, studio: Any, tmp_path: Path
) -> None:
    require(page, 1)
    say(page, "remember me")
    answered(page, 2)
    page.reload()
    page.get_by_role("button", name="remember me", exact=True).click()
    expect(page.locator("article")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export this conversation").click()
    file = tmp_path / "talk.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["talk"]["title"] == "remember me"

    other = browser.new_context().new_page()  # another visitor, who sees nothing of it
    other.goto(studio.url)
    expect(other.get_by_role("button", name=EXAMPLE)).to_be_visible()
    expect(other.locator("#talk-list li")).to_have_count(0)
    other.get_by_label("Conversation to import").set_input_files(file)
    expect(other.locator("figure")).to_have_count(1)
    other.context.close()


def test_a_conversation_is_saved_as_a_page_that_loads_nothing(page: Page, tmp_path: Path) -> None:
    require(page, 1)
    say(page, "<b>keep</b> me")
    answered(page, 2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a web page").click()
    download.value.save_as(tmp_path / "talk.html")

    saved = (tmp_path / "talk.html").read_text()
    assert "&lt;b&gt;keep" in saved
    assert "script-src 'none'" in saved
    assert 'src="http' not in saved


def test_the_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    say(page, "a long word: " + "x" * 400)
    answered(page, 2)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Show conversations").click()
    expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    page.keyboard.press("Escape")


def test_a_key_is_asked_for(browser: Browser, serve: Callable[..., Any], tmp_path: Path) -> None:
    token = add_key(tmp_path / "keys", "me")
    served = serve(studio=True, keys=tmp_path / "keys")
    page = browser.new_context().new_page()
    page.goto(served.url)
    page.locator("#key").fill(token)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#able")).to_contain_text("takes text")
    say(page, "let me in")
    answered(page, 2)
    page.context.close()
