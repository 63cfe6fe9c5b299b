"""What hands do: click at a place, drag a loop, and see whether something plays."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Locator

PLAYS = """async (video) => {
    const before = video.currentTime;
    const until = performance.now() + 60000;
    while (performance.now() < until) {
        if (Math.abs(video.currentTime - before) > 0.3) return true;
        if (video.ended && video.played.end(0) - video.played.start(0) > 0.3) return true;
        await new Promise((again) => setTimeout(again, 50));
    }
    return false;
}"""


def plays(video: Locator) -> bool:
    """Whether a video's time advances, or a short one has played to its end already."""
    return bool(video.evaluate(PLAYS))


def click_at(element: Locator, across: float, down: float = 0.5) -> None:
    """Click at a share of an element's width and height."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box, "nothing to click: the element is not shown"
    element.click(position={"x": box["width"] * across, "y": box["height"] * down})


def drag(element: Locator, places: Sequence[tuple[float, float]]) -> None:
    """Press at the first place, move over the others and let go there.

    Args:
        element: what is dragged over.
        places: shares of its width and height.
    """
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box, "nothing to drag over: the element is not shown"
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    mouse = element.page.mouse
    mouse.move(*points[0])
    mouse.down()
    for point in points[1:]:
        mouse.move(*point, steps=8)
    mouse.up()
