"""The attention view as a person uses it: words, seconds, heat, and the clip that plays along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from mmlab.views import attention
from tests.browser.corpus import views_notebook
from tests.browser.gestures import click_at, plays
from tests.browser.opened import SCREENSHOTS, Opened

pytestmark = pytest.mark.slow

VIEW = "view = views.AttentionView(retriever, clip_id)\nview"
ODD = """clips = dataset.manifest.set_index("media_path").clip_id.groupby(level=0).first()
for name in ("blue mute.mp4", "only sound.mp4"):
    display(views.AttentionView(retriever, clips[name]))
longest = dataset.manifest.text.str.len().idxmax()
display(views.AttentionView(retriever, dataset.manifest.clip_id[longest]))
display(views.AttentionView(retriever, clips["only sound.mp4"], "text+video"))"""
LONG = """import numpy as np
from mmlab.explanation import TokenMap
words = ["<script>alert(1)</script>", *(f"word{n}" for n in range(59))]
starts = np.r_[np.arange(600.0), np.arange(900) / 1.5]
random = np.random.default_rng(0)
weights = random.random((61, 1500))
weights[7] = 0.1
weights[7, 432] = 1.0  # word5 looks at second 432 alone
found = TokenMap(words, ["video"] * 600 + ["audio"] * 900, np.stack([starts, starts + 0.6], 1),
    {"made up": weights / weights.sum(axis=1, keepdims=True)}, (0.0, 600.0), caption="long")
