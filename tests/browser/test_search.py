"""The retrieval notebook as a person uses it: type, look, play."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CHECKOUT

pytestmark = pytest.mark.slow

NOTEBOOK = CHECKOUT / "notebooks" / "05_retrieval.ipynb"
PLAYS = """async (video) => {
    const before = video.currentTime;
    const until = performance.now() + 15000;
    while (performance.now() < until) {
        if (video.currentTime > before + 0.3) return true;
        await new Promise((again) => setTimeout(again, 100));
    }
    return false;
}"""


def test_a_typed_sentence_gives_cards_and_a_card_plays(open_notebook):
    opened = open_notebook(NOTEBOOK)
    opened.run_all()
    search = opened.page.locator(".mmlab-search").first
    search.scroll_into_view_if_needed()
    words = search.locator(".mmlab-search-text input")
    words.fill("slice the tomato")
    words.press("Enter")
    cards = search.locator(".mmlab-card")
    expect(search.locator(".mmlab-search-message")).to_contain_text("“slice the tomato”")
    assert cards.count() >= 5
    expect(cards.first.locator(".mmlab-poster")).to_be_visible()

    cards.first.locator(".mmlab-play").click()
    video = cards.first.locator("video")
    assert video.evaluate(PLAYS), "the clip's currentTime does not advance"
    search.evaluate("(element) => element.scrollIntoView()")
    opened.screenshot("search")
    assert opened.errors == []
