"""The map as a person uses it: gather points, look, play; search; point; filter; keep."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.path import Path as Outline
from PIL import Image
from playwright.sync_api import Locator, expect

from mmlab.views.map.engine import extent
from tests.browser.corpus import views_notebook
from tests.browser.gestures import click_at, drag, plays
from tests.browser.opened import Opened

pytestmark = pytest.mark.slow

SPACE = """from mmlab.space import embedding_space, embedding_space_of
space = embedding_space(retriever)"""
VIEW = "view = views.EmbeddingMap(space)\nview"
LINKED = """from mmlab.views.map import LinkedMaps
pair = [views.EmbeddingMap(embedding_space(retriever, [one]), label=one, method="pca")
        for one in ("video", "audio")]
LinkedMaps(pair)"""
FEW = """import numpy as np
few = {0: np.zeros((0, 4)), 1: np.ones((1, 4)), 3: np.eye(3, 4), 9: np.ones((9, 4)),
       10: np.vstack([np.full((1, 4), np.nan), np.random.default_rng(0).normal(size=(9, 4))])}
for count, vectors in few.items():
    rows = dataset.manifest[["clip_id", "text"]].head(count).assign(combination="video")
    display(views.EmbeddingMap(embedding_space_of(vectors, rows), label=f"{count} points"))"""
SCATTER = 'view = views.EmbeddingMap(space, engine="scatter", method="pca")\nview'
SCATTER_UMAP = """import secrets
view = views.EmbeddingMap(space, engine="scatter", seed=secrets.randbelow(10**6))
view"""  # a layout that nobody kept

BOTH = """import ipywidgets
maps = [views.EmbeddingMap(space, engine=one, method="pca") for one in ("plotly", "scatter")]
for one in maps:
    box = ipywidgets.Box([one], layout={"display": "block"})
    display(box.add_class(f"narrow-{one._made_with['engine']}"))"""
FITS = """([root, drawn]) => {
    const canvas = root.querySelector('.mmlab-map-canvas');
    const wide = root.querySelector(`.mmlab-map-canvas ${drawn}`)?.getBoundingClientRect().width;
    const inside = [canvas, ...canvas.querySelectorAll('.widget-box, .lm-Widget')];
    const most = Math.min(720, Math.floor(root.getBoundingClientRect().width) - 2);
    return Math.abs(wide - most) < 1
        && root.scrollWidth <= root.clientWidth
        && inside.every((one) => one.scrollWidth <= one.clientWidth);
}"""

PLOT_TO_DATA = """(plot, shares) => {
    const { xaxis, yaxis } = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    return shares.map(([x, y]) => [xaxis.p2d(x * box.width - xaxis._offset),
                                   yaxis.p2d(y * box.height - yaxis._offset)]);
}"""
DATA_TO_PAGE = """(plot, [x, y]) => {
    const { xaxis, yaxis } = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
}"""
BY_SIMILARITY = """(lambda rows: rows.iloc[(-space.vectors[rows.index] @ space.vectors[
    space.row({clip_id!r}, {combination!r})]).argsort(kind="stable")].clip_id.tolist())(
    space.table[(space.table.combination == {combination!r})
                & (space.table.clip_id != {clip_id!r})])"""
RANGES = "(plot) => [...plot.layout.xaxis.range, ...plot.layout.yaxis.range].map(Number)"
LIT = "(plot) => (plot.data[0].selectedpoints ?? []).length"


@pytest.fixture
def opened_map(views_corpus, open_notebook, lab, tmp_path):
    def open_it(theme: str, name: str, *cells: str) -> Opened:
        lab.use_theme(theme)
        path = tmp_path / f"{name}-{theme}.ipynb"
        opened = open_notebook(views_notebook(views_corpus, path, SPACE, *cells), height=1300)
        opened.run_all()
        return opened

    return open_it


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_map_answers_and_nothing_fails(opened_map, lab, theme):
    opened = opened_map(theme, "map", VIEW)
    opened.wait_until("view.placed.method == 'umap'")
    root = opened.view(".mmlab-map")
    plot = root.locator(".js-plotly-plot")
    expect(root.locator(".mmlab-map-corner")).to_contain_text(
        re.compile(r"UMAP .* neighbours .* seed 0 .* trustworthiness [01]\.\d")
    )
    opened.screenshot(f"live-map-{theme.lower()}", ".mmlab-map")
    gather_points_look_and_play(opened, root, plot)
    opened.screenshot(f"live-map-lasso-{theme.lower()}", ".mmlab-map")
    keep_the_selection(opened, root, lab)
    choose_a_card_from_the_keyboard(opened, root)
    escape_lights_all(opened, root, plot)
    search_lights_points(opened, root, plot)
    opened.screenshot(f"live-map-search-{theme.lower()}", ".mmlab-map")
    point_at_a_clip(opened, root, plot)
    opened.screenshot(f"live-map-hover-{theme.lower()}", ".mmlab-map")
    click_a_clip(opened, root, plot)
    opened.screenshot(f"live-map-click-{theme.lower()}", ".mmlab-map")
    zoom_and_fit(opened, root, plot)
    select_from_the_very_edge(opened, root, plot)
    hide_and_show_by_the_legend(opened, root)
    colour_by_another_column(opened, root)
    assert opened.errors == []


def gather_points_look_and_play(opened: Opened, root: Locator, plot: Locator) -> None:
    """A loop around one half; Shift adds the other; Alt takes it away again."""
    points = np.array(opened.ask("view.placed.points.tolist()"))
    right = widest_gap(points[:, 0])
    (left_share,) = plot.evaluate(
        """(plot, x) => {
            const { xaxis } = plot._fullLayout;
            const width = plot.getBoundingClientRect().width;
            return [(xaxis._offset + xaxis.d2p(x)) / width];
        }""",
        right,
    )
    first = [(0.02, 0.02), (left_share, 0.02), (left_share, 0.98), (0.02, 0.98)]
    second = [(left_share, 0.04), (0.98, 0.04), (0.98, 0.96), (left_share, 0.96)]
    drag(plot, first)
    expect(root.locator(".mmlab-map-count")).to_contain_text("selected")
    inside = Outline(plot.evaluate(PLOT_TO_DATA, first)).contains_points(points)
    assert 0 < inside.sum() < len(points)
    rows = np.flatnonzero(inside).tolist()
    opened.wait_until(f"view.selection.index.tolist() == {rows}")
    clips = opened.ask("view.selection.clip_id.nunique()")
    said = root.locator(".mmlab-map-count")
    expect(said).to_have_text(re.compile(rf"{len(rows)} points? of {clips} clips? selected"))
    play_a_card(root)
    other = Outline(plot.evaluate(PLOT_TO_DATA, second)).contains_points(points)
    both = np.flatnonzero(inside | other).tolist()
    for key, button in (("Shift", "Add"), ("Alt", "Take away")):
        wanted = both if key == "Shift" else rows
        opened.page.keyboard.down(key)
        drag(plot, second)
        opened.page.keyboard.up(key)
        is_selected(opened, plot, wanted)
        root.get_by_role("button", name=button).click()
        drag(plot, second)  # as it is already
        is_selected(opened, plot, wanted)
        root.get_by_role("button", name="New", exact=True).click()


def is_selected(opened: Opened, plot: Locator, rows: list[int]) -> None:
    """Python and the picture agree on it."""
    opened.wait_until(f"view.selection.index.tolist() == {rows}")
    places = f"view.canvas.engine._order.places[{rows}].tolist()"
    lit = "([plot, places]) => String(plot._fullData[0].selectedpoints) === String(places)"
    opened.page.wait_for_function(lit, arg=[plot.element_handle(), opened.ask(places)])


def widest_gap(values: np.ndarray) -> float:
    """Between which two values in the middle there is most room for a line."""
    ordered = np.sort(values)
    middle = ordered[len(values) // 4 : -len(values) // 4]
    widest = np.argmax(np.diff(middle))
    return float((middle[widest] + middle[widest + 1]) / 2)


def play_a_card(root: Locator) -> None:
    cards = root.locator(".mmlab-map-gallery .mmlab-card")
    expect(cards.first).to_be_visible()
    cards.first.locator(".mmlab-play").click()
    assert plays(cards.first.locator("video")), "a gathered clip's currentTime does not advance"


def choose_a_card_from_the_keyboard(opened: Opened, root: Locator) -> None:
    """Enter on a card, then Neighbours: no mouse, and the cards stay until it is pressed."""
    before = opened.ask("view.selection.index.tolist()")
    card = root.locator(".mmlab-map-gallery .mmlab-card").nth(1)
    card.focus()
    opened.page.keyboard.press("Enter")
    opened.wait_until("view._clicked[0]")
    clip_id, own = opened.ask("list(view._clicked)")
    assert clip_id in opened.ask("view.selection.clip_id.tolist()")
    assert opened.ask("view.selection.index.tolist()") == before
    root.get_by_role("button", name="Neighbours", exact=True).press("Enter")
    expect(root.locator(".mmlab-map-count")).to_contain_text(f"nearest to {clip_id} by {own}")


def keep_the_selection(opened: Opened, root: Locator, lab) -> None:
    for name, suffix in {"csv": ".csv", "parquet": ".parquet", "ids": ".txt"}.items():
        before = set(lab.folder.glob(f"selection-*{suffix}"))
        root.get_by_role("button", name=re.compile(rf"{name}$")).click()  # after its icon
        expect(root.locator(".mmlab-map-count")).to_contain_text(re.compile(rf"Kept .*{suffix}"))
        (kept,) = set(lab.folder.glob(f"selection-*{suffix}")) - before
        assert clips_of(kept) == set(opened.ask("view.selection.clip_id.tolist()"))


def clips_of(path) -> set[str]:
    if path.suffix == ".txt":
        return set(path.read_text().splitlines())
    read = pd.read_csv if path.suffix == ".csv" else pd.read_parquet
    return set(read(path).clip_id)


def escape_lights_all(opened: Opened, root: Locator, plot: Locator) -> None:
    """A dot that is pointed at again after it is joined again."""
    row, joined = lonely_row(opened, "<b>red</b>"), "(plot) => plot.layout.shapes?.length > 0"
    move_to(opened, plot, row)
    opened.page.wait_for_function(joined, arg=plot.element_handle())
    root.locator(".mmlab-map-gallery .mmlab-play").first.click()  # a player takes other keys
    opened.page.keyboard.press("Escape")
    opened.wait_until("view.selection.empty")
    expect(root.locator(".mmlab-map-gallery .mmlab-card")).to_have_count(0)
    assert plot.evaluate(LIT) == 0
    assert not plot.evaluate(joined)
    move_to(opened, plot, row)
    opened.page.wait_for_function(joined, arg=plot.element_handle())


def search_lights_points(opened: Opened, root: Locator, plot: Locator) -> None:
    words = root.locator(".mmlab-map-search input")
    words.fill("the red square")
    words.press("Enter")
    expect(root.locator(".mmlab-map-count")).to_contain_text("nearest to “the red square”")
    best = opened.ask(
        "space.table.clip_id[int((space.vectors @ "
        "retriever.query(text='the red square').numpy()).argmax())]"
    )
    assert opened.ask("view.selection.clip_id.tolist()")[0] == best
    opened.page.wait_for_function(
        "() => (document.querySelector('.mmlab-map .js-plotly-plot')"
        ".layout.annotations ?? []).some((one) => one.text.includes('★'))"
    )
    assert plot.evaluate(LIT) == opened.ask("len(view.selection)")
    expect(root.locator(".mmlab-map-gallery .mmlab-card").first).to_contain_text("1 · ")

    words.fill("?!")  # no word at all
    words.press("Enter")
    expect(root.locator(".mmlab-map-status")).to_contain_text("No answer")
    assert plot.evaluate(LIT) == 0
    words.fill("the red square")
    words.press("Enter")
    expect(root.locator(".mmlab-map-status")).not_to_contain_text("No answer")


def lonely_row(opened: Opened, text: str) -> int:
    """Of the points whose caption holds this text, the one with most room around it."""
    points = np.array(opened.ask("view.placed.points.tolist()"))
    texts = opened.ask("space.table.text.tolist()")
    rows = [row for row, one in enumerate(texts) if text in one]
    apart = [np.sort(np.linalg.norm(points - points[row], axis=1))[1] for row in rows]
    return rows[int(np.argmax(apart))]


def move_to(opened: Opened, plot: Locator, row: int) -> None:
    plot.scroll_into_view_if_needed()
    point = opened.ask(f"view.placed.points[{row}].tolist()")
    x, y = plot.evaluate(DATA_TO_PAGE, point)
    opened.page.mouse.move(x - 30, y - 30)
    opened.page.mouse.move(x, y, steps=6)


def point_at_a_clip(opened: Opened, root: Locator, plot: Locator) -> None:
    row = lonely_row(opened, "<b>red</b>")
    move_to(opened, plot, row)
    card = root.locator(".mmlab-map-card")
    expect(card).to_contain_text("move the <b>red</b> square & wait")  # markup is text
    expect(card).to_contain_text("score")
    assert card.locator("b").count() == 0
    expect(card.locator(".mmlab-card-poster")).to_have_attribute("src", re.compile("^blob:"))
    expect(card.locator(".mmlab-card-wave")).to_have_attribute("src", re.compile("^blob:"))
    points = opened.ask(f"int((space.table.clip_id == space.table.clip_id[{row}]).sum())")
    joined = f"(plot) => plot.layout.shapes?.length === {2 * points - 1}"
    opened.page.wait_for_function(joined, arg=plot.element_handle())  # rings, and lines between


def click_a_clip(opened: Opened, root: Locator, plot: Locator) -> None:
    row = lonely_row(opened, "<script>")
    move_to(opened, plot, row)
    opened.page.mouse.down()  # at once: the card knows nothing yet
    opened.page.mouse.up()
    clip_id, own = opened.ask(f"space.table.loc[{row}, ['clip_id', 'combination']].tolist()")
    said = root.locator(".mmlab-map-count")
    expect(said).to_contain_text(f"nearest to {clip_id} by {own}")
    player = root.locator(".mmlab-map-side > .mmlab-view video").first
    assert plays(player), "the clicked clip does not play"
    expect(root).to_contain_text("listen <script>alert(1)</script>")
    other = "audio" if own != "audio" else "text"
    root.get_by_label("Neighbours in").select_option(other)
    expect(said).to_contain_text(f"nearest to {clip_id} by {other}")
    nearest = opened.ask(BY_SIMILARITY.format(clip_id=clip_id, combination=other))
    listed = opened.ask("view.selection.clip_id.tolist()")
    assert listed == nearest[: len(listed)]


def zoom_and_fit(opened: Opened, root: Locator, plot: Locator) -> None:
    root.get_by_role("button", name="Fit").click()
    opened.page.wait_for_timeout(500)
    fitted = np.array(plot.evaluate(RANGES))
    plot.hover(position={"x": 200, "y": 100})
    top = plot.bounding_box()["y"]
    opened.page.mouse.wheel(0, 40)  # scrolls the page
    opened.page.wait_for_timeout(500)
    np.testing.assert_allclose(plot.evaluate(RANGES), fitted, atol=1e-3)
    assert plot.bounding_box()["y"] == top - 40
    opened.page.keyboard.down("Control")
    opened.page.mouse.wheel(0, 400)
    opened.page.mouse.wheel(0, 400)
    opened.page.keyboard.up("Control")
    opened.page.wait_for_timeout(500)
    assert not np.allclose(plot.evaluate(RANGES), fitted, atol=1e-3)
    root.get_by_role("button", name="Fit").click()
    opened.page.wait_for_function(
        "([plot, range]) => Math.abs(plot.layout.yaxis.range[0] - range) < 1e-3",
        arg=[plot.element_handle(), float(fitted[2])],
    )
    np.testing.assert_allclose(plot.evaluate(RANGES), fitted, atol=1e-3)


def select_from_the_very_edge(opened: Opened, root: Locator, plot: Locator) -> None:
    """No edge or corner of the canvas drags an axis instead."""
    root.get_by_role("button", name="Box", exact=True).click()
    ranges = plot.evaluate(RANGES)
    near, far, everything = 0.004, 0.996, opened.ask("len(space)")
    corners = [(near, near), (far, near), (near, far), (far, far)]
    for begin, some in [(one, False) for one in corners] + [((0.5, near), True)]:
        drag(plot, [begin, (far, far) if some else (1 - begin[0], 1 - begin[1])])
        few, most = (1, everything - 1) if some else (everything, everything)
        opened.wait_until(f"{few} <= len(view.selection) <= {most}")
        opened.page.keyboard.press("Escape")
        opened.wait_until("view.selection.empty")
    np.testing.assert_allclose(plot.evaluate(RANGES), ranges)
    root.get_by_role("button", name="Lasso", exact=True).click()


def hide_and_show_by_the_legend(opened: Opened, root: Locator) -> None:
    legend = root.locator(".mmlab-map-legend")
    visible = "int(view.canvas.visible.sum())"
    everything, of_text = opened.ask(f"[{visible}, int((space.table.combination == 'text').sum())]")
    text = legend.get_by_role("button", name=re.compile(r"^text\s*\d+$"))
    text.click()
    expect(text).to_have_attribute("aria-pressed", "false")
    opened.wait_until(f"{visible} == {everything - of_text}")
    legend.get_by_role("button", name="Show only text", exact=True).click()
    opened.wait_until(f"{visible} == {of_text}")
    legend.get_by_role("button", name="Show all").click()
    opened.wait_until(f"{visible} == {everything}")
    root.get_by_label("Show", exact=True).select_option("video")
    opened.wait_until("set(space.table.combination[view.canvas.visible]) == {'video'}")
    root.get_by_label("Show", exact=True).select_option("all combinations")
    opened.wait_until(f"{visible} == {everything}")


def colour_by_another_column(opened: Opened, root: Locator) -> None:
    root.get_by_label("Colour by").select_option("media_path")
    legend = root.locator(".mmlab-map-legend")
    expect(legend).to_contain_text("only sound.mp4")


def test_linked_maps_follow_each_other(opened_map):
    opened = opened_map("Light", "linked", LINKED)
    maps = opened.page.locator(".mmlab-map")
    expect(maps).to_have_count(2)
    video, audio = maps.nth(0), maps.nth(1)
    plot = video.locator(".js-plotly-plot")
    expect(plot).to_be_visible()
    drag(plot, [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)])
    expect(audio.locator(".mmlab-map-count")).to_contain_text("selected")
    both = "set(pair[0].selection.clip_id) & set(pair[1].space.table.clip_id)"
    opened.wait_until(f"({both}) and set(pair[1].selection.clip_id) == ({both})")
    words = audio.locator(".mmlab-map-search input")
    words.fill("red square")
    words.press("Enter")
    for one in (video, audio):
        expect(one.locator(".mmlab-map-count")).to_contain_text("nearest to “red square”")
    opened.screenshot("live-map-linked", ".mmlab-linked-maps")
    assert opened.errors == []


def test_a_page_that_is_loaded_again_shows_the_map_as_it_is(opened_map):
    opened = opened_map("Light", "again", VIEW.replace("(space)", '(space, method="pca")'))
    drawn = """() => {
        const { data: [{ x, marker }], layout } =
            document.querySelector('.mmlab-map .js-plotly-plot');
        return [Array.from(x), Array.from(marker.color), layout.xaxis.range, layout.width];
    }"""
    opened.view(".mmlab-map .js-plotly-plot .scatterlayer, .mmlab-map .js-plotly-plot canvas")
    opened.page.get_by_role("button", name=re.compile(r"^text\s*\d+$")).click()
    opened.wait_until("not view.canvas.visible.all()")
    opened.ask("view.canvas.engine.resize(520, 440)")
    opened.page.wait_for_function(f"() => ({drawn})()[3] === 520")
    before = opened.page.evaluate(drawn)
    assert len(before[0]) == opened.ask("len(space)")
    opened.load_again()
    root = opened.view(".mmlab-map")
    plot = root.locator(".js-plotly-plot")
    expect(plot).to_be_visible()
    *points, across, width = opened.page.evaluate(drawn)
    assert [*points, width] == [*before[:2], 520]
    assert across == pytest.approx(before[2], rel=0.02)  # plotly's own room for equal scales
    root.get_by_role("button", name="Show all").click()
    opened.wait_until("view.canvas.visible.all()")
    opened.screenshot("live-map-loaded-again", ".mmlab-map")
    search_lights_points(opened, root, plot)
    assert opened.errors == []


def test_maps_are_no_wider_than_a_narrow_page(opened_map):
    opened = opened_map("Light", "narrow", BOTH)
    widths = {}
    for width in (760, 520, 1360):
        opened.page.set_viewport_size({"width": width, "height": 1300})
        for name, drawn in (("plotly", ".js-plotly-plot"), ("scatter", "canvas")):
            root = opened.view(f".narrow-{name} .mmlab-map")
            canvas = root.locator(".mmlab-map-canvas")
            opened.page.wait_for_function(FITS, arg=[root.element_handle(), drawn])
            widths[width, name] = canvas.bounding_box()["width"]
            cut = "(buttons) => buttons.some((one) => one.scrollWidth > one.clientWidth)"
            assert not root.locator(".mmlab-map-search button").evaluate_all(cut)
            opened.screenshot(f"live-map-{name}-{width}", f".narrow-{name} .mmlab-map")
    for name in ("plotly", "scatter"):
        assert 240 < widths[520, name] < widths[760, name] < widths[1360, name] == 722
    assert opened.errors == []


def test_too_little_to_lay_out_is_said_and_shown(opened_map):
    opened = opened_map("Light", "few", FEW)
    maps = opened.page.locator(".mmlab-map")
    expect(maps).to_have_count(5)
    told = [("status", "nothing to show"), *[("corner", "PCA")] * 3, ("status", "NaN")]
    for number, (place, words) in enumerate(told):
        expect(maps.nth(number).locator(f".mmlab-map-{place}")).to_contain_text(words)
        expect(maps.nth(number).locator(".js-plotly-plot")).to_be_visible()
    assert opened.errors == []


def test_jupyter_scatter_answers_like_plotly(opened_map):
    opened = opened_map("Dark", "scatter", SCATTER)
    root = opened.view(".mmlab-map")
    canvas = root.locator(".mmlab-map-canvas canvas").first
    expect(canvas).to_be_visible()
    words = root.locator(".mmlab-map-search input")
    words.fill("red square")
    words.press("Enter")
    expect(root.locator(".mmlab-map-count")).to_contain_text("nearest to “red square”")
    found = opened.ask("len(view.selection)")
    assert opened.ask("len(view.canvas.engine.canvas.selection)") == found
    opened.screenshot("live-map-scatter-search", ".mmlab-map")
    click_loop_and_enter(opened, root, canvas, words)
    root.get_by_role("button", name="Clear").click()
    opened.wait_until("view.selection.empty")
    drag(canvas, [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.02)])
    opened.wait_until("len(view.selection) == len(space)")
    loop = [(0.5, 0.02), (0.98, 0.02), (0.98, 0.98), (0.5, 0.98), (0.5, 0.03)]
    half = take_away_and_add(opened, canvas, loop)
    assert 0 < half < opened.ask("len(space)")
    expect(root.locator(".mmlab-map-gallery .mmlab-card").first).to_be_visible()
    opened.screenshot("live-map-scatter", ".mmlab-map")
    assert opened.errors == []


def test_jupyter_scatter_follows_umap_and_other_colours(opened_map):
    opened = opened_map("Light", "scatter-umap", SCATTER_UMAP)
    root = opened.view(".mmlab-map")
    canvas = root.locator(".mmlab-map-canvas canvas").first
    expect(root.locator(".mmlab-map-corner")).to_contain_text("UMAP · ")
    every_colour_is_drawn(opened, canvas, "combination")
    for column in ("media_path", "combination", "clip_id"):
        root.get_by_label("Colour by").select_option(column)
        expect(root.locator(".mmlab-legend-title")).to_have_text(column)
        every_colour_is_drawn(opened, canvas, column)
    assert opened.errors == []


def every_colour_is_drawn(opened: Opened, canvas: Locator, column: str) -> None:
    """Each colour of the legend has pixels, mixed with white as points are."""
    opened.page.wait_for_timeout(1000)  # WebGL tells nobody when it has drawn
    picture = opened.screenshot(f"live-map-scatter-{column}", ".mmlab-map-canvas canvas")
    pixels = np.asarray(Image.open(picture).convert("RGB"), float).reshape(-1, 3)
    for colour in opened.ask("list(view.canvas.look.palette)"):
        mixed = 0.7 * 255 * np.array(to_rgb(colour)) + 0.3 * 255
        away = np.abs(pixels - mixed).max(axis=1).min()
        assert away < 8, f"{column}: no pixel is {colour}"


def click_loop_and_enter(opened: Opened, root: Locator, canvas: Locator, words: Locator) -> None:
    """A loop around one point gathers it, a click on it plays it; Enter asks the words again."""
    points = np.array(opened.ask("view.placed.points.tolist()"))
    apart = [np.sort(np.linalg.norm(points - point, axis=1))[1] for point in points]
    row = int(np.argmax(apart))
    x, y = place_on(canvas, points, row)
    said, around = root.locator(".mmlab-map-count"), np.pi / 8 * np.arange(17)
    drag(canvas, [(x + 0.03 * np.cos(angle), y + 0.03 * np.sin(angle)) for angle in around])
    expect(said).to_have_text("1 point of 1 clip selected")
    assert opened.ask("view.selection.index.tolist()") == [row]
    words.press("Enter")
    expect(said).to_contain_text("nearest to “red square”")
    clip_id = opened.ask(f"view.space.table.clip_id[{row}]")
    near = f"nearest to {clip_id} by"
    for _ in range(5):  # a click that takes half a second, on a busy machine, is none to it
        click_at(canvas, x, y)
        opened.page.wait_for_timeout(3000)
        if near in said.inner_text():
            break
    expect(said).to_contain_text(near)


def place_on(canvas: Locator, points: np.ndarray, row: int) -> tuple[float, float]:
    """Shares of the canvas's width and height where a point is drawn, all of them in view."""
    box = canvas.bounding_box()
    middle, half = extent(points)
    side = min(box["width"], box["height"])
    x, y = (points[row] - middle) / half * side / 2
    return 0.5 + x / box["width"], 0.5 - y / box["height"]


def take_away_and_add(opened: Opened, canvas: Locator, loop: list[tuple[float, float]]) -> int:
    """A loop takes points away with Alt, and one beside it adds them again with Shift.

    Returns:
        How many were left between.
    """
    everything, left = opened.ask("len(view.selection)"), 0
    for key, done in (("Alt", "<"), ("Shift", "==")):
        opened.page.keyboard.down(key)
        drag(canvas, loop)
        loop = [(x, y + 0.005) for x, y in loop]
        opened.page.keyboard.up(key)
        opened.wait_until(f"len(view.selection) {done} {everything}")
        lit = opened.ask("len(view.canvas.engine.canvas.selection)")
        assert lit == opened.ask("len(view.selection)")
        left = left or lit
        opened.screenshot(f"live-map-scatter-{key.lower()}", ".mmlab-map")
    return left
