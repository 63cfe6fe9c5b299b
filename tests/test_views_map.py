import json
import re
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mmlab.space import Layout, embedding_space_of
from mmlab.views.map import EmbeddingMap, LinkedMaps, link_maps, map_picture
from mmlab.views.map.engine import Label, Overlay, extent

COMBINATIONS = ["text", "video", "video+audio"]
MEDIA = {"a": "red right.mp4", "b": "green left.mp4", "c": "gone.mp4"}
CAPTIONS = {"a": "<b>mash</b> & eat", "b": "pour", "c": "word " * 200}


@pytest.fixture
def dataset(media_folder):
    table = pd.DataFrame({"clip_id": list(MEDIA), "text": list(CAPTIONS.values())})
    ids = list(MEDIA)
    return SimpleNamespace(
        manifest=table.assign(start_seconds=0.0, end_seconds=2.0),
        row_of=dict(zip(ids, range(3), strict=True)).__getitem__,
        media_path=lambda row: media_folder / MEDIA[ids[row]],
    )


@pytest.fixture
def space(dataset):
    clips = dataset.manifest.assign(action=["mash", "pour", "pour"])
    tables = [clips.assign(combination=one) for one in COMBINATIONS]
    vectors = np.random.default_rng(0).normal(size=(9, 5))
    return embedding_space_of(vectors, pd.concat(tables), dataset)


@pytest.fixture
def view(space):
    return EmbeddingMap(space, method="pca")


@pytest.fixture
def asked(space):
    """A map whose model puts every known word on the vector of row 4."""

    def query(text):
        if text == "xyzzy":
            raise ValueError("'xyzzy' holds no word that the model knows")
        return torch.tensor(space.vectors[4])

    view = EmbeddingMap(space, method="pca")
    view.retriever = SimpleNamespace(query=query)
    view.restamp = lambda: None
    return view


def lasso(view, rows):
    """What the browser tells when somebody drew around these points on plotly's canvas."""
    places = view.canvas.engine._order.places[rows].astype(np.int32)
    view.canvas.engine.canvas.children[1]._handle_custom_msg({"kind": "select"}, [places.tobytes()])


def lit(view):
    places = view.canvas.engine.figure.data[0].selectedpoints
    if places is None:
        return None
    return sorted(view.canvas.engine._order.rows[list(places)].tolist())


def wait_for(found):
    """The last layout comes in a thread of its own where there is no notebook."""
    for _ in range(200):
        if found():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_every_point_is_drawn_where_it_lies(view):
    trace, rows = view.canvas.engine.figure.data[0], view.canvas.engine._order.rows
    np.testing.assert_allclose(np.stack([trace.x, trace.y], 1), view.placed.points[rows])


def test_a_lasso_is_a_table_a_gallery_and_a_callback(view):
    told = []
    view.on_select(told.append)
    lasso(view, [7, 1, 4])
    assert view.selection.index.tolist() == [1, 4, 7]
    assert told[0].equals(view.selection)
    assert view.panel.count.value == "3 points of 1 clip selected"
    assert view.panel.gallery.clips.clip_id.unique().tolist() == ["b"]
    assert lit(view) == [1, 4, 7]


def test_an_empty_lasso_and_escape_light_everything(view):
    lasso(view, [1])
    lasso(view, [])
    assert view.selection.empty
    assert lit(view) is None
    view.select(["a"])
    view.panel.legend._handle_custom_msg({"kind": "escape"}, [])
    assert view.selection.empty
    assert view.panel.count.value == ""


@pytest.mark.parametrize("said", ["held", "chosen"])
def test_points_are_added_and_taken_away(view, said):
    def drag(how, rows):
        if said == "held":
            view.panel.legend._handle_custom_msg({"kind": "press", "held": how}, [])
        else:
            view.controls.gather.value = how or "new"
        lasso(view, rows)
        return view.selection.index.tolist()

    assert drag("", [2, 1]) == [1, 2]
    assert drag("add", [7, 2]) == [1, 2, 7]
    assert drag("take", [2, 5]) == [1, 7]
    assert lit(view) == [1, 7]
    assert drag("add", []) == [1, 7]
    assert drag("take", [1, 7]) == []
    assert lit(view) is None
    assert drag("", [4]) == [4]


def test_a_click_adds_and_takes_away_where_that_is_chosen(view):
    lasso(view, [1])
    view.controls.gather.value = "add"
    view._on_click(5)
    assert view.selection.index.tolist() == [1, 5]
    assert not view.panel.player.media_path
    view.controls.gather.value = "take"
    view._on_click(1)
    assert view.selection.index.tolist() == [5]


