"""The workbench as a person uses it: compose, weigh, compare, ask why, play, keep, go back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.accessibility import sticking_out, violations, walk
from tests.browser.corpus import views_notebook
from tests.browser.gestures import plays
from tests.browser.opened import Opened

pytestmark = pytest.mark.slow

CELL = """from mmlab.workbench import Workbench
bench = Workbench(retriever, top=5)
bench"""


@pytest.fixture
def opened_bench(views_corpus, open_notebook, lab, tmp_path):
    def open_it(theme: str, name: str) -> Opened:
        lab.use_theme(theme)
        path = tmp_path / f"{name}-{theme}.ipynb"
        opened = open_notebook(views_notebook(views_corpus, path, CELL), height=1500)
        opened.run_all()
        return opened

    return open_it


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_question_from_the_first_word_to_the_file(opened_bench, lab, theme):
    opened = opened_bench(theme, "bench")
    root = opened.view(".mmlab-workbench")
    expect(message(root)).to_contain_text("Type what you look for")
    compose_words_and_a_sound(opened, root)
    opened.screenshot(f"live-workbench-{theme.lower()}", ".mmlab-workbench")
    the_composer_fits_a_narrow_window(opened, root, theme)
    move_a_slider_and_a_switch(opened, root)
    play_the_first(root)
    compare_fusions(root)
    opened.screenshot(f"live-workbench-compare-{theme.lower()}", ".mmlab-workbench")
    fuse_late_and_back(root)
    ask_why(opened, root)
    opened.screenshot(f"live-workbench-why-{theme.lower()}", ".mmlab-workbench")
    find_the_answers_on_a_map(root)
    opened.screenshot(f"live-workbench-map-{theme.lower()}", ".mmlab-workbench")
    open_tab(root, "Answers")
    keep_the_answers(opened, root, lab)
    pin_and_ask_for_more(opened, root)
    go_back(opened, root)
    opened.screenshot(f"live-workbench-history-{theme.lower()}", ".mmlab-workbench")
    assert opened.errors == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_by_keyboard_and_without_eyes(opened_bench, theme):
    opened = opened_bench(theme, "bench-keys")
    root = opened.view(".mmlab-workbench")
    opened.ask("len(bench.ask(text='the red square', audio=clip_id, without='blue'))")
    expect(root.locator(".mmlab-results .mmlab-card")).to_have_count(5)
    assert violations(root, ".mmlab-workbench") == []
    met = walk(root)
    assert met.missed == [], "Tab does not reach these"
    assert met.nameless == [], "a screen reader has no name for these"
    assert met.unseen == [], "nothing shows that the focus is on these"
    assert met.left, "Tab never leaves the workbench"
    assert opened.errors == []


def message(root: Locator) -> Locator:
    return root.locator(".mmlab-workbench-message [role=status]")


def compose_words_and_a_sound(opened: Opened, root: Locator) -> None:
    """Typed letter by letter, the sentence is asked once the typing rests."""
    field = root.get_by_label("Words", exact=True)
    field.press_sequentially("the red squaer", delay=20)
    expect(message(root)).to_contain_text("No caption has “squaer” (alike: square)")
    field.fill("the red square")
    expect(message(root)).to_contain_text(re.compile("^“the red square”: 5 of 13 clips in"))
    cards = root.locator(".mmlab-results .mmlab-card")
    expect(cards).to_have_count(5)
    expect(cards.first.locator(".mmlab-poster:visible, .mmlab-wave:visible").first).to_be_visible()
    sound = root.get_by_label("Sound", exact=True)
    sound.fill(opened.ask("clip_id"))
    sound.press("Enter")
    expect(message(root)).to_contain_text("and the sound of red right.mp4")
    expect(root.locator(".mmlab-asked-with .mmlab-card")).to_contain_text("Asked: its sound")


def the_composer_fits_a_narrow_window(opened: Opened, root: Locator, theme: str) -> None:
    before = opened.page.viewport_size
    opened.page.set_viewport_size({"width": 380, "height": 1500})
    opened.page.wait_for_timeout(500)
    opened.screenshot(f"live-workbench-380-{theme.lower()}")
    composer = root.locator(".mmlab-composer")
    assert sticking_out(composer, ".mmlab-card, .mmlab-part input, select") == []
    opened.page.set_viewport_size(before)


def move_a_slider_and_a_switch(opened: Opened, root: Locator) -> None:
    slider = root.get_by_role("slider", name="Weight of words")
    slider.focus()
    for _ in range(8):
        opened.page.keyboard.press("ArrowLeft")
    expect(slider).to_have_js_property("value", "0.6")
    expect(message(root)).to_contain_text("“the red square” (0.6)")
    opened.wait_until("abs(bench.question.parts[0].weight - 0.6) < 1e-9")
    shown = root.locator(".mmlab-results .mmlab-card .mmlab-heading").first
    score = opened.ask("round(float(bench.answers.score.iloc[0]), 2)")
    expect(shown).to_contain_text(f"{score:.2f}")
    switch = root.get_by_role("switch", name="Weight of words: asked")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(message(root)).to_contain_text(re.compile("^the sound of red right.mp4"))
    switch.press("Space")
    expect(message(root)).to_contain_text("“the red square” (0.6)")


def play_the_first(root: Locator) -> None:
    card = root.locator(".mmlab-results .mmlab-card").first
    card.locator(".mmlab-play").click()
    assert plays(card.locator("video")), "an answer does not play"
    card.locator(".mmlab-play").click()


def find_the_answers_on_a_map(root: Locator) -> None:
    open_tab(root, "Map")
    view = root.locator(".mmlab-map")
    expect(view.locator(".js-plotly-plot canvas").first).to_be_visible()
    expect(view.locator(".mmlab-map-corner")).to_contain_text("trustworthiness")


def open_tab(root: Locator, name: str) -> None:
    root.locator(".mmlab-workbench-tabs").get_by_role("button", name=name, exact=True).click()


def compare_fusions(root: Locator) -> None:
    open_tab(root, "Joint beside late")
    comparison = root.locator(".mmlab-comparison")
    expect(comparison).to_contain_text(re.compile(r"\d clips are among the 5 best of either"))


def fuse_late_and_back(root: Locator) -> None:
    open_tab(root, "Answers")
    root.get_by_role("button", name="Late", exact=True).click()
    expect(message(root)).to_contain_text("fused late")
    root.get_by_role("button", name="Joint", exact=True).click()
    expect(message(root)).not_to_contain_text("fused late")


def ask_why(opened: Opened, root: Locator) -> None:
    second = opened.ask("bench.answers.clip_id.iloc[1]")
    root.locator(".mmlab-results").get_by_role("button", name=re.compile("^Why")).nth(1).click()
    why = root.locator(".mmlab-why")
    expect(why).to_contain_text(second)
    opened.wait_until(f"bench.why_panel.reasons.clip_id == {second!r}")
    assert opened.ask("float(bench.why_panel.reasons.error)") < 1e-5


def keep_the_answers(opened: Opened, root: Locator, lab) -> None:
    for suffix in ("csv", "json"):
        root.locator(f".mmlab-keep-{suffix}").click()
        told = root.locator(".mmlab-results > .mmlab-status")
        expect(told).to_contain_text(re.compile(rf"Kept 5 clips as answers-\d+\.{suffix}"))
    assert list(lab.folder.glob("answers-*.csv"))
    assert opened.ask("[hit['clip_id'] for hit in bench.hits] == bench.answers.clip_id.tolist()")


def pin_and_ask_for_more(opened: Opened, root: Locator) -> None:
    results = root.locator(".mmlab-results")
    pin = results.get_by_role("button", name=re.compile("^Pin ")).nth(2)
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "true")
    opened.wait_until("len(bench.pinned) == 1")
    results.get_by_role("button", name=re.compile("^More like this")).first.click()
    expect(message(root)).to_contain_text(re.compile("^the (picture|sound) of"))
    expect(root.get_by_label("Words", exact=True)).to_have_value("")


def go_back(opened: Opened, root: Locator) -> None:
    """The question before is one click away."""
    open_tab(root, "History")
    before = root.locator(".mmlab-history-question", has_text="“the red square” (0.6)").first
    before.click()
    expect(message(root)).to_contain_text("“the red square” (0.6)")
    expect(root.get_by_label("Words", exact=True)).to_have_value("the red square")
    slider = root.get_by_role("slider", name="Weight of words")
    expect(slider).to_have_js_property("value", "0.6")
