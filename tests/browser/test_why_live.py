"""Why, probes and trouble in JupyterLab: read the shares, play a second, change a probe, list."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import violations, walk
from tests.browser.corpus import views_notebook
from tests.browser.gestures import plays
from tests.browser.opened import Opened

pytestmark = pytest.mark.slow

CELLS = {
    "mmlab-why": """from mmlab.question import Asker, Question
from mmlab.question.why import explain_hit
from mmlab.workbench.why_panel import WhyPanel
question = Question.of(text="move the <b>red</b> square", audio=clip_id, without="quiet")
why = WhyPanel(explain_hit(Asker(retriever), question, clip_id))
why""",
    "mmlab-probe": """from mmlab.workbench.probe_panel import ProbePanel
probe = ProbePanel(retriever, query="text+audio", gallery="video")
probe""",
    "mmlab-trouble": """from mmlab.workbench.trouble_list import TroubleList
trouble = TroubleList(retriever)
trouble""",
}


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_reasons_probes_and_trouble(views_corpus, open_notebook, lab, tmp_path, theme):
    lab.use_theme(theme)
    path = tmp_path / f"why-{theme}.ipynb"
    opened = open_notebook(views_notebook(views_corpus, path, *CELLS.values()), height=1300)
    opened.run_all()
    read_the_shares(opened)
    play_a_second(opened)
    change_the_probe(opened)
    list_the_trouble(opened)
    for name in CELLS:
        opened.screenshot(f"live-{name.removeprefix('mmlab-')}-{theme.lower()}", f".{name}")
        assert violations(opened.view(f".{name}"), f".{name}") == []
    for name in CELLS:
        met = walk(opened.view(f".{name}"))
        assert (met.missed, met.nameless, met.unseen, met.left) == ([], [], [], True), name
    assert opened.errors == []


def read_the_shares(opened: Opened) -> None:
    bars = opened.view(".mmlab-why-bars")
    expect(bars.locator("table")).to_have_count(2)
    asked = bars.locator("tr", has_text="“move the <b>red</b> square”")
    expect(asked).to_have_count(1)  # markup in a question is text
    share = opened.ask("float(why.reasons.parts.share[0])")
    expect(asked).to_contain_text(f"{share:+.3f}")
    total = opened.ask("float(why.reasons.score)")
    expect(bars.locator(".mmlab-why-sum").first).to_contain_text(f"{total:+.3f}")
    expect(bars.locator(".mmlab-why-sentences")).to_contain_text("With “quiet” allowed it would")


def play_a_second(opened: Opened) -> None:
    lane = opened.page.locator(".mmlab-why-pieces").first
    pieces = lane.locator("button")
    pieces.first.focus()
    opened.page.keyboard.press("ArrowRight")
    expect(pieces.nth(1)).to_be_focused()
    opened.page.keyboard.press("Enter")
    assert plays(opened.page.locator(".mmlab-why video"))
    start = opened.ask("float(why.reasons.seconds.start_seconds[1])")
    opened.wait_until(f"why.player.current_time >= {start}")
    opened.ask("why.player.pause()")


def change_the_probe(opened: Opened) -> None:
    panel = opened.view(".mmlab-probe")
    expect(panel.locator(".mmlab-probe-message")).to_contain_text("sound dropped")
    panel.get_by_label("is", exact=True).select_option("shuffled among the clips")
    expect(panel.locator(".mmlab-probe-message")).to_contain_text("sound shuffled")
    expect(panel.locator("svg polyline")).to_have_count(2)
    panel.get_by_label("is", exact=True).select_option("replaced by one clip's")
    expect(panel.locator(".mmlab-probe-message")).to_contain_text("Choose the clip whose sound")
    panel.get_by_label("is", exact=True).select_option("shuffled among the clips")
    expect(panel.locator("svg polyline")).to_have_count(2)


def list_the_trouble(opened: Opened) -> None:
    listed = opened.view(".mmlab-trouble")
    expect(listed.locator(".mmlab-gallery-message")).to_contain_text("own sound lowest")
    listed.get_by_role("button", name="Captions nearly the same").click()
    expect(listed.locator(".mmlab-gallery-message")).to_contain_text("No two clips have captions")
    listed.get_by_role("button", name="Caption against sound").click()
    expect(listed.locator(".mmlab-card").first).to_contain_text("rank ")
    card = listed.locator(".mmlab-card").first
    card.locator(".mmlab-play").click()
    assert plays(card.locator("video"))
    opened.page.keyboard.press("Escape")