view = views.AttentionView.of(found)
view"""

CLOCK = Path(attention.__file__).parent
OVERLAID = """async () => {
    const line = document.createElement("div");
    line.innerHTML = '<div></div><div style="width: 90px; height: 20px"><canvas></canvas></div>';
    document.body.append(line);
    const filled = document.createElement("canvas").getContext("2d");
    filled.fillStyle = "red";
    filled.fillRect(0, 0, 999, 999);
    const coarse = { start: 0, end: 3, bitmap: await createImageBitmap(filled.canvas) };
    const empty = await createImageBitmap(new ImageData(10, 10));
    const pictures = [coarse, { start: 1, end: 2, bitmap: empty }];
    drawImages(line, { height: 20 }, pictures, (second) => second / 3);
    const pencil = line.querySelector("canvas").getContext("2d");
    return [15, 45, 75].map((x) => [...pencil.getImageData(x, 10, 1, 1).data]);
}"""
HEAT = ".mmlab-lane-plot:has(.mmlab-heat)"
PIXELS = "(canvas) => canvas.toDataURL()"
PLACE = "(playhead) => parseFloat(playhead.style.left)"


@pytest.fixture
def opened_view(views_corpus, open_notebook, lab, tmp_path):
    def open_it(theme: str, name: str, cell: str) -> Opened:
        lab.use_theme(theme)
        path = tmp_path / f"{name}-{theme}.ipynb"
        opened = open_notebook(views_notebook(views_corpus, path, cell), height=1200)
        opened.run_all()
        return opened

    return open_it


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_words_seconds_and_the_clip_answer_each_other(opened_view, lab, theme):
    opened = opened_view(theme, "attention", VIEW)
    root = opened.view(".mmlab-attention")
    expect(root.locator(HEAT)).to_have_count(2)
    opened.screenshot(f"live-attention-{theme.lower()}", ".mmlab-attention")
    all_stand_in_a_row(root.locator(".mmlab-attention-tools > *:visible"))
    all_stand_in_a_row(root.locator(".mmlab-attention-below > *"))
    a_word_shows_its_heat(opened, root)
    a_second_shows_its_words_and_plays(opened, root)
    all_stand_in_a_row(root.locator(".mmlab-attention-below > *"))
    opened.screenshot(f"live-attention-second-{theme.lower()}", ".mmlab-attention")
    other_heats(opened, root)
    the_axis_by_keyboard(opened, root)
    text_beside_the_colours(root)
    keep_it_as_a_page(opened, root, lab)
    assert opened.errors == []


def all_stand_in_a_row(parts: Locator) -> None:
    boxes = [part.bounding_box() for part in parts.all()]
    lefts, tops = ([box[side] for box in boxes] for side in "xy")
    assert len(boxes) > 2
    assert lefts == sorted(set(lefts))
    assert max(tops) - min(tops) < 10


def a_word_shows_its_heat(opened: Opened, root: Locator) -> None:
    """Pointing at a word draws at once without the kernel; a click keeps it."""
    words = root.locator(".mmlab-words button")
    heat = root.locator(HEAT).first
    expect(words.first).to_be_visible()
    seen = {}
    for index in range(words.count()):
        words.nth(index).hover()
        name = words.nth(index).inner_text().strip()
        told = re.compile(re.escape(f"for “{name}”") if index else "for whole caption")
        expect(heat).to_have_attribute("aria-label", told)
        seen[index] = heat.locator("canvas").evaluate(PIXELS)
    assert len(set(seen.values())) > 1, "no word changes the heat"
    assert opened.ask("view.clock.chosen") == 0, "pointing is not choosing"
    words.nth(2).click()
    opened.wait_until("view.clock.chosen == 2")
    expect(words.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(root.locator(".mmlab-lane-label small").first).to_contain_text("words: ")
    root.locator(".mmlab-links").hover()
    label = re.escape(f"for “{words.nth(2).inner_text().strip()}”")
    expect(heat).to_have_attribute("aria-label", re.compile(label))  # it stays
    assert words.evaluate_all("(all) => all.filter((one) => one.tabIndex === 0).length") == 1
    words.nth(2).focus()
    opened.page.keyboard.press("ArrowLeft")
    expect(words.nth(1)).to_be_focused()
    label = re.escape(f"for “{words.nth(1).inner_text().strip()}”")
    expect(heat).to_have_attribute("aria-label", re.compile(label))  # the keyboard points too


def a_second_shows_its_words_and_plays(opened: Opened, root: Locator) -> None:
    click_at(root.locator(HEAT).last, 0.75)
    start, end = opened.ask("list(view.token_map.span)")
    wanted = start + 0.75 * (end - start)
    opened.wait_until(f"abs((view.clock.second or 0) - {wanted}) < 0.05")
    expect(root.locator(".mmlab-clock-told")).to_contain_text(f"At {wanted:.1f} s:")
    video = root.locator("video")
    there = f"(video) => video.currentTime > {0.75 * (end - start) - 0.1}"
    opened.page.wait_for_function(there, arg=video.element_handle())
    opened.wait_until(f"view.player.current_time >= {wanted} - 0.1")  # and Python knows
    opened.listen("view.player", "current_time")
    click_at(root.locator(HEAT).last, 0.05)
    opened.wait_until(f"min(heard, default={wanted}) < {wanted} - 0.1")
    head = root.locator(".mmlab-playhead")
    assert plays(video), "the clip does not play from the second"
    opened.page.wait_for_function(
        f"(playhead) => ({PLACE})(playhead) > 25", arg=head.element_handle()
    )


def other_heats(opened: Opened, root: Locator) -> None:
    """Each weighting draws its own heat, and each combination its own lanes."""
    heats = root.get_by_label("Heat", exact=True)
    names = opened.ask("list(view.token_map.weights)")
    assert {"relevance", "attention, mean of heads", "attention, head 1"} < set(names)
    root.locator(".mmlab-words button").nth(2).click()
    root.locator(".mmlab-links").hover()
    canvas, links = root.locator(HEAT).first.locator("canvas"), root.locator(".mmlab-links")
    seen = set()
    for number, name in enumerate(names):
        heats.select_option(index=number)
        expect(links.locator("caption")).to_contain_text(name)
        expect(root.locator(".mmlab-deletion")).to_contain_text("area")
        expect(root.locator(".mmlab-deletion")).to_contain_text("95 %")
        seen.add(canvas.evaluate(PIXELS))
    assert len(seen) > 1, "no weighting changes the heat"
    fused = root.get_by_label("Fused")
    fused.select_option("text+video")
    expect(root.locator(HEAT)).to_have_count(1)
    fused.select_option("text+video+audio")
    expect(root.locator(HEAT)).to_have_count(2)
    root.get_by_label("all words").check()
    expect(root.locator(".mmlab-lane-words").first).to_be_visible()
    chosen = root.locator(".mmlab-words button[aria-pressed=true]").inner_text().strip()
    marked = root.locator(".mmlab-lane-word-chosen")
    expect(marked).to_have_text([chosen] * 2)  # in both lanes
    opened.screenshot(f"live-attention-words-{opened.name}"[:-6], ".mmlab-attention")
    hover_last_row(root)
    root.get_by_label("all words").uncheck()


def hover_last_row(root: Locator) -> None:
    """Among many rows the pointer says whose heat it is over."""
    plot = root.locator(HEAT).first
    box = plot.bounding_box()
    plot.hover(position={"x": box["width"] / 2, "y": box["height"] - 2})
    last = root.locator(".mmlab-words button").last.inner_text().strip()
    expect(root.locator(".mmlab-clock-row")).to_have_text(last)
    expect(root.locator(".mmlab-clock-told")).to_contain_text(f"Strongest for “{last}”")
    expect(root.locator(".mmlab-clock-spoken")).to_contain_text(f"Strongest for “{last}”")


def the_axis_by_keyboard(opened: Opened, root: Locator) -> None:
    axis = root.get_by_role("slider", name=re.compile("^Second"))
    scale, last = axis.bounding_box(), axis.locator(".mmlab-tick").last.bounding_box()
    end = scale["x"] + scale["width"]
    assert abs(last["x"] + last["width"] / 2 - end) < 2, "the last tick does not stand at its place"
    root.locator(HEAT).first.hover()  # where the pointer rests is nothing to the keys
    axis.focus()
    opened.page.keyboard.press("Home")
    start = opened.ask("view.clock.span[0]")
    opened.wait_until(f"view.clock.second == {start}")
    before = float(axis.get_attribute("aria-valuenow"))
    opened.page.keyboard.press("ArrowRight")
    further = f"(axis) => Number(axis.getAttribute('aria-valuenow')) > {before}"
    opened.page.wait_for_function(further, arg=axis.element_handle())
    opened.page.keyboard.press("+")
    opened.wait_until("view.clock.shown[1] - view.clock.shown[0] < 0.6 * view.clock.span[1]")
    opened.page.keyboard.press("0")
    opened.wait_until("list(view.clock.shown) == list(view.clock.span)")
    opened.listen("view.player", "playing")
    opened.page.keyboard.press("Enter")
    opened.wait_until("True in heard")


def text_beside_the_colours(root: Locator) -> None:
    links = root.locator(".mmlab-links")
    assert links.locator("th").all_inner_texts() == ["word", "in", "seconds", "weight", "× even"]
    expect(links.locator("tbody tr").first).to_contain_text(re.compile(r"picture|sound"))
    expect(root).to_contain_text("move the <b>red</b> square & wait")


def keep_it_as_a_page(opened: Opened, root: Locator, lab) -> None:
    """What is saved as HTML works by itself, with no kernel and nothing from the net."""
    root.get_by_label("Save as").select_option(label="page (.html)")
    root.get_by_role("button", name="Save", exact=True).click()
    expect(root).to_contain_text(re.compile("Saved (again )?as attention-"))
    saved = max(lab.folder.glob("attention-*.html"), key=lambda path: path.stat().st_mtime)
    page = opened.page.context.browser.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(saved.as_uri())
    all_stand_in_a_row(page.locator(".mmlab-attention-below > *"))
    page.screenshot(path=SCREENSHOTS / "attention-page.png", full_page=True)
    words = page.locator(".mmlab-words button")
    heat = page.locator(HEAT).first
    words.nth(1).hover()
    name = re.escape(f"for “{words.nth(1).inner_text().strip()}”")
    expect(heat).to_have_attribute("aria-label", re.compile(name))
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    page.close()


def test_clips_that_lack_something_say_so(opened_view):
    opened = opened_view("Light", "odd", ODD)
    mute, sound, long, nothing = (opened.page.locator(".mmlab-attention").nth(n) for n in range(4))
    expect(mute.locator(HEAT)).to_have_count(1)
    expect(sound.locator(HEAT)).to_have_count(1)
    expect(sound).to_contain_text("listen <script>alert(1)</script>")
    assert long.locator(".mmlab-words button").count() > 15  # as many as the model takes
    assert nothing.locator(HEAT).count() == 0
    expect(nothing.locator(".mmlab-clock-told")).not_to_be_empty()
    opened.screenshot("live-attention-odd")
    assert opened.errors == []


def test_a_sharper_picture_covers_the_coarse_one(browser):
    """Waves are transparent: painted over each other, two would show sound that is not there."""
    page = browser.new_page()
    page.add_script_tag(content=CLOCK.joinpath("clock_drawing.js").read_text())
    assert page.evaluate(OVERLAID) == [[255, 0, 0, 255], [0, 0, 0, 0], [255, 0, 0, 255]]
    page.close()


def test_ten_minutes_stay_usable(opened_view):
    """Sixty words over 1,500 tokens of any model: few elements, and each gesture is answered."""
    opened = opened_view("Light", "long", LONG)
    root = opened.view(".mmlab-attention")
    words = root.locator(".mmlab-words button")
    expect(words).to_have_count(61)
    expect(words.nth(1)).to_have_text("<script>alert(1)</script>")
    elements = root.evaluate("(view) => view.querySelectorAll('*').length")
    assert elements < 1000, "an element for each token would not stay usable"
    words.nth(7).click()
    picture = root.locator(HEAT).first
    expect(picture).to_have_attribute("aria-label", re.compile(r"“word5”.* 7:12\.0 to 7:12\.6 "))
    axis = root.get_by_role("slider", name=re.compile("^Second"))
    axis.focus()
    for _ in range(4):
        opened.page.keyboard.press("+")
    opened.wait_until("view.clock.shown[1] - view.clock.shown[0] == 600 / 16")
    opened.page.keyboard.press("End")
    opened.wait_until("view.clock.shown[1] == 600")
    opened.screenshot("live-attention-long", ".mmlab-attention")
    assert opened.errors == []
