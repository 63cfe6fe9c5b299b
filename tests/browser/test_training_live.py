"""Training in JupyterLab as a person watches it: curves that move, and a Stop that stops."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from mmlab.ingest import ingest
from tests.browser.corpus import write_notebook
from tests.browser.opened import CHECKOUT, PATIENCE, Opened
from tests.browser.server import write_settings

pytestmark = pytest.mark.slow

OPEN = """import sys
sys.path.insert(0, {checkout!r})
from pathlib import Path
import mmlab
from mmlab import views
folder = Path({folder!r})
dataset = mmlab.ClipDataset.open(folder / "dataset")
config = mmlab.TrainConfig(epochs=10_000, batch_clips=2, evaluate_every_epochs=3)"""
SHOW = 'live = views.LiveTraining("Tiny", blind_guess=1.386)\ndisplay(live)'
TRAIN = "outcome = mmlab.train_run(dataset, folder / {name!r}, config, watcher=live)"
TELL = 'print("told:", outcome.stopped, outcome.steps)'
FORM = "form = views.TrainingForm(config)\nform"
READ = 'print("form:", form.config.epochs, form.config.learning_rate)'


@pytest.fixture(scope="module")
def corpus(media_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    with (folder / "captions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "start_seconds", "end_seconds", "text", "split"])
        for split, seconds in (("train", (0, 1, 2)), ("validation", (0.5, 1.5))):
            for start in seconds:
                table.writerow(["red right.mp4", start, start + 1, f"from {start}", split])
                table.writerow(["green left.mp4", start / 2, start / 2 + 1, "left", split])
    ingest(media_folder, folder / "captions.csv", folder / "dataset", progress=False)
    return folder


def training_notebook(folder: Path, name: str, cells: list[str]) -> Path:
    texts = {"folder": str(folder), "checkout": str(CHECKOUT), "name": name}
    return write_notebook(folder / f"{name}.ipynb", [cell.format(**texts) for cell in cells])


def choose(opened: Opened, menu: str, item: str | re.Pattern[str]) -> None:
    opened.page.get_by_role("menuitem", name=menu, exact=True).click()
    opened.page.get_by_role("menuitem", name=item).first.click()


def begin(opened: Opened) -> None:
    """Run all cells and wait until there are curves to see."""
    choose(opened, "Run", re.compile("^Run All Cells$"))
    live = opened.page.locator(".mmlab-training")
    live.wait_for(timeout=PATIENCE)
    expect(live.locator(".mmlab-training-names b").nth(8)).not_to_be_empty(timeout=PATIENCE)
    far = re.compile("epoch ([89]|[0-9]{2,}) of .* left · .* clips per second")
    expect(live.locator(".mmlab-training-words")).to_have_text(far, timeout=PATIENCE)


def check_it_stopped(opened: Opened, run_folder: Path) -> None:
    """The cell has ended in peace, the next one ran, and all is kept."""
    told = opened.page.locator(".jp-OutputArea-output", has_text="told: asked")
    told.wait_for(timeout=PATIENCE)
    steps = int(told.inner_text().split()[-1])
    assert json.loads((run_folder / "outcome.json").read_text())["steps"] == steps
    assert len((run_folder / "steps.jsonl").read_text().splitlines()) == steps
    assert (run_folder / "model.safetensors").exists()
    live = opened.page.locator(".mmlab-training")
    expect(live.locator(".mmlab-training-status")).to_contain_text("Stopped as asked")
    expect(live.locator(".mmlab-training-stop")).to_be_disabled()
    assert opened.errors == []


@pytest.mark.parametrize(
    ("name", "theme", "cells"),
    [
        ("later", "Light", [OPEN, SHOW, TRAIN, TELL]),
        ("same", "Dark", [OPEN, f"{SHOW}\n{TRAIN}", TELL]),
    ],
)
def test_stop_answers_while_the_training_cell_blocks_the_kernel(
    corpus, lab, open_notebook, name, theme, cells
):
    lab.use_theme(theme)
    opened = open_notebook(training_notebook(corpus, name, cells))
    begin(opened)
    opened.screenshot(f"live-training-{theme.lower()}", ".mmlab-training")
    opened.page.locator(".mmlab-training-stop").click()
    check_it_stopped(opened, corpus / name)
    opened.screenshot(f"stopped-training-{theme.lower()}")
    check_the_picture_stays(opened, lab.folder / f"{name}.ipynb")


def check_the_picture_stays(opened: Opened, notebook: Path) -> None:
    """In the saved notebook, where no widget is left, the last picture stands."""
    opened.page.keyboard.press("Control+s")
    expect(opened.page.locator(".jp-mod-dirty")).to_have_count(0)
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [one for cell in cells for one in cell.outputs if "image/png" in one.get("data", {})]
    assert len(outputs) == 1
    assert len(outputs[0].data["image/png"]) > 10_000
    assert outputs[0].metadata["image/png"]["alt"] == outputs[0].data["text/plain"]
    assert "Stopped as asked" in outputs[0].data["text/plain"]
    assert "R@10 " in outputs[0].data["text/plain"]


@pytest.fixture
def without_subshells(lab) -> Iterator[None]:
    """As in front ends that hold messages of widgets back until the cell has ended."""
    name = "@jupyterlab/apputils-extension/kernels-settings"
    write_settings(lab.settings, {name: {"commsOverSubshells": "disabled"}})
    yield
    write_settings(lab.settings, {name: {}})


@pytest.mark.usefixtures("without_subshells")
def test_where_a_click_is_held_back_interrupting_the_kernel_does_the_same(corpus, open_notebook):
    opened = open_notebook(training_notebook(corpus, "interrupted", [OPEN, SHOW, TRAIN, TELL]))
    begin(opened)
    opened.page.locator(".mmlab-training-stop").click()
    hint = opened.page.locator(".mmlab-training-status")
    expect(hint).to_contain_text("interrupt the kernel", timeout=PATIENCE)
    choose(opened, "Kernel", re.compile("^Interrupt Kernel"))
    check_it_stopped(opened, corpus / "interrupted")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_form_takes_what_can_be_and_says_what_cannot(corpus, lab, open_notebook, theme):
    lab.use_theme(theme)
    opened = open_notebook(training_notebook(corpus, f"form-{theme}", [OPEN, FORM, READ]))
    opened.run_all()
    form = opened.page.locator(".mmlab-training-form").first
    epochs = form.locator(".mmlab-training-form-epochs input")
    rate = form.locator(".mmlab-training-form-learning_rate input")
    message = form.locator(".mmlab-training-form-message")
    rate.fill("0.002")
    rate.press("Enter")
    epochs.fill("many")
    epochs.press("Enter")
    expect(message).to_contain_text("epochs is a whole number, found 'many'; epochs stays 10000")
    expect(epochs).to_have_value("10000")
    opened.screenshot(f"live-form-{theme.lower()}", ".mmlab-training-form")
    epochs.fill("7")
    epochs.press("Enter")
    expect(message).not_to_contain_text("stays")
    opened.page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    opened.page.keyboard.press("Control+Enter")
    opened.page.locator(".jp-OutputArea-output", has_text="form: 7 0.002").wait_for()
    assert opened.errors == []