def test_fit_is_sent_even_where_nothing_is_known_to_have_moved(view, monkeypatch):
    sent = []
    monkeypatch.setattr(view.canvas.engine.figure, "_send_relayout_msg", sent.append)
    view.controls.fit.click()
    points = view.placed.points
    (low, high), (bottom, top) = sent[-1]["xaxis.range"], sent[-1]["yaxis.range"]
    assert low < points[:, 0].min() < points[:, 0].max() < high
    assert bottom < points[:, 1].min() < points[:, 1].max() < top


def test_select_takes_rows_and_clips(view):
    assert view.select([0, 5]).index.tolist() == [0, 5]
    assert view.select(["c", "nobody"]).index.tolist() == [2, 5, 8]
    view.light(["a"])
    assert lit(view) == [0, 3, 6]
    assert view.selection.clip_id.unique().tolist() == ["c"]


def test_the_legend_hides_points_and_what_is_selected_of_them(view):
    view.select(["a"])
    view.panel.legend.hidden = [0]
    hidden = np.isnan(view.canvas.engine.figure.data[0].x)[view.canvas.engine._order.places]
    assert hidden.tolist() == [True] * 3 + [False] * 6
    assert view.selection.combination.tolist() == ["video", "video+audio"]
    view.controls.shown.value = "video"
    assert view.selection.index.tolist() == [3]
    assert view.panel.count.value == "1 point of 1 clip selected"


def test_other_columns_colour_and_shape(view):
    view.controls.choose_colour("action", None)
    assert view.canvas.look.names == ["mash", "pour"]
    assert [entry["count"] for entry in view.panel.legend.entries] == [3, 6]
    assert view.parameters()["colour"] == "action"


def test_the_grey_of_a_scale_is_explained(dataset):
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(20)], "v": np.arange(20.0)})
    table.loc[:2, "v"] = np.nan
    rest = []
    for shown in (table, table.fillna(0)):
        view = EmbeddingMap(embedding_space_of(np.eye(20), shown), method="pca", colour="v")
        rest.append(view.panel.legend.scale["rest"])
    assert rest == ["grey: no value (3 points)", ""]


def test_columns_without_names_are_offered_by_their_numbers():
    table = pd.DataFrame({"clip_id": list("abcd"), 0: ["p", "q"] * 2})
    view = EmbeddingMap(embedding_space_of(np.eye(4), table), method="pca", colour="0")
    assert view.canvas.look.names == ["p", "q"]


def test_words_light_what_is_near_and_put_a_star_there(asked):
    found = asked.search("pour")
    vectors = asked.space.vectors
    slow = sorted(range(9), key=lambda row: -float(vectors[row] @ vectors[4]))
    assert found.index.tolist() == slow
    assert found.score.iloc[0] == pytest.approx(1, abs=1e-6)
    star = asked.canvas.star
    np.testing.assert_allclose([star.x, star.y], asked.placed.points[4], atol=1e-4)
    asked.controls.shown.value = "text"
    assert asked.search("pour").combination.unique().tolist() == ["text"]


def test_what_cannot_be_answered_is_a_sentence(asked, view):
    asked.search("pour")
    assert asked.search("xyzzy").empty
    assert "holds no word that the model knows" in asked.canvas.status.value
    assert asked.canvas.star is None
    assert lit(asked) is None
    assert view.controls.words.disabled
    assert view.search("anything").empty
    assert "without a model" in view.canvas.status.value


def test_a_click_plays_the_clip_and_lists_its_neighbours(view):
    view._on_click(4)
    assert view.panel.player.media_path.name == "green left.mp4"
    assert view.panel.player.caption == "pour"
    others = [3, 5]  # the other clips as video
    scores = view.space.vectors[others] @ view.space.vectors[4]
    assert view.selection.index.tolist() == [others[n] for n in np.argsort(-scores)]
    view.controls.nearest.value = "text"
    assert set(view.selection.index) == {0, 2}


def test_hover_joins_the_clips_points_and_fills_the_card(view):
    view._on_hover(3)
    shapes = view.canvas.engine.figure.layout.shapes
    lines = [shape for shape in shapes if shape.type == "line"]
    assert len(lines) == 2
    assert {(line.x0, line.y0) for line in lines} == {tuple(map(float, view.placed.points[3]))}
    card = view.panel.card
    assert card.heading == "video · a"
    assert card.caption == "<b>mash</b> & eat"  # set as text in the browser
    assert card.poster[:2] == b"\xff\xd8"
    assert card.wave[:4] == b"\x89PNG"


