"""The answers' cards and the comparison as a person uses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import violations, walk
from tests.browser.corpus import views_notebook
from tests.browser.gestures import plays

pytestmark = pytest.mark.slow

RESULTS = """from mmlab.workbench.results import Results
asked = []
results = Results(dataset, per_page=4, on_more_like=lambda one: asked.append(("more", one)),
                  on_why=lambda one: asked.append(("why", one)))
results.show(retriever.search(text="red", top=9), "Nine clips for <b>red</b>.")
results"""
BENCH = """from mmlab.workbench import Workbench
bench = Workbench(retriever, text="red", top=13)
bench"""
COMPARISON = """from mmlab.question import Asker, Question
from mmlab.workbench.comparison import Comparison
comparison = Comparison(dataset)
table = Asker(retriever).compare(Question.of(text="red", video=clip_id), top=5)
comparison.show(table, top=5)
comparison"""


@pytest.fixture
def opened_view(views_corpus, open_notebook, lab, tmp_path):
    def open_it(theme: str, name: str, cell: str):
        lab.use_theme(theme)
        path = tmp_path / f"{name}-{theme}.ipynb"
        opened = open_notebook(views_notebook(views_corpus, path, cell))
        opened.run_all()
        return opened

    return open_it


def is_accessible(view, css):
    assert violations(view, css) == []
    tabbed = walk(view)
    assert (tabbed.missed, tabbed.nameless, tabbed.unseen, tabbed.left) == ([], [], [], True)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_cards_are_played_pinned_filtered_and_kept(opened_view, lab, theme):
    opened = opened_view(theme, "results", RESULTS)
    view = opened.view(".mmlab-results")
    cards = view.locator(".mmlab-result")
    expect(cards).to_have_count(4)
    expect(view.locator(":scope > .mmlab-status")).to_have_text("Nine clips for <b>red</b>.")
    is_accessible(view, ".mmlab-results")
    cards.nth(1).locator(".mmlab-action-more").focus()
    opened.page.keyboard.press("Enter")
    cards.nth(2).locator(".mmlab-action-why").click()
    opened.wait_until("[kind for kind, _ in asked] == ['more', 'why']")
    assert opened.ask("[one for _, one in asked] == [hit['clip_id'] for hit in results.hits[1:3]]")

    cards.first.locator(".mmlab-action-pin").click()
    expect(cards.first.locator(".mmlab-action-pin")).to_have_attribute("aria-pressed", "true")
    view.get_by_role("button", name="Pinned (1)").click()
    expect(cards).to_have_count(1)
    view.get_by_role("button", name="Found").click()
    expect(cards).to_have_count(4)

    view.get_by_label("Filter by").select_option("media_path")
    view.get_by_label("is", exact=True).fill("red right.mp4")
    view.get_by_label("is", exact=True).press("Enter")
    chip = view.get_by_role("button", name="media_path: red right.mp4")
    expect(chip).to_be_visible()
    opened.wait_until("{hit['media_path'] for hit in results.hits} == {'red right.mp4'}")
    cards.first.locator(".mmlab-play").click()
    assert plays(cards.first.locator("video")), "play does not play"
    view.locator(".mmlab-keep-csv").click()
    expect(view.locator(".mmlab-download")).to_be_visible()
    with opened.page.expect_download() as download:
        view.locator(".mmlab-download").click()
    name = download.value.suggested_filename
    assert download.value.path().read_bytes() == (lab.folder / name).read_bytes()
    opened.screenshot(f"live-results-{theme.lower()}", ".mmlab-results")
    chip.click()
    expect(cards).to_have_count(4)
    assert opened.errors == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_filtered_by_a_range_and_by_words_on_a_narrow_screen(opened_view, theme):
    opened = opened_view(theme, "filters", BENCH)
    view = opened.view(".mmlab-workbench")
    message = view.locator(".mmlab-workbench-message")
    expect(view.locator(".mmlab-result")).to_have_count(10)
    fields = view.locator(".mmlab-results-tools").locator("select, .widget-toggle-button, button")
    assert len({round(one["y"]) for one in boxes(fields)}) == 1, "the tools are not in line"
    stages = boxes(view.locator(".mmlab-result .mmlab-stage"))
    assert len({round(one["y"]) for one in stages[:5]}) == 1, "a heading takes two lines"

    opened.ask("bench.results.filters.set('seconds', (1.6, 2.5))")
    expect(message).to_contain_text("with seconds 1.6 to 2.5 in")
    view.get_by_label("Filter by").select_option("text")
    view.get_by_label("is", exact=True).fill("square RED")
    view.get_by_label("is", exact=True).press("Enter")
    expect(message).to_contain_text("clip with text square RED, and seconds 1.6 to 2.5 in")
    red = {"move the <b>red</b> square & wait"}
    opened.wait_until(f"{{hit['text'] for hit in bench.hits}} == {red}")
    opened.screenshot(f"live-filters-{theme.lower()}", ".mmlab-workbench")

    opened.page.set_viewport_size({"width": 420, "height": 1300})
    view = opened.view(".mmlab-composer")
    right = view.bounding_box()["x"] + view.bounding_box()["width"]
    for one in boxes(view.locator("input, select, button")):
        assert one["x"] + one["width"] <= right, "out of reach"
    opened.view(".mmlab-workbench")
    opened.screenshot(f"live-narrow-{theme.lower()}")
    assert opened.errors == []


def boxes(found):
    seen = [one.bounding_box() for one in found.all() if one.is_visible()]
    assert len(seen) > 2
    return seen


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_both_columns_are_seen_chosen_and_played(opened_view, theme):
    opened = opened_view(theme, "comparison", COMPARISON)
    view = opened.view(".mmlab-comparison")
    rows = view.locator(".mmlab-column-joint .mmlab-compared-button")
    expect(rows).to_have_count(5)
    expect(view.locator(".mmlab-column-late .mmlab-compared-button")).to_have_count(5)
    assert view.locator(".mmlab-board b, .mmlab-board script").count() == 0  # captions are text
    expect(view.locator(".mmlab-change-new")).to_have_count(
        opened.ask("int((table.late_rank > 5).sum())")
    )
    is_accessible(view, ".mmlab-comparison")
    rows.first.focus()
    opened.page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    opened.page.keyboard.press("Enter")
    expect(rows.nth(1)).to_have_attribute("aria-pressed", "true")
    opened.wait_until("comparison.board.chosen == table.clip_id[1]")
    opened.wait_until("comparison.player.media_path is not None")
    opened.ask("comparison.show(table.iloc[::-1], top=5)")
    expect(rows.nth(1)).to_be_focused()
    opened.screenshot(f"live-comparison-{theme.lower()}", ".mmlab-comparison")
    assert opened.errors == []
