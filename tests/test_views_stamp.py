import dataclasses
import html
import io
import json

import ipywidgets
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmlab.origin import Origin
from mmlab.views.stamp import Stamp, Stamped, read_stamp
from mmlab.views.static import Picture

ORIGIN = Origin("m" * 32, "", "d" * 32, "sample/dataset", {"split": ["test"]})


class View(Stamped, ipywidgets.VBox):
    """A retriever's view with one parameter that can change."""

    def __init__(self, retriever, *, colour="text"):
        self.retriever, self.colour = retriever, colour
        super().__init__([self.stamp_line()])

    def parameters(self):
        return {"colour": self.colour}

    def still(self):
        return Picture(Figure(figsize=(4, 1)), "One figure.")


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def view():
    return View(type("FakeRetriever", (), {"origin": ORIGIN})(), colour="<b>")


def test_a_stamp_survives_json(view):
    assert Stamp.from_json(view.stamp.to_json()) == view.stamp


def test_the_line_below_names_model_data_and_settings_as_text(view):
    line = view.children[0].value
    assert "model mmmmmmmm · data dddddddd · clips test" in line
    assert "colour &lt;b&gt;" in line
    assert view.stamp.name in line


def test_the_line_below_says_settings_in_words_and_not_what_is_off(view):
    settings = {"clip_id": "a.mp4#0-2", "every_word": False, "late": True, "block": 0, "word": None}
    line = str(dataclasses.replace(view.stamp, parameters=settings))
    assert " · clip a.mp4#0-2 · late · block 0 · stamp " in line
    assert "every" not in line
    assert "None" not in line


def test_a_name_finds_the_stamp_again(view):
    assert read_stamp(view.stamp.name) == view.stamp


def test_the_line_below_a_view_finds_it_too(view):
    line = f"Made of {view.stamp}"
    assert line.endswith(f"stamp {view.stamp.name}")
    for pasted in (line, f"  {line}\n", line.replace(" · stamp ", " ·\nstamp\n")):
        assert read_stamp(pasted) == view.stamp
    with pytest.raises(FileNotFoundError, match="no stamp ''"):
        read_stamp("")


def test_another_setting_is_another_stamp(view):
    before = view.stamp.name
    view.colour = "audio"
    view.restamp()
    assert view.stamp.name != before
    assert view.stamp.name in view.children[0].value


def test_the_picture_holds_sentence_and_stamp(view, tmp_path):
    view.picture().save(tmp_path / "view.png")
    with Image.open(tmp_path / "view.png") as image:
        assert image.info["Description"] == "One figure."
    (tmp_path / "view.png").rename(tmp_path / "my VIEW.PNG")
    assert read_stamp(tmp_path / "my VIEW.PNG") == view.stamp


def test_what_it_was_made_of_stands_below_the_picture(view):
    plain = Image.open(io.BytesIO(view.still().png()))
    stamped = Image.open(io.BytesIO(view.picture().png()))
    assert stamped.width == plain.width
    assert stamped.height > plain.height
    below = stamped.crop((0, plain.height, stamped.width, stamped.height))
    assert below.getextrema()[0][0] < 160  # something is written there
    assert list(stamped.crop((0, 0, *plain.size)).getdata()) == list(plain.getdata())


def test_without_a_retriever_there_is_no_stamp():
    view = View(None)
    assert view.stamp is None
    assert view.children[0].value == ""
    assert view.picture().stamp == ""


def test_a_stamp_that_cannot_be_kept_is_said_so(view, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path / "file"))
    view.colour = "video"
    view.restamp()
    assert "not kept" in view.children[0].value


def test_clips_chosen_by_hand_are_counted_not_listed(view):
    origin = dataclasses.replace(ORIGIN, clips={"clip_id": ["a", "b"]})
    assert "2 chosen clips" in str(dataclasses.replace(view.stamp, origin=origin))


@pytest.mark.parametrize("text", ["{}", json.dumps({"view": "A", "origin": {}}), "{not json"])
def test_what_is_no_stamp_is_refused(text):
    with pytest.raises(ValueError, match="no stamp of a view"):
        read_stamp(text)


def test_an_unknown_name_and_a_foreign_picture_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="'View-00000000'"):
        read_stamp("View-00000000")
    with pytest.raises(FileNotFoundError, match="passwd"):
        read_stamp("../../../etc/passwd")
    Image.new("RGB", (3, 3)).save(tmp_path / "other.png")
    with pytest.raises(ValueError, match="holds no stamp"):
        read_stamp(tmp_path / "other.png")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("view.html", '<meta name="mmlab" content="{}">'),
        ("view.svg", "<dc:identifier>{}</dc:identifier>"),
    ],
)
def test_a_saved_page_or_drawing_holds_its_stamp(view, tmp_path, name, text):
    (tmp_path / name).write_text(f"<x>{text.format(html.escape(view.stamp.to_json()))}</x>")
    assert read_stamp(tmp_path / name) == view.stamp


def test_only_the_newest_stamps_are_kept(view, tmp_path, monkeypatch):
    monkeypatch.setattr("mmlab.views.stamp.MOST_KEPT", 3)
    for number in range(5):
        view.colour = str(number)
        view.restamp()
    assert len(list((tmp_path / "cache" / "stamps").iterdir())) == 3
    assert read_stamp(view.stamp.name) == view.stamp
