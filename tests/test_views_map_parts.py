import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mmlab.origin import Origin
from mmlab.space import Layout, embedding_space_of
from mmlab.views.map import EmbeddingMap, LinkedMaps, look_of, map_picture
from mmlab.views.map.asking import points_among
from mmlab.views.map.background import Background
from mmlab.views.map.engine import DrawOrder, Label, Overlay, Reactions, engine_for, extent
from mmlab.views.map.keeping import free_path, keep_rows
from mmlab.views.map.standing import NOT_READY

SIZE = (300, 200)
ORIGIN = Origin("m" * 32, "", "d" * 32, "sample/dataset", {"split": ["test"]})


def reactions(told):
    names = ("select", "hover", "click")
    return Reactions(*(lambda what, name=name: told.append((name, what)) for name in names))


@pytest.mark.parametrize("name", ["plotly", "scatter"])
def test_engines_meet_the_same_interface(name):
    told = []
    engine, problem = engine_for(name, 40, reactions(told), SIZE)
    assert problem == ""
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    table = pd.DataFrame({"kind": ["a", "b"] * 20, "v": np.arange(40.0)})
    engine.draw(points, look_of(table, "kind"))
    engine.recolour(look_of(table, "v"))
    engine.show(np.arange(40) < 30)
    engine.light(np.array([3, 4]))
    engine.light(None)
    engine.overlay(Overlay(points[:3], Label(0, 0, "here"), [Label(1, 1, "egg")]))
    engine.overlay(Overlay())
    for tool in ("box", "move", "lasso"):
        engine.use(tool)
    engine.fit()
    engine.resize(200, 200)
    engine.paint("#111111")
    assert told == []  # nobody did anything


def test_a_page_that_comes_later_is_told_what_is_drawn(space):
    """By the state that it asks for; plotly leaves there what the figure was at first."""
    view = EmbeddingMap(space, method="pca", colour="kind")
    view.select([2, 4])
    view.point_at("7")
    engine = view.canvas.engine
    engine.resize(200, 100)
    state = engine.figure.get_state()
    (trace,), layout = state["_widget_data"], state["_widget_layout"]
    x, codes = (np.array(one["buffer"]) for one in (trace["x"], trace["marker"]["color"]))
    np.testing.assert_array_equal(x[engine._order.places], view.placed.points[:, 0])
    assert codes[engine._order.places].tolist() == view.canvas.look.codes.tolist()
    assert trace["selectedpoints"] == engine._order.places[[2, 4]].tolist()
    assert (layout["width"], layout["height"], len(layout["shapes"])) == (200, 100, 3)


@pytest.fixture
def scatter():
    """An engine of ten points in jupyter-scatter, and what it tells."""
    told = []
    engine, _ = engine_for("scatter", 10, reactions(told), SIZE)
    look = look_of(pd.DataFrame({"kind": ["a", "b"] * 5}), "kind")
    engine.draw(np.random.default_rng(0).normal(size=(10, 2)), look)
    return engine, told


def loop(engine, rows, polygon):
    """What jupyter-scatter's browser side sets when somebody drew around these points."""
    engine.canvas.selection = engine._order.places[rows]
    engine.canvas.set_trait("lasso_selection_polygon", np.array(polygon, float))


def test_a_click_and_a_lasso_of_jupyter_scatter(scatter):
    engine, told = scatter
    engine.canvas.selection = np.array([engine._order.places[7]])
    loop(engine, [2, 5], [[0, 0], [1, 0]])
    engine.canvas.hovering = int(engine._order.places[9])
    assert told[0] == ("click", 7)
    assert sorted(told[1][1]) == [2, 5]
    assert told[2] == ("hover", 9)
    assert len(told) == 3


def test_a_lasso_around_what_is_lit_already_is_told_too(scatter):
    engine, told = scatter
    engine.light(np.array([2, 5]))
    assert told == []
    loop(engine, [2, 5], [[0, 0], [1, 0]])
    assert [sorted(rows) for _, rows in told] == [[2, 5]]