def test_a_dot_is_joined_again_after_escape(view):
    events = view.canvas.engine.canvas.children[1]
    for _ in range(2):
        events.hovered = int(view.canvas.engine._order.places[3])
        assert len(view.canvas.engine.figure.layout.shapes) == 5
        events.hovered = -1  # the pointer leaves it; what is joined stays
        assert len(view.canvas.engine.figure.layout.shapes) == 5
        view.clear()
        assert not view.canvas.engine.figure.layout.shapes


def test_a_clip_without_its_file_is_still_told(view):
    view._on_click(5)
    view._on_hover(5)
    assert "gone.mp4" in view.panel.player.message
    assert len(view.panel.card.caption) <= 240
    assert view.panel.card.poster[:2] == b"\xff\xd8"  # a tile that says so


def test_a_clip_that_is_not_there_is_refused_or_left_out(view):
    with pytest.raises(ValueError, match="no clip 'nobody' on this map"):
        view.choose("nobody")
    view.point_at("nobody")
    assert view.panel.card.heading == ""


def test_linked_maps_follow_each_other_by_clip(space):
    maps = [EmbeddingMap(space, method="pca") for _ in range(2)]
    link_maps(*maps)
    lasso(maps[0], [0])
    assert maps[1].selection.clip_id.unique().tolist() == ["a"]
    assert maps[0].selection.index.tolist() == [0]  # no echo
    maps[1]._on_hover(4)
    assert maps[0].panel.card.caption == "pour"
    maps[1].clear()
    assert maps[0].selection.empty


def test_linked_maps_stand_still_together(space):
    linked = LinkedMaps([EmbeddingMap(space, method="pca", label=one) for one in ("left", "right")])
    picture = linked.still()
    assert picture.png()[:4] == b"\x89PNG"
    assert "left: 9 points" in picture.sentence
    assert "right: 9 points" in picture.sentence


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("engine", ["plotly", "scatter"])
def test_few_points_are_a_map(count, engine):
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(count)], "text": "$x$ <script>"})
    view = EmbeddingMap(embedding_space_of(np.eye(3, 4)[:count], table), engine=engine)
    view.select(list(range(count)))
    assert len(view.selection) == count
    assert view.still().png()[:4] == b"\x89PNG"
    assert view.placed.method == "pca"
    assert ("nothing to show" in view.canvas.status.value) == (count == 0)


def test_nan_and_equal_vectors_are_a_map():
    vectors = np.ones((12, 4))
    vectors[3] = np.nan
    space = embedding_space_of(vectors, pd.DataFrame({"clip_id": [f"c{n}" for n in range(12)]}))
    view = EmbeddingMap(space)
    assert "1 hold NaN" in view.canvas.status.value
    assert len(view.placed.points) == 11
    assert np.isfinite(view.canvas.engine.figure.layout.xaxis.range).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"colour": "verb"}, "no column 'verb'; it has combination"),
        ({"shape": "verb"}, "no column 'verb'"),
        ({"engine": "ink"}, "'auto', 'plotly' or 'scatter', found 'ink'"),
        ({"method": "tsne"}, "found 'tsne'"),
    ],
)
def test_wrong_settings_are_refused(space, wrong, told):
    with pytest.raises(ValueError, match=told):
        EmbeddingMap(space, **wrong)


def test_parameters_are_json_and_make_the_same_map(space, monkeypatch):
    plain = EmbeddingMap(space).parameters()
    assert sorted(plain) == ["colour", "combinations", "method", "seed"]
    view = EmbeddingMap(space, method="pca", colour="action", shape="combination", label="x")
    parameters = json.loads(json.dumps(view.parameters()))
    monkeypatch.setattr("mmlab.views.map.standing.embedding_space", lambda *_: space)
    again = EmbeddingMap.reopened(None, **parameters)
    assert again.parameters() == view.parameters()
    assert (again.canvas.look.codes == view.canvas.look.codes).all()


def test_groups_are_named_when_labels_are_wanted(monkeypatch):
    groups = pd.DataFrame({"x": [0.5], "y": [1.0], "label": ["<i>egg</i>"], "rows": [[0, 2]]})
    monkeypatch.setattr("mmlab.views.map.canvas.cluster_labels", lambda *_: groups)
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(6)], "text": "egg"})
    view = EmbeddingMap(embedding_space_of(np.eye(6), table), method="pca")
    wait_for(lambda: len(view.canvas.groups))
    named = lambda: [a.text for a in view.canvas.engine.figure.layout.annotations]  # noqa: E731
    assert named() == ["<b>&lt;i&gt;egg&lt;/i&gt;</b>"]
    view.canvas.show(np.arange(6) == 1)
    assert named() == []
    assert view.drawn().groups.empty
    view.canvas.show(np.arange(6) == 2)
    assert len(named()) == 1
    view.controls.labels.value = False
    assert named() == []


