"""The moment finder as a person uses it: steps found, a boundary dragged, played, kept."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.accessibility import sticking_out, violations, walk
from tests.browser.corpus import views_notebook
from tests.browser.gestures import click_at, plays
from tests.browser.opened import Opened

pytestmark = pytest.mark.slow

FINDER = """import torch
from mmlab.workbench import MomentFinder
from mmlab.workbench import moment_search
from mmlab.evaluation.seconds import VideoSeconds
vectors = torch.nn.functional.normalize(torch.randn(4, 256), dim=-1)  # tiny videos are all alike
moment_search.video_seconds = lambda *_, **how: VideoSeconds(3.125, vectors)
moment_search.MomentSearch.seconds_of = lambda *_: 3.125  # no whole hundredth, as of most videos
steps = ["move the <b>red</b> square", "turn & stop"]
finder = MomentFinder(retriever, "red right.mp4", steps, truth=[[(0, 1)], []])
finder"""
ROW = "list(finder.segments.drop(columns=['step', 'score']).to_dict('records')[0].values())"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_steps_are_found_moved_played_and_kept(views_corpus, open_notebook, lab, tmp_path, theme):
    lab.use_theme(theme)
    path = tmp_path / f"moments-{theme}.ipynb"
    opened = open_notebook(views_notebook(views_corpus, path, FINDER), height=1200)
    opened.run_all()
    root = opened.view(".mmlab-moments")
    expect(root.locator(".mmlab-moment-name")).to_have_count(2)
    expect(root).to_contain_text("1. move the <b>red</b> square")
    expect(root.locator(".mmlab-moment-truth")).to_have_count(1)
    names_begin_alike(root)
    drag_a_boundary(opened, root)
    opened.screenshot(f"live-moments-{theme.lower()}", ".mmlab-moments")
    move_it_by_keyboard(opened, root)
    what_is_refused_is_put_back(opened, root)
    zoom_and_play(opened, root)
    keep_it(opened, root)
    assert violations(root, ".mmlab-moments") == []
    everything_can_be_reached(root)
    it_fits_a_narrow_window(opened, root, theme)
    ask_for_something_else(opened, root)
    opened.screenshot(f"live-moments-single-{theme.lower()}", ".mmlab-moments")
    assert opened.errors == []


def names_begin_alike(root: Locator) -> None:
    """Names of one line and of two, and their seconds, are one column."""
    lines = root.locator(".mmlab-moment-step, .mmlab-moment-name small")
    starts = lines.evaluate_all(
        """nodes => nodes.map((node) => {
          const words = document.createRange();
          words.selectNodeContents(node);
          const { left, height } = words.getBoundingClientRect();
          return [Math.round(left), Math.round(height)];
        })"""
    )
    assert len({left for left, _ in starts}) == 1
    assert starts[0][1] > 1.5 * starts[2][1], "the first name has two lines"


def it_fits_a_narrow_window(opened: Opened, root: Locator, theme: str) -> None:
    before = opened.page.viewport_size
    for width in (500, 420):
        opened.page.set_viewport_size({"width": width, "height": 1300})
        opened.page.wait_for_timeout(500)
        opened.screenshot(f"live-moments-{width}-{theme.lower()}")
        assert sticking_out(root, "button, input, select, textarea, canvas, video") == []
        ends = root.locator(".mmlab-tick").evaluate_all(
            """ticks => ticks.map((tick) => tick.getBoundingClientRect())
                .map(({ left, right }) => [left, right])"""
        )
        assert len(ends) >= 2
        assert all(left > right for (_, right), (left, _) in pairwise(ends)), "ticks overlap"
    opened.page.set_viewport_size(before)


def drag_a_boundary(opened: Opened, root: Locator) -> None:
    """By as many pixels as half a second has; it stays in its video."""
    opened.ask("finder.move(0, 0.5, 1.0) is None")
    handle = root.get_by_role("slider", name="End of 1. move the <b>red</b> square")
    expect(handle).to_have_attribute("aria-valuenow", "1")
    second = root.locator(".mmlab-lane-scale").bounding_box()["width"] / 3.125
    hold = drag_by(handle, second / 2)
    expect(handle).to_have_attribute("aria-valuetext", "0:01.5")
    assert opened.ask(ROW) == [0.5, 1.0, True], "the kernel hears of it when it is let go"
    hold.up()
    opened.wait_until(f"{ROW} == [0.5, 1.5, True]")
    expect(root.locator(".mmlab-moment-name small").first).to_contain_text("0:01.5")
    expect(root.locator(".mmlab-moment-edited")).to_have_count(1)
    expect(root.get_by_role("status")).to_contain_text("1 moved by hand")
    drag_by(handle, 9 * second).up()
    opened.wait_until(f"{ROW}[1] == 3.125")
    expect(handle).to_have_attribute("aria-valuenow", "3.125")
    expect(root.get_by_role("status")).to_contain_text("1 and 2 overlap by ")
    drag_by(handle, -9 * second).up()
    opened.wait_until(f"{ROW}[1] == 0.6")


def drag_by(handle: Locator, pixels: float):
    mouse, box = handle.page.mouse, handle.bounding_box()
    mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + 4 + pixels, box["y"] + box["height"] / 2, steps=6)
    return mouse


def move_it_by_keyboard(opened: Opened, root: Locator) -> None:
    handle, keys = root.get_by_role("slider", name="Start of 1."), opened.page.keyboard
    handle.focus()
    keys.press("ArrowLeft")
    opened.wait_until(f"{ROW}[0] == 0.4")
    keys.press("Home")
    keys.press("Shift+ArrowRight")  # as far as it goes: to a tenth before its end
    opened.wait_until(f"{ROW}[0] == 0.5")
    expect(handle).to_be_focused()
    keys.press("Backspace")
    opened.wait_until("not finder.segments.edited.any()")
    expect(root.locator(".mmlab-moment-edited")).to_have_count(0)
    end = root.get_by_role("slider", name="End of 1.")
    end.press("End")
    opened.wait_until(f"{ROW}[1:] == [3.125, True]")
    end.press("Backspace")
    opened.wait_until("not finder.segments.edited.any()")
    expect(root.locator(".mmlab-moment-edited")).to_have_count(0)


def what_is_refused_is_put_back(opened: Opened, root: Locator) -> None:
    """The kernel has the last word, here as if it knew of a shorter video."""
    end, before = root.get_by_role("slider", name="End of 1."), opened.ask(ROW)
    opened.ask("object.__setattr__(finder._edited, 'seconds', 3.0)")
    end.press("End")
    expect(root.get_by_role("status")).to_contain_text("Not moved: a segment lies between 0 and")
    expect(end).to_have_attribute("aria-valuenow", f"{before[1]:g}")
    expect(root.locator(".mmlab-moment-edited")).to_have_count(0)
    assert opened.ask(ROW) == before
    opened.ask("object.__setattr__(finder._edited, 'seconds', 3.125)")


def zoom_and_play(opened: Opened, root: Locator) -> None:
    root.get_by_role("button", name="Show less time").click()
    opened.wait_until("finder.lanes.shown[1] - finder.lanes.shown[0] == 1.5625")
    opened.wait_until("len(finder.lanes.pictures) == 2")  # sharper ones of this part
    opened.page.keyboard.press("0")
    opened.wait_until("list(finder.lanes.shown) == [0, 3.125]")
    opened.listen("finder.player", "playing")
    click_at(root.locator(".mmlab-lane-plot:has(.mmlab-heat)").last, 0.02)
    opened.wait_until("True in heard")
    assert plays(root.locator("video"))
    opened.ask("finder.player.pause() is None")


def keep_it(opened: Opened, root: Locator) -> None:
    root.get_by_role("button", name="Save").click()
    link = root.locator("a.mmlab-download")
    expect(link).to_have_attribute("download", re.compile(r"moments-\d+\.vtt"))
    with opened.page.expect_download() as download:
        link.click()
    assert download.value.path().read_text().startswith("WEBVTT\n\nNOTE model ")


def everything_can_be_reached(root: Locator) -> None:
    met = walk(root)
    assert met.missed == []
    assert met.nameless == []
    assert met.unseen == []
    assert met.left


def ask_for_something_else(opened: Opened, root: Locator) -> None:
    words, status = root.get_by_label("Steps", exact=True), root.get_by_role("status")
    words.fill("?!")
    root.get_by_role("button", name="Find").click()
    expect(status).to_contain_text("“?!” holds no word that the model knows")
    expect(root.locator(".mmlab-moment-name")).to_have_count(2)
    words.fill("the red square")
    root.get_by_role("button", name="Find").click()
    expect(status).to_contain_text("“the red square”: ")
    expect(root.locator(".mmlab-moment-name").first).to_contain_text("moment 1")
    assert set(opened.ask("finder.segments.step.tolist()")) == {"the red square"}
