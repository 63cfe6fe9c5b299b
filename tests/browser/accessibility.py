"""Can a view be used without a mouse and without seeing it? axe-core, and the Tab key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator

SERIOUS = ("serious", "critical")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}

NUMBER_CONTROLS = """(root) => {
    const kinds = 'button, input, select, textarea, summary, a[href], [tabindex]';
    const reachable = (one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility({
        visibilityProperty: true, opacityProperty: false });
    const ring = (one) => {
        const style = getComputedStyle(one);
        return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow,
                style.borderTopColor, style.backgroundColor].join();
    };
    document.activeElement.blur(); // how a control looks is noted without the focus
    const controls = [...root.querySelectorAll(kinds)].filter(reachable);
    // A group of radio buttons is one stop: the arrows move within it.
    const stops = controls.filter((one) => one.type !== 'radio' || one.checked);
    stops.forEach((one, number) => { one.mmlabStop = number; one.mmlabRing = ring(one); });
    window.mmlabRing = ring;
    const before = Object.assign(document.createElement('button'), { textContent: 'before' });
    root.before(before);
    before.focus();
    before.addEventListener('blur', () => before.remove(), { once: true });
    return stops.map((one) => `${one.tagName.toLowerCase()}.${one.className}`);
}"""
"""Number all that Tab should reach, note how it looks, and put the focus just before the view."""

FOCUSED = """(root) => {
    const one = document.activeElement;
    if (!root.contains(one)) return null;
    return { number: one.mmlabStop ?? -1, name: one.computedName, role: one.computedRole,
             tag: `${one.tagName.toLowerCase()}.${one.className}`,
             seen: window.mmlabRing(one) !== one.mmlabRing };
}"""


@dataclass(frozen=True)
class Walk:
    """What Tab met in one view.

    Attributes:
        missed: controls that it never reached.
        nameless: controls that a screen reader has no name for.
        unseen: controls that look the same with the focus on them.
        left: whether it came out at the other end.
    """

    missed: list[str]
    nameless: list[str]
    unseen: list[str]
    left: bool


def violations(view: Locator, css: str) -> list[str]:
    """Serious and critical findings of axe-core in all views of a class, one line for each."""
    found = Axe().run(view.page, css, OPTIONS).response["violations"]
    return [
        f"{one['impact']} {one['id']} at {' '.join(map(str, node['target']))}: "
        f"{node['failureSummary']} | {node['html'][:160]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def walk(view: Locator) -> Walk:
    """Press Tab from just before a view until it is left, and look at each stop."""
    controls: list[str] = view.evaluate(NUMBER_CONTROLS)
    met: list[dict[str, Any]] = []
    left = False
    for _ in range(3 * len(controls) + 10):  # some controls are seen only with the focus on them
        view.page.keyboard.press("Tab")
        stop = view.evaluate(FOCUSED)
        if stop is None:
            left = True
            break
        met.append(stop)
    numbers = {stop["number"] for stop in met}
    return Walk(
        missed=[tag for number, tag in enumerate(controls) if number not in numbers],
        nameless=[stop["tag"] for stop in met if not stop["name"]],
        unseen=[f"{stop['tag']} {stop['name']!r}" for stop in met if not stop["seen"]],
        left=left,
    )


def sticking_out(root: Locator, css: str) -> list[str]:
    """What is wider than there is room for: elements that end right of a view, or of the window."""
    return root.evaluate(
        """(root, css) => [...root.querySelectorAll(css)].filter((one) => one.checkVisibility())
            .filter((one) => {
              const end = Math.min(root.getBoundingClientRect().right, innerWidth);
              return one.getBoundingClientRect().right > end + 1;
            }).map((one) => one.outerHTML.slice(0, 120))""",
        css,
    )
