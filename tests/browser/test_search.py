"""The retrieval notebook as a person uses it: type, look, play."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.gestures import plays
from tests.browser.opened import CHECKOUT

pytestmark = pytest.mark.slow

NOTEBOOK = CHECKOUT / "notebooks" / "05_retrieval.ipynb"


def test_a_typed_sentence_gives_cards_and_a_card_plays(open_notebook):
    opened = open_notebook(NOTEBOOK)
    opened.run_all()
    search = opened.page.locator(".mmlab-workbench").first
    search.scroll_into_view_if_needed()
    search.get_by_label("Words", exact=True).fill("slice the tomato")
    cards = search.locator(".mmlab-results .mmlab-card")
    expect(search.locator(".mmlab-workbench-message")).to_contain_text("“slice the tomato”")
    assert cards.count() >= 5
    expect(cards.first.locator(".mmlab-poster")).to_be_visible()

    cards.first.locator(".mmlab-play").click()
    assert plays(cards.first.locator("video")), "the clip's currentTime does not advance"
    search.evaluate("(element) => element.scrollIntoView()")
    opened.screenshot("search")
    assert opened.errors == []