def test_pictures_show_scales_and_selections(view):
    view.controls.choose_colour("combination", "action")
    view.select(["a"])
    drawn = view.drawn()
    assert "3 points are selected" in map_picture([drawn]).sentence
    assert isinstance(drawn.layout, Layout)


def reopen_as(view, monkeypatch):
    """The map that its stamp makes again."""
    monkeypatch.setattr("mmlab.views.map.standing.embedding_space", lambda *_: view.space)
    again = EmbeddingMap.reopened(None, **json.loads(json.dumps(view.parameters())))
    assert again.parameters() == view.parameters()
    return again


def test_a_selection_takes_the_place_of_a_search_also_in_the_stamp(asked, monkeypatch):
    asked.search("pour")
    lasso(asked, [1, 4, 6])
    asked.panel.legend.hide(["text"])
    assert asked.canvas.star is None
    assert "words" not in asked.parameters()
    again = reopen_as(asked, monkeypatch)
    assert again.selection.index.tolist() == [4, 6]
    assert again.panel.count.value == "2 points of 2 clips selected"
    again.panel.legend.hide([])
    assert again.selection.index.tolist() == [1, 4, 6]


def test_the_clicked_clip_and_its_neighbours_are_in_the_stamp(view, monkeypatch):
    view._on_click(4)
    view.controls.nearest.value = "text"
    again = reopen_as(view, monkeypatch)
    assert again.selection.equals(view.selection)
    assert again.panel.player.caption == "pour"
    lasso(view, [8])
    again = reopen_as(view, monkeypatch)
    assert again.selection.index.tolist() == [8]
    again.controls.neighbours.click()
    assert set(again.selection.index) == {0, 2}
    view.clear()
    assert reopen_as(view, monkeypatch).selection.empty


def test_a_large_selection_is_not_in_the_stamp(view, monkeypatch):
    monkeypatch.setattr("mmlab.views.map.asking.MOST_TOLD", 2)
    lasso(view, [1, 2])
    assert view.parameters()["selected"] == {"text": ["b", "c"]}
    lasso(view, [1, 2, 3])
    assert "selected" not in view.parameters()


def test_enter_asks_the_same_words_again_after_another_selection(asked):
    found = asked.search("pour").index.tolist()
    told = []
    asked.on_search(told.append)
    press_enter = lambda: asked.controls.words._handle_custom_msg({"event": "submit"}, [])  # noqa: E731
    press_enter()
    assert told == []  # they are asked already
    lasso(asked, [0])
    press_enter()
    assert told == ["pour"]
    assert asked.selection.index.tolist() == found


def test_a_search_looks_again_where_the_filter_changes(asked):
    asked.panel.legend.hide(COMBINATIONS)
    asked.search("pour")
    assert asked.panel.count.value == "No visible point is nearest to “pour”."
    assert asked.canvas.star is None
    asked.panel.legend.hide(["text"])
    assert asked.selection.index[0] == 4
    assert len(asked.selection) == 6
    assert asked.canvas.star is not None


def test_that_everything_is_hidden_is_said_on_the_map(view):
    told = "Every point is hidden."
    view.panel.legend.hide(COMBINATIONS)
    assert told in view.canvas.status.value
    assert [a.text for a in view.canvas.engine.figure.layout.annotations] == [f"<b>{told}</b>"]
    view.panel.legend.hide([])
    assert told not in view.canvas.status.value
    assert not view.canvas.engine.figure.layout.annotations


def test_pictures_name_only_what_is_visible(view):
    view.panel.legend.hide(["text"])
    picture = view.still()
    assert ": video, video+audio." in picture.sentence
    (axes, *_) = [one for part in picture.figure.subfigs for one in part.axes]
    assert [one.get_text() for one in axes.get_legend().texts] == ["video", "video+audio"]


def test_a_loop_around_one_point_is_no_click(space):
    view = EmbeddingMap(space, method="pca", engine="scatter")
    canvas, places = view.canvas.engine.canvas, view.canvas.engine._order.places
    tell = lambda message: view.panel.legend._handle_custom_msg(message, [])  # noqa: E731
    tell({"kind": "press", "held": ""})
    tell({"kind": "drag"})
    canvas.selection = places[[4]]
    canvas.set_trait("lasso_selection_polygon", np.array([[0.0, 0], [1, 0]]))
    assert view.selection.index.tolist() == [4]
    assert view.panel.count.value == "1 point of 1 clip selected"
    tell({"kind": "press", "held": ""})
    canvas.selection = places[[3]]
    assert "nearest to a by video" in view.panel.count.value


