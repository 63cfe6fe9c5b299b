"""The page for colleagues without Jupyter, in the browser as they see it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accessibility import violations
from tests.browser.gestures import drag, plays
from tests.browser.opened import PATIENCE, SCREENSHOTS
from tests.serving_page import Served, serving_page

pytestmark = pytest.mark.slow

OpenPage = Callable[[str], Page]


@pytest.fixture(scope="module")
def served(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_page(tiny_run, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Iterator[OpenPage]:
    """Open an address like a new visitor; nothing may come from elsewhere or go wrong."""
    visitors, troubles = [], []

    def open_it(address: str) -> Page:
        visitors.append(browser.new_context(viewport={"width": 1360, "height": 1000}))
        page = visitors[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda asked: troubles.append(asked.url) if is_away(asked.url) else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console", lambda line: troubles.append(line.text) if line.type == "error" else None
        )
        page.goto(address)
        return page

    def is_away(url: str) -> bool:
        return not url.startswith((served.address, "data:", "blob:"))

    yield open_it
    for visitor in visitors:
        visitor.close()
    assert troubles == []


def screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def ask(page: Page, words: str) -> None:
    page.get_by_label("Words", exact=True).first.fill(words)
    expect(page.locator(".mmlab-workbench-message")).to_contain_text(words)


def test_without_the_token_there_is_a_sentence_and_no_kernel(browser, served):
    page = browser.new_page()
    page.goto(served.address)
    expect(page.get_by_role("heading")).to_have_text("The token is missing or wrong")
    expect(page.locator(".mmlab-page")).to_have_count(0)
    assert served.kernels() == []
    screenshot(page, "served-refusal")
    page.close()


def test_a_colleague_asks_and_plays_an_answer(open_page, served):
    page = open_page(served.page)
    ask(page, "a red square")
    sound = page.locator(".mmlab-part-audio input").first
    sound.fill("green left.mp4#0.00-2.50")
    sound.press("Enter")
    expect(page.locator(".mmlab-workbench-message")).to_contain_text("sound of")
    page.get_by_role("slider", name="Weight of sound").fill("0.5")
    expect(page.locator(".mmlab-workbench-message")).to_contain_text("0.5")
    cards = page.locator(".mmlab-result")
    expect(cards.first).to_be_visible()
    cards.first.locator(".mmlab-play").click()
    assert plays(cards.first.locator("video")), "the answer does not play"
    screenshot(page, "served-light")
    page.get_by_role("button", name="Joint beside late").click()
    expect(page.locator(".mmlab-comparison")).to_be_visible()
    page.get_by_role("button", name="Why", exact=True).click()
    expect(page.locator(".mmlab-why")).to_be_visible()
    screenshot(page, "served-why")
    assert "import page" not in page.content()  # the source of its only cell


def test_a_visitor_is_told_what_takes_so_long(browser, served):
    page = browser.new_page()
    page.goto(served.page, wait_until="commit", timeout=PATIENCE)
    expect(page.locator("#loading_text")).to_contain_text("Loading the model", timeout=PATIENCE)
    expect(page.get_by_label("Words", exact=True).first).to_be_visible(timeout=PATIENCE)
    page.close()


def test_a_colleague_gives_a_file(open_page, served, media_folder):
    page = open_page(f"{served.page}&theme=dark")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(media_folder / "green left.mp4")
    expect(page.locator(".mmlab-drop-note")).to_have_text("2.5 s, picture and sound")
    expect(page.locator(".mmlab-result").first).to_be_visible()
    ask(page, "green")
    page.wait_for_timeout(1000)
    screenshot(page, "served-dark")
    assert violations(page.locator(".mmlab-page"), ".mmlab-page") == []


def downloaded(link: Locator) -> tuple[str, str]:
    """The name and the text of the file that a visitor gets."""
    with link.page.expect_download() as download:
        link.click()
    name, path = download.value.suggested_filename, download.value.path()
    return name, path.read_text(encoding="utf-8")


def test_a_colleague_takes_answers_along(open_page, served):
    page = open_page(served.page)
    ask(page, "a red square")
    link = page.locator(".mmlab-results a.mmlab-download")
    page.locator(".mmlab-keep-csv").click()
    name, text = downloaded(link)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert name.endswith(".csv")
    assert {row["media_id"] for row in rows} >= {"red right.mp4", "green left.mp4"}
    page.locator(".mmlab-keep-json").click()
    expect(link).to_contain_text(".json")
    _, text = downloaded(link)
    assert [row["clip_id"] for row in json.loads(text)] == [row["clip_id"] for row in rows]


def test_a_colleague_corrects_a_moment_and_takes_it_along(open_page, served):
    page = open_page(served.page)
    page.get_by_role("button", name="Find the moment in a long video").click()
    page.get_by_role("textbox", name="Steps").fill("a red square\nmoves on")
    page.locator(".mmlab-moments-by button").click()
    end = page.get_by_role("slider", name="End of 2. moves on")
    end.press("Home")
    expect(page.locator(".mmlab-moments .mmlab-status-words")).to_contain_text("1 moved by hand")
    drag(end, [(0.5, 0.5), (200, 0.5)])  # far behind the end of the video, of two seconds
    expect(page.locator(".mmlab-moment-name small").last).to_contain_text("0:02.0")
    page.locator(".mmlab-moments-tools").get_by_role("button", name="Save").click()
    screenshot(page, "served-moments-saved")
    name, text = downloaded(page.locator(".mmlab-moments a.mmlab-download"))
    assert name.endswith(".vtt")
    assert text.startswith("WEBVTT\n\nNOTE model ")
    assert re.search(r"--> 00:00:02\.000\nmoves on", text)
    drag(end, [(0.5, 0.5), (-8, 0.5)])
    expect(page.locator(".mmlab-moments a.mmlab-download")).to_have_count(0)


def test_a_colleague_finds_a_moment_and_the_kernel_goes_with_the_page(open_page, served):
    page = open_page(served.page)
    page.get_by_role("button", name="Find the moment in a long video").click()
    page.get_by_role("textbox", name="Steps").fill("a red square\nmoves on")
    page.locator(".mmlab-moments-by button").click()
    expect(page.locator(".mmlab-moment-lanes, .mmlab-moments").first).to_contain_text("moves on")
    screenshot(page, "served-moments")
    before = len(served.kernels())
    other = page.context.new_page()
    page.close(run_before_unload=True)
    for _ in range(300):
        if len(served.kernels()) < before:
            return
        other.wait_for_timeout(200)
    raise AssertionError("its kernel goes on")


def test_a_page_whose_server_ends_says_so(browser, tiny_run, tmp_path):
    with serving_page(tiny_run, tmp_path) as served:
        page = browser.new_page(viewport={"width": 1360, "height": 1000})
        page.set_default_timeout(PATIENCE)
        page.goto(served.page)
        ask(page, "a red square")
        told = page.get_by_role("alert").filter(has_text="The connection to the server is lost")
        page.wait_for_timeout(5000)
        assert told.count() == 0, "the server is there"
    expect(told).to_contain_text("Load the page again", timeout=10_000)
    expect(told).to_be_in_viewport()
    screenshot(page, "served-gone")
    page.close()
