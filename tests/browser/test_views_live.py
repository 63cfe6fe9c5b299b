"""Search and recall in JupyterLab, as a person uses them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.corpus import views_notebook
from tests.browser.gestures import plays
from tests.browser.opened import Opened

pytestmark = pytest.mark.slow

CELLS = [
    "from mmlab.workbench import Workbench\nWorkbench(retriever, top=20)",
    """from mmlab.views.recall_matrix import RecallMatrix
matrix = RecallMatrix(retriever)
matrix""",
]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_all_views_answer_and_nothing_fails(views_corpus, open_notebook, lab, tmp_path, theme):
    lab.use_theme(theme)
    path = tmp_path / f"views-{theme}.ipynb"
    opened = open_notebook(views_notebook(views_corpus, path, *CELLS), height=1300)
    opened.run_all()
    search_and_play(opened)
    ask_a_direction_for_its_failures(opened)
    for name in ("workbench", "matrix"):
        opened.screenshot(f"live-{name}-{theme.lower()}", f".mmlab-{name}")
    assert opened.errors == []


def search_and_play(opened: Opened) -> None:
    search = opened.page.locator(".mmlab-workbench")
    message = search.locator(".mmlab-workbench-message")
    expect(message).to_contain_text("Type what you look for")
    search.get_by_label("Words", exact=True).fill("move the square")
    expect(message).to_contain_text("“move the square”")
    cards = search.locator(".mmlab-results .mmlab-card")
    expect(cards).not_to_have_count(0)
    marked = cards.filter(has_text="move the <b>red</b> square & wait")
    expect(marked).to_have_count(1)  # markup in a caption is text
    assert marked.locator("b").count() == 0

    play = marked.locator(".mmlab-play")
    play.click()
    assert plays(marked.locator("video")), "currentTime does not advance"
    sound = cards.filter(has_text="listen <script>")
    sound.locator(".mmlab-player").focus()
    opened.page.keyboard.press("k")
    assert plays(sound.locator("video")), "sound alone does not play by keyboard"


def ask_a_direction_for_its_failures(opened: Opened) -> None:
    root = opened.view(".mmlab-matrix")
    asks = root.get_by_role("button", name=re.compile("^text asks for video:"))
    asks.click()
    expect(asks).to_have_attribute("aria-pressed", "true")
    failures = root.locator(".mmlab-matrix-failures")
    expect(failures).to_contain_text("text → video")
    missed = opened.ask("matrix.failures.clip_id.tolist()")
    assert missed, "a model that has learnt nothing must fail somewhere"
    expect(failures.locator(".mmlab-card")).to_have_count(2 * len(missed))
    play_the_first(failures)
    opened.page.keyboard.press("Escape")
    asks.focus()
    opened.page.keyboard.press("ArrowRight")
    expect(root.get_by_role("button", name=re.compile("^text asks for audio:"))).to_be_focused()


def play_the_first(failures: Locator) -> None:
    card = failures.locator(".mmlab-card").first
    card.locator(".mmlab-play").click()
    assert plays(card.locator("video")), "a missed clip does not play"