def test_clips_that_the_dataset_does_not_have_are_told_and_have_neighbours(dataset):
    table = pd.DataFrame({"clip_id": ["a", "x", "y"], "text": ["mash", np.nan, "stir"]})
    view = EmbeddingMap(embedding_space_of(np.eye(3), table, dataset), method="pca")
    view._on_hover(1)
    assert view.panel.card.caption == ""  # not "nan"
    view._on_click(1)
    assert view.panel.player.caption == "The dataset does not have the clip x."
    assert set(view.selection.clip_id) == {"a", "y"}
    view._on_hover(2)
    assert view.panel.card.caption == "stir"


def test_a_card_comes_beside_the_map_and_its_neighbours_when_asked_for(view, monkeypatch):
    played = []
    monkeypatch.setattr(view.panel.player, "play", lambda: played.append(True))
    view.controls.neighbours.click()
    assert "Click a dot" in view.canvas.status.value
    lasso(view, [3, 7])
    view.panel.gallery._choose(1)
    assert view.panel.player.caption == "pour"
    assert view.panel.card.heading == "video+audio · b"
    assert view.selection.index.tolist() == [3, 7]  # the cards stay
    view.controls.neighbours.click()
    assert set(view.selection.index) == {6, 8}
    assert played == []  # the card plays itself where it is clicked


def test_the_words_of_a_question_stay_on_the_canvas(asked):
    points = asked.placed.points
    for x, y in (points[points[:, 0].argmin()], points[points[:, 0].argmax()]):
        asked.canvas.star = Label(float(x), float(y), "pour")
        asked.canvas.name_groups(False)
        (star,) = asked.canvas.engine.figure.layout.annotations
        left = x == points[:, 0].min()
        assert star.xanchor == ("left" if left else "right")
        assert star.text == ("<b>★ pour</b>" if left else "<b>pour ★</b>")


def test_a_name_under_the_words_of_a_question_is_left_out(view):
    """The words stand beside the star, not over it: what is on its other side stays."""
    places, engine = view.placed.points, view.canvas.engine
    (x, y), half = extent(places)
    star = Label(x - half / 2, y, "slice the beetroot")
    labels = [Label(x - half / 4, y, "beet"), Label(x - half, y, "egg"), Label(x, y + half, "pan")]
    for shown, names in ((None, {"beet", "egg", "pan"}), (star, {"egg", "pan"})):
        engine.overlay(Overlay(star=shown, labels=labels))
        words = {one.text for one in engine.figure.layout.annotations if "★" not in one.text}
        assert words == {f"<b>{name}</b>" for name in names}


def test_a_map_of_other_vectors_says_what_it_is_made_of(space):
    lines = []
    for vectors in (space.vectors, space.vectors[::-1]):
        view = EmbeddingMap(embedding_space_of(vectors, space.table), method="pca")
        lines.append(view._stamp_line.value)
    assert re.search(r"Made of vectors [0-9a-f]{8} · 9 points · .*method pca", lines[0])
    assert lines[0] != lines[1]


def test_equal_vectors_leave_nothing_to_trust():
    table = pd.DataFrame({"clip_id": [f"c{n}" for n in range(12)]})
    view = EmbeddingMap(embedding_space_of(np.ones((12, 4)), table))
    wait_for(lambda: "are the same" in view.canvas.corner.value)
    assert "trustworthiness" not in view.canvas.corner.value
    assert "trustworthiness" not in view.still().sentence


def test_a_selection_of_nothing_says_so_in_words(view):
    view.select([])
    assert view.panel.count.value == "No visible point is selected."


def test_a_layout_that_fails_says_why_and_stays_a_pca(space, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("mmlab.space.job.trustworthiness", fail)
    view = EmbeddingMap(space, seed=time.time_ns() % 10**6)
    wait_for(lambda: "MemoryError" in view.canvas.corner.value)
    assert "the layout was not finished: MemoryError: this is a PCA" in view.canvas.corner.value
    assert "on its way" not in view.canvas.status.value
    assert view.canvas.stop.layout.display == "none"


def test_what_fails_beside_the_map_is_said(view, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("mmlab.views.map.canvas.cluster_labels", fail)
    monkeypatch.setattr("mmlab.views.map.panel.clip_pictures", fail)
    view.canvas.name_groups(True)
    wait_for(lambda: "The groups have no names: MemoryError." in view.canvas.status.value)
    view.point_at("b")
    assert view.panel.card.caption == "pour (No picture: MemoryError.)"
