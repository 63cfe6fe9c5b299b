"""Every view in JupyterLab on a tiny corpus and an untrained model, as a person uses it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import nbformat
import pytest
import torch
from playwright.sync_api import expect

from mmlab.ingest import ingest
from mmlab.model import FusionModel, ModelConfig
from tests.browser.test_search import PLAYS

pytestmark = pytest.mark.slow

CAPTIONS = {
    "red right.mp4": "move the <b>red</b> square & wait",
    "green left.mp4": "move the green square left",
    "blue mute.mp4": "say nothing at all",
    "only sound.mp4": "listen <script>alert(1)</script>",
}
CELLS = [
    """from pathlib import Path
import numpy as np
from mmlab import views
from mmlab.dataset import ClipDataset
from mmlab.model import FusionModel
from mmlab.retrieval import Retriever
dataset = ClipDataset.open(Path({folder!r}) / "dataset")
retriever = Retriever(FusionModel.from_pretrained(Path({folder!r}) / "model"), dataset)
row = dataset.manifest.index[dataset.manifest.media_path == "red right.mp4"][0]""",
    "views.SearchBox(retriever, top=5)",
    "views.AttentionView(retriever, dataset.manifest.clip_id[row])",
    """steps = ["first", "then", "last"]
scores = retriever.score_seconds(dataset.manifest.media_id[row], steps)
truth = [[(0, 1)], [(1, 2)], [(2, 3)]]
views.StepTimeline(steps, scores, [0.5, 1.5, 2.5], truth, dataset.media_path(row))""",
    """vectors, table = views.clip_points(retriever)
views.EmbeddingMap(views.project(vectors), table, dataset)""",
    "views.ClipPlayer('gone.mp4', 0, 3)",
]


@pytest.fixture(scope="module")
def notebook(media_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    with (folder / "captions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "start_seconds", "end_seconds", "text", "split"])
        table.writerows([name, 0, 2, text, "test"] for name, text in CAPTIONS.items())
        table.writerow(["red right.mp4", 1, 3, "and back again", "test"])
    dataset = ingest(media_folder, folder / "captions.csv", folder / "dataset", progress=False)
    torch.manual_seed(0)
    widths = {name: info.width for name, info in dataset.features.items()}
    config = ModelConfig.sample(video_width=widths["video"], text_width=widths["text"])
    FusionModel(config).save_pretrained(folder / "model")
    cells = [cell.format(folder=str(folder)) if "{folder" in cell else cell for cell in CELLS]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(book, folder / "views.ipynb")
    return folder / "views.ipynb"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_all_views_answer_and_nothing_fails(notebook, open_notebook, lab, theme):
    lab.use_theme(theme)
    opened = open_notebook(notebook)
    opened.run_all()
    search_and_play(opened)
    choose_a_word_and_a_second(opened)
    click_a_lane(opened)
    click_a_point(opened)
    gone = opened.page.locator(".mmlab-message", has_text="gone.mp4: no such file")
    expect(gone).to_be_visible()
    for name in ("search", "attention", "timeline", "map"):
        opened.screenshot(f"live-{name}-{theme.lower()}", f".mmlab-{name}")
    assert opened.errors == []


def search_and_play(opened):
    search = opened.page.locator(".mmlab-search")
    expect(search.locator(".mmlab-search-message")).to_contain_text("Type what you look for")
    words = search.locator(".mmlab-search-text input")
    words.fill("move the square")
    words.press("Enter")
    cards = search.locator(".mmlab-card")
    expect(cards).to_have_count(5)
    marked = cards.filter(has_text="move the <b>red</b> square & wait")
    expect(marked).to_have_count(1)  # markup in a caption is text
    assert marked.locator("b").count() == 0

    play = marked.locator(".mmlab-play")
    play.click()
    assert marked.locator("video").evaluate(PLAYS), "currentTime does not advance"
    sound = cards.filter(has_text="listen <script>")
    sound.locator(".mmlab-player").focus()
    opened.page.keyboard.press("k")
    assert sound.locator("video").evaluate(PLAYS), "sound alone does not play by keyboard"


def choose_a_word_and_a_second(opened):
    view = opened.page.locator(".mmlab-attention")
    links = view.locator(".mmlab-links")
    heat = view.locator(".mmlab-lane-plot:has(.mmlab-heat)").first
    words = view.locator(".mmlab-words button")
    before = [heat.get_attribute("aria-label")]
    for index in range(words.count()):
        words.nth(index).click()
        opened.page.wait_for_timeout(300)
        before.append(heat.get_attribute("aria-label"))
    assert len(set(before)) > 1, "no word changes the heat"
    expect(links).to_contain_text("%")
    click_at(view.locator(".mmlab-lane-plot").first, 0.5)
    expect(view.locator(".mmlab-seek")).to_have_value("1")


def click_a_lane(opened):
    view = opened.page.locator(".mmlab-timeline")
    click_at(view.locator(".mmlab-lane-plot:has(.mmlab-heat)").last, 0.75)
    opened.page.wait_for_timeout(500)
    seconds = float(view.locator(".mmlab-seek").input_value())
    assert seconds == pytest.approx(2.25, abs=0.05)


def click_at(element, share):
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    element.click(position={"x": box["width"] * share, "y": box["height"] / 2})


def click_a_point(opened):
    view = opened.page.locator(".mmlab-map")
    view.scroll_into_view_if_needed()
    expect(view.locator(".js-plotly-plot")).to_be_visible()
    x, y = view.locator(".js-plotly-plot").evaluate(
        """(plot) => {
            const { _fullLayout: layout, data } = plot;
            const box = plot.getBoundingClientRect();
            const { xaxis, yaxis } = layout;
            return [box.left + xaxis._offset + xaxis.d2p(data[0].x[0]),
                    box.top + yaxis._offset + yaxis.d2p(data[0].y[0])];
        }"""
    )
    opened.page.mouse.move(x - 3, y - 3)
    opened.page.mouse.move(x, y, steps=4)
    expect(view.locator(".widget-image")).to_have_attribute("src", re.compile("^blob:"))
    opened.page.mouse.down()
    opened.page.mouse.up()
    expect(view.locator(".mmlab-caption")).to_be_visible(timeout=10_000)
