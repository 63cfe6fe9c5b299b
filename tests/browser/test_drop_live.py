"""A file of one's own, given in the browser: dropped, chosen, recorded, refused, taken away."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.accessibility import violations, walk
from tests.browser.corpus import write_notebook
from tests.browser.opened import Opened

pytestmark = pytest.mark.slow

CELLS = (
    "from mmlab.workbench.drop import MediaDrop\n"
    "told = []\n"
    "drop = MediaDrop(lambda path, name: told.append((str(path), name)))\n"
    "drop",
)

OpenDrop = Callable[..., Opened]

DROP_ON = """(root, { name, text, count, kind }) => {
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    for (let number = 0; number < count; number++) data.items.add(new File([bytes], name));
    const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    root.dispatchEvent(event);
    return event.defaultPrevented;
}"""
NOTHING = {"name": "", "text": "", "count": 0}

LOUD = "() => Number(document.querySelector('.mmlab-drop-meter').ariaValueNow) > 10"

REFUSE = """(name) => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", name); };
}"""


@pytest.fixture
def opened_drop(open_notebook, tmp_path, request) -> OpenDrop:
    def open_it(*cells: str) -> Opened:
        notebook = write_notebook(tmp_path / f"{request.node.name}.ipynb", [*CELLS, *cells])
        opened = open_notebook(notebook)
        opened.run_all()
        return opened

    return open_it


def choose(opened: Opened, path: Path) -> None:
    with opened.page.expect_file_chooser() as chooser:
        opened.page.get_by_role("button", name="Choose a file").first.click()
    chooser.value.set_files(path)


def message(opened: Opened) -> Locator:
    return opened.page.locator(".mmlab-drop-message").first


def note(opened: Opened) -> Locator:
    return opened.page.locator(".mmlab-drop-note").first


def test_a_chosen_file_arrives_whole_and_can_be_taken_away(opened_drop, media_folder):
    path = media_folder / "red right.mp4"
    opened = opened_drop("drop.piece_bytes = 1000")  # so that it comes in many
    choose(opened, path)
    expect(note(opened)).to_have_text("3.0 s, picture and sound")
    expect(opened.page.locator(".mmlab-drop-here")).to_contain_text("red right.mp4")
    assert opened.ask(f"drop.upload.path.read_bytes() == open({str(path)!r}, 'rb').read()")
    assert opened.ask("[name for _, name in told]") == ["red right.mp4"]
    opened.screenshot("live-drop", ".mmlab-drop")
    opened.page.get_by_role("button", name="Remove").click()
    expect(opened.page.locator(".mmlab-drop-here")).to_be_hidden()
    assert opened.ask("told[1:]") == [("None", "")]
    assert opened.errors == []


def test_a_file_is_dropped(opened_drop, media_folder):
    opened = opened_drop()
    root = opened.view(".mmlab-drop")
    for kind in ("dragenter", "dragover"):
        assert root.evaluate(DROP_ON, {**NOTHING, "kind": kind}), "the browser would open the file"
    expect(root).to_have_class(re.compile("mmlab-drop-over"))
    opened.screenshot("live-drop-over", ".mmlab-drop")
    content = base64.b64encode((media_folder / "only sound.mp4").read_bytes()).decode()
    markup = {"name": "<b>x</b>.mp4", "text": content, "count": 2, "kind": "drop"}
    root.evaluate(DROP_ON, markup)
    expect(message(opened)).to_have_text("One file at a time: this is <b>x</b>.mp4.")
    expect(message(opened)).not_to_have_class(re.compile("mmlab-drop-problem"))
    expect(note(opened)).to_have_text("2.0 s, sound alone")
    expect(root).not_to_have_class(re.compile("mmlab-drop-over"))
    expect(opened.page.locator(".mmlab-drop-here")).to_contain_text("<b>x</b>.mp4")
    root.evaluate(DROP_ON, {**NOTHING, "kind": "drop"})
    expect(message(opened)).to_contain_text("That is no file")
    broken = {**markup, "text": base64.b64encode(b"no film").decode(), "count": 1}
    root.evaluate(DROP_ON, broken)
    expect(message(opened)).to_contain_text("<b>x</b>.mp4: Is empty, damaged or of a kind")
    expect(message(opened)).to_have_class(re.compile("mmlab-drop-problem"))
    expect(note(opened)).to_have_text("2.0 s, sound alone")
    opened.screenshot("live-drop-broken", ".mmlab-drop")
    assert len(opened.ask("told")) == 1
    assert opened.errors == []


def test_what_is_too_large_is_not_even_sent_and_sending_can_be_stopped(opened_drop, media_folder):
    opened = opened_drop("drop.most_bytes = 2000")
    choose(opened, media_folder / "red right.mp4")
    expect(message(opened)).to_contain_text("over")
    opened.ask("setattr(drop, 'most_bytes', 10**8)")
    opened.ask("setattr(drop, 'piece_bytes', 3)")
    choose(opened, media_folder / "red right.mp4")
    expect(opened.page.locator(".mmlab-drop-progress")).to_be_visible()
    opened.screenshot("live-drop-sending", ".mmlab-drop")
    opened.page.get_by_role("button", name="Cancel").click()
    expect(message(opened)).to_have_text("Cancelled; nothing was kept.")
    opened.wait_until("drop._incoming is None")
    assert opened.ask("told") == []
    assert opened.errors == []


def test_the_microphone_is_recorded(opened_drop):
    opened = opened_drop()
    opened.page.get_by_role("button", name="Record sound").click()
    expect(opened.page.locator(".mmlab-drop-time")).to_have_text(re.compile("0:0[23]"))
    opened.page.wait_for_function(LOUD)
    opened.screenshot("live-drop-recording", ".mmlab-drop")
    opened.page.get_by_role("button", name="Stop and use it").click()
    expect(note(opened)).to_contain_text("sound alone")
    expect(opened.page.get_by_role("button", name="Record sound")).to_be_focused()
    assert opened.ask("drop.upload.seconds") > 1.5
    assert opened.ask("drop.upload.path.suffix") == ".webm"
    loudest = "float(abs(__import__('mmlab').media.read_audio(drop.upload.path)).max())"
    assert opened.ask(loudest) > 0.05
    opened.page.get_by_role("button", name="Record sound").click()
    opened.page.get_by_role("button", name="Discard").click()
    expect(note(opened)).to_contain_text("sound alone")  # the first is still here
    assert len(opened.ask("told")) == 1
    assert opened.errors == []


def test_without_a_microphone_that_is_a_sentence(opened_drop):
    opened = opened_drop()
    record = opened.page.get_by_role("button", name="Record sound")
    for problem, words in (("NotAllowedError", "allow it"), ("NotFoundError", "no microphone")):
        opened.page.evaluate(REFUSE, problem)
        record.click()
        expect(message(opened)).to_contain_text(words)
    opened.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    record.click()
    expect(message(opened)).to_contain_text("localhost or over https")
    opened.screenshot("live-drop-no-microphone", ".mmlab-drop")
    assert opened.errors == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_everybody_can_use_it_and_two_views_agree(opened_drop, lab, media_folder, theme):
    lab.use_theme(theme)
    try:
        opened = opened_drop("drop")
    finally:
        lab.use_theme("Light")
    choose(opened, media_folder / "red right.mp4")
    expect(opened.page.locator(".mmlab-drop-here").nth(1)).to_contain_text("red right.mp4")
    view = opened.view(".mmlab-drop")
    assert violations(view, ".mmlab-drop") == []
    met = walk(view)
    assert (met.missed, met.nameless, met.unseen, met.left) == ([], [], [], True)
    opened.screenshot(f"live-drop-{theme}", ".mmlab-drop")
    opened.page.get_by_role("button", name="Record sound").first.click()
    opened.page.wait_for_function(LOUD)
    assert violations(view, ".mmlab-drop") == []
    opened.screenshot(f"live-drop-recording-{theme}", ".mmlab-drop")
    assert opened.errors == []
