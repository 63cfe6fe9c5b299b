import base64
import io
import subprocess
import sys
from pathlib import Path

import ipywidgets
import nbconvert
import nbformat
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from mmlab.views.static import Picture, StandsStill, under_nbconvert

STILL = {"text/html", "image/png", "text/plain"}


class Still(StandsStill, ipywidgets.VBox):
    def still(self):
        return Picture(Figure(figsize=(2, 1)), 'a "plain" <b>figure</b>')


@pytest.fixture
def picture():
    return Still().still()


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False)])
def test_the_environment_decides_where_it_speaks(monkeypatch, value, expected):
    monkeypatch.setenv("MMLAB_STATIC", value)
    assert under_nbconvert() is expected


def test_a_process_that_nbconvert_did_not_start_is_live(monkeypatch):
    monkeypatch.delenv("MMLAB_STATIC", raising=False)
    assert not under_nbconvert()


def test_live_output_holds_widget_picture_and_sentence(monkeypatch):
    monkeypatch.setenv("MMLAB_STATIC", "0")
    data, metadata = Still()._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", *STILL}
    assert data["text/plain"] == metadata["image/png"]["alt"] == 'a "plain" <b>figure</b>'


def test_exported_output_holds_no_widget_and_escapes_the_sentence(monkeypatch):
    monkeypatch.setenv("MMLAB_STATIC", "1")
    data, _ = Still()._repr_mimebundle_()
    assert set(data) == STILL
    tags = BeautifulSoup(data["text/html"], "html.parser").find_all(True)
    assert [tag.name for tag in tags] == ["style", "figure", "img", "figcaption"]
    assert tags[2]["alt"] == tags[3].text == 'a "plain" <b>figure</b>'


@pytest.mark.parametrize("drawn", [True, False])
def test_drawings_turn_dark_with_the_page_and_photographs_do_not(drawn):
    figure = Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([0, 1])
    if not drawn:
        axes.imshow([[0, 1]])
    page = Picture(figure, "words")._repr_mimebundle_()[0]["text/html"]
    tags = BeautifulSoup(page, "html.parser")
    assert bool(tags.find("style")) == bool(tags.select("img.mmlab-drawn")) == drawn


def exported(kind):
    """A notebook that was saved with a live view, in another form."""
    data, metadata = Still()._repr_mimebundle_()
    cell = nbformat.v4.new_code_cell("view")
    cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
    book = nbformat.v4.new_notebook(cells=[cell])
    return nbconvert.get_exporter(kind)().from_notebook_node(book)


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_a_notebook_saved_live_keeps_picture_and_sentence(monkeypatch, kind):
    monkeypatch.setenv("MMLAB_STATIC", "0")
    page = BeautifulSoup(exported(kind)[0], "html.parser")
    assert [image["alt"] for image in page.select("img")] == ['a "plain" <b>figure</b>']
    assert page.select_one("img")["src"].startswith("data:image/png;base64,")
    assert page.select_one("figcaption").text == 'a "plain" <b>figure</b>'


def test_a_notebook_saved_live_keeps_its_picture_in_latex(monkeypatch):
    monkeypatch.setenv("MMLAB_STATIC", "0")
    page, resources = exported("latex")
    assert "includegraphics" in page
    assert [Path(name).suffix for name in resources["outputs"]] == [".png"]


def test_png_is_twice_as_dense_as_shown(picture):
    data, metadata = picture._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.size == (288, 144)
    assert metadata["image/png"]["width"] == 200


def test_save_leaves_nothing_unfinished(picture, tmp_path):
    picture.save(tmp_path / "new folder" / "view.png")
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["view.png"]


@pytest.mark.slow
def test_nbconvert_leaves_a_described_picture_and_no_widget(tmp_path: Path):
    cells = [
        "from mmlab.views import ClipPlayer, LiveTraining\n"
        "from mmlab.training import EpochRecord, Outcome, Plan",
        "ClipPlayer('gone.mp4', 0, 2)",
        "live = LiveTraining()\nlive",
        "live.begin(Plan(2, 1))\nlive.epoch(EpochRecord(1, {'total': 2.0}))\n"
        "live.epoch(EpochRecord(2, {'total': 1.0}))\n"
        "live.end(Outcome(True, 2, 2, None, 0, '', 1.0, 8.0, 0.0))",
        "import plotly.graph_objects as go\ngo.Figure(go.Scatter(x=[1, 2], y=[1, 2]))",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, tmp_path / "book.ipynb")
    command = ["-m", "nbconvert", "--execute", "--to", "html", str(tmp_path / "book.ipynb")]
    subprocess.run([sys.executable, *command], check=True)
    page = BeautifulSoup((tmp_path / "book.html").read_text(), "html.parser")
    told = [image["alt"] for image in page.select("img")]
    assert told[0].endswith("gone.mp4: no such file; check the path")
    assert "The total goes from 2.00 to 1.00." in told[1]
    assert page.select(".jp-CodeCell")[2].select("img")  # where it was shown, not where it ended
    assert "widget-state" not in str(page)
    assert page.select(".jp-CodeCell")[4].select(".plotly-graph-div")