def test_jupyter_scatter_has_no_axes_legend_or_keys_of_its_own(scatter):
    engine, _ = scatter
    before = engine.canvas.legend_color, engine.canvas.axes_color
    engine.paint("#111111")
    assert engine.canvas.background_color[:3] == pytest.approx([17 / 255] * 3)
    assert (engine.canvas.legend_color, engine.canvas.axes_color) == before  # these bring them back
    assert not engine.canvas.axes
    assert not engine.canvas.legend
    assert engine.canvas.regl_scatterplot_options["actionKeyMap"] == {}


def test_jupyter_scatter_is_sent_points_and_palette_at_once(scatter, monkeypatch):
    """What it is sent while it draws gets lost, and a palette may not be a single colour."""
    engine, _ = scatter
    canvas, sent = engine.canvas, []
    monkeypatch.setattr(canvas, "send_state", lambda key: sent.append(canvas.get_state(key)))
    tables = pd.DataFrame({"v": np.arange(10.0), "kind": list("abcdeabcde")})
    engine.recolour(look_of(tables, "v"))
    engine.draw(np.random.default_rng(1).normal(size=(10, 2)), look_of(tables, "kind"))
    assert [state for state in sent if "points" not in state] == []
    assert len(sent) == 2
    assert [len(canvas.color), np.ndim(canvas.color)] == [len(look_of(tables, "kind").palette), 2]
    assert canvas.prevent_filter_reset
    assert not canvas.transition_points


def test_many_points_take_jupyter_scatter_and_without_it_plotly_says_so(monkeypatch):
    assert type(engine_for("auto", 50_001, reactions([]), SIZE)[0]).__name__ == "ScatterEngine"
    monkeypatch.setattr("mmlab.views.map.engine.find_spec", lambda _: None)
    engine, problem = engine_for("auto", 50_001, reactions([]), SIZE)
    assert type(engine).__name__ == "PlotlyEngine"
    assert "pip install jupyter-scatter" in problem


def test_draw_order_goes_there_and_back():
    order = DrawOrder(50)
    assert order.rows[order.places].tolist() == list(range(50))
    assert order.rows.tolist() != list(range(50))


def test_extent_has_room_and_is_never_empty():
    assert extent(np.zeros((0, 2)))[1] == 1
    assert extent(np.ones((3, 2)))[1] == 1
    middle, half = extent(np.array([[0.0, 0.0], [4.0, 2.0]]))
    assert middle.tolist() == [2, 1]
    assert half > 2


def test_a_selection_is_kept_whole_in_three_kinds(tmp_path, monkeypatch):
    rows = pd.DataFrame({"clip_id": ["b", "a", "b"], "score": [0.5, 0.25, 1]}, index=[7, 3, 5])
    again = pd.read_csv(keep_rows(rows, tmp_path / "new" / "s.csv"))
    assert again.equals(rows.reset_index(drop=True))
    again = pd.read_parquet(keep_rows(rows, tmp_path / "s.parquet"))
    assert again.equals(rows.reset_index(drop=True).astype(again.dtypes))
    assert keep_rows(rows, tmp_path / "s.txt").read_text() == "b\na\n"
    with pytest.raises(ValueError, match=r"s\.doc: a selection is kept as \.csv"):
        keep_rows(rows, tmp_path / "s.doc")
    monkeypatch.chdir(tmp_path)
    assert free_path("s", ".csv").name == "s-1.csv"
    (tmp_path / "s-1.csv").touch()
    assert free_path("s", ".csv").name == "s-2.csv"


@pytest.fixture
def space():
    """Three clips with numbers for names, each as text and as video."""
    table = pd.DataFrame({"clip_id": [7, 8, 9] * 2, "kind": ["p", "q", "q"] * 2})
    table["combination"] = ["text"] * 3 + ["video"] * 3
    return embedding_space_of(np.random.default_rng(0).normal(size=(6, 4)), table)


@pytest.fixture
def asked(space):
    """A map that knows where every question lies: on row 4."""
    view = EmbeddingMap(space, method="pca")
    view.retriever = SimpleNamespace(
        query=lambda text: torch.tensor(space.vectors[4]), origin=ORIGIN
    )
    return view


@pytest.mark.parametrize(
    ("chosen", "rows", "told"),
    [
        ([0, 4], [0, 4], ""),
        (np.array([5, 5, 99]), [5], "1 of 2 chosen are not on this map."),
        (["8"], [1, 4], ""),
        (["9", "x", "y", "x"], [2, 5], "2 of 3 chosen are not on this map."),
        ([True, False, False, False, False, True], [0, 5], ""),
        (np.arange(6) > 3, [4, 5], ""),
        ([], [], ""),
    ],
)
def test_points_are_meant_by_rows_ids_or_a_mask(space, chosen, rows, told):
    found, absent = points_among(space, chosen)
    assert found.index.tolist() == rows
    assert absent == told


def test_a_mask_comes_from_the_table_itself(space):
    view = EmbeddingMap(space, method="pca")
    assert view.select(space.table["kind"] == "q").index.tolist() == [1, 2, 4, 5]
    assert view.select(space.table["clip_id"][:1]).index.tolist() == [0, 3]
    view.select(["7", "nobody"])
    assert "1 of 2 chosen are not on this map." in view.canvas.status.value


def test_the_selection_of_another_map_is_selected(space):
    table = space.table.assign(combination=["text"] * 3 + ["audio"] * 3)
    other = EmbeddingMap(embedding_space_of(space.vectors, table), method="pca")
    view = EmbeddingMap(space, method="pca")
    assert view.select(other.select([1, 3])).index.tolist() == [1]
    assert "1 of 2 chosen are not on this map." in view.canvas.status.value
    assert view.select(other.select([3])).index.tolist() == [0, 3]  # the clip, in other ways
    assert view.select(table[["clip_id"]].iloc[2:3]).index.tolist() == [2, 5]
    assert view.select(other.select([])).empty


def test_what_means_no_points_is_refused(space):
    view = EmbeddingMap(space, method="pca")
    with pytest.raises(ValueError, match="needs a column clip_id, it has kind"):
        view.select(space.table[["kind"]])
    with pytest.raises(ValueError, match=r"holds 1\.0; rows are whole numbers, such as 1"):
        view.select([1.0, 2.0])
    with pytest.raises(ValueError, match=r"such as \['7'\], no string"):
        view.select("7")
    with pytest.raises(ValueError, match="2 booleans for 6 points"):
        view.select([True, False])
    with pytest.raises(ValueError, match="no combination 'nonsense' on this map, only text, video"):
        view.choose("7", "nonsense")
    view.choose("7", "video")
    assert view.selection.combination.unique().tolist() == ["video"]


def test_a_map_is_made_again_as_it_was_left(space, monkeypatch):
    monkeypatch.setattr("mmlab.views.map.standing.embedding_space", lambda *_: space)
    made = {"method": "pca", "min_dist": 0.5, "size": (400, 300), "colour": "kind"}
    view = EmbeddingMap(space, **made)
    view.controls.shown.value = "video"
    view.panel.legend.hidden = [1]
    told = json.loads(json.dumps(view.parameters()))
    usual = {"combinations": ["text", "video"], "seed": 0, "size": [400, 300]}
    assert told == made | usual | {"shown": "video", "hidden": ["q"]}
    again = EmbeddingMap.reopened(None, **told)
    assert again.parameters() == view.parameters()
    assert again.canvas.visible.tolist() == view.canvas.visible.tolist()
    assert again.canvas.visible.sum() == 1


def test_a_search_is_made_again(asked, space, monkeypatch):
    monkeypatch.setattr("mmlab.views.map.standing.embedding_space", lambda *_: space)
    searched = []
    monkeypatch.setattr(EmbeddingMap, "search", lambda _, words: searched.append(words))
    EmbeddingMap.reopened(None, combinations=["text"], words="an egg", method="pca")
    assert searched == ["an egg"]


def test_linked_maps_have_one_stamp(space, monkeypatch):
    monkeypatch.setattr("mmlab.views.map.standing.embedding_space", lambda *_: space)
    linked = LinkedMaps([EmbeddingMap(space, method="pca", label=one) for one in "ab"])
    again = LinkedMaps.reopened(None, **json.loads(json.dumps(linked.parameters())))
    assert [one.label for one in again.maps] == ["a", "b"]
    assert linked.stamp is None  # nobody's model
    linked.maps[0].retriever = SimpleNamespace()
    assert LinkedMaps(linked.maps).retriever is None


def test_a_picture_of_a_search_has_the_star_and_says_so(asked):
    before = asked.still().png()
    asked.search("an <egg>")
    drawn = asked.drawn()
    assert (drawn.star.x, drawn.star.y) == pytest.approx(asked.placed.points[4], abs=1e-4)
    picture = asked.still()
    assert "The star shows where “an <egg>” lies. 6 points are nearest to" in picture.sentence
    assert {"★ an <egg>", "an <egg> ★"} & set(words_of(picture))
    assert picture.png() != before


def test_a_picture_before_umap_says_that_it_is_a_pca(space, monkeypatch):
    preview = Layout(np.eye(6, 2, dtype=np.float32))
    job = SimpleNamespace(preview=preview, done=False, on_finish=lambda _: None)
    monkeypatch.setattr("mmlab.views.map.canvas.start_layout", lambda *_, **__: job)
    assert f"PCA · {NOT_READY}." in EmbeddingMap(space).still().sentence
    assert NOT_READY not in EmbeddingMap(space, method="pca").still().sentence


def test_the_canvas_is_no_wider_than_its_page(space, monkeypatch):
    view = EmbeddingMap(space, method="pca", size=(400, 300))
    sizes = []
    monkeypatch.setattr(view.canvas.engine, "resize", lambda *size: sizes.append(size))
    for room in (1000, 322, 323, 322, 10, 1000):
        view.panel.legend.room = room
    assert sizes == [(320, 300), (321, 300), (320, 300), (240, 240), (400, 300)]
    view.panel.legend.room = 322
    LinkedMaps([view])
    assert sizes[-1] == (320, 320)


def test_pictures_of_nothing_say_so(space):
    empty = EmbeddingMap(embedding_space_of(np.zeros((0, 3)), pd.DataFrame({"clip_id": []})))
    told = "There is nothing to show: no point has a vector."
    assert empty.still().sentence == f"A map of 0 points. {told}"
    assert told in words_of(empty.still())
    assert empty.panel.legend.scale == {}
    view = EmbeddingMap(space, method="pca")
    view.panel.legend.hide(["text", "video"])
    assert "Every point is hidden." in view.still().sentence
    view.panel.legend.hide(["text"])
    view.canvas.show(np.arange(6) == 5)
    assert view.drawn().heading == "1 point, coloured by combination"


def test_names_of_groups_that_collide_are_left_out(space):
    drawn = EmbeddingMap(space, method="pca").drawn()
    x, y = drawn.layout.points[0]
    far = drawn.layout.points[np.abs(drawn.layout.points[:, 1] - y).argmax()]
    groups = pd.DataFrame(
        {"x": [x, x, far[0]], "y": [y, y, far[1]], "label": ["one", "two", "far"]}
    )
    found = words_of(map_picture([replace(drawn, groups=groups)]))
    assert {"one", "far"} <= set(found)
    assert "two" not in found
    starred = replace(drawn, groups=groups, star=Label(float(x), float(y), "a question"))
    assert not {"one", "two"} & set(words_of(map_picture([starred])))


def words_of(picture):
    """All words that stand in a picture."""
    parts = [picture.figure, *picture.figure.subfigs]
    axes = [one for part in parts for one in part.axes]
    return [text.get_text() for part in (*parts, *axes) for text in part.texts]


@pytest.mark.parametrize("fails", [False, True])
def test_without_a_loop_work_beside_is_done_at_once_in_the_same_thread(fails):
    """A script that ends starts no worker any more."""
    told = []

    def work():
        told.append(threading.current_thread())
        if fails:
            raise MemoryError("no room")
        return "done"

    Background().run(work, told.append, lambda why: told.append(f"failed: {why}"))
    assert told == [threading.current_thread(), "failed: no room" if fails else "done"]
