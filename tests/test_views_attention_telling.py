"""How seconds and weights are written, the same in Python and in the clock's JavaScript."""

import json
import shutil
import subprocess

import pytest

from mmlab.views.attention.clock import HERE
from mmlab.views.attention.telling import amount, span_text, time_text

SECONDS = [0.0, 4.44, 59.94, 59.96, 60.0, 61.25, 338.06, 3599.99]
WEIGHTS = [0.0, 1.0, 0.5, 0.0375, 0.00067, 0.0000123, 0.999]


def test_a_time_is_minutes_and_tenths():
    told = [time_text(second, minutes=True) for second in (0, 59.96, 61.25, 338)]
    assert told == ["0:00.0", "1:00.0", "1:01.3", "5:38.0"]
    assert span_text(4.44, 5, minutes=False) == "4.4–5.0 s"
    assert span_text(338, 339, minutes=True) == "5:38.0–5:39.0"


@pytest.mark.parametrize(
    ("weight", "told"),
    [(0.00067, "0.067 %"), (0.48, "48 %"), (1.0, "100 %"), (0.0, "0 %"), (1e-5, "< 0.01 %")],
)
def test_a_share_has_two_digits_that_count(weight, told):
    assert amount(weight, "%") == told


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_browser_writes_them_alike():
    script = f"""
{HERE.joinpath("clock_telling.js").read_text()}
const times = {SECONDS}.map((second) => timeText({{ minutes: true }}, second));
const shares = {WEIGHTS}.map((weight) => amount({{ unit: "%" }}, weight));
console.log(JSON.stringify([times, shares]));"""
    told = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    times, shares = json.loads(told.stdout)
    assert times == [time_text(second, minutes=True) for second in SECONDS]
    assert shares == [amount(weight, "%") for weight in WEIGHTS]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_browser_explains_marks_only_where_some_are_drawn():
    script = f"""
{HERE.joinpath("clock_data.js").read_text()}
const truth = [{{ row: 3, lane: "heat audio" }}, {{ row: 1, lane: "heat video" }}];
const count = (lane, rows) => truthShown({{ truth, lanes: [{{ name: lane }}] }}, rows).length;
console.log(count("heat audio", [3]), count("heat video", [3]), count("heat video", [1, 2, 3]));"""
    told = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1", "0", "1"]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_moments_that_follow_each_other_have_a_bracket_each():
    script = f"""
{HERE.joinpath("clock_drawing.js").read_text()}
const window = {{ devicePixelRatio: 1 }};
const getComputedStyle = () => ({{ color: "black" }});
const drawn = [];
const fillRect = (left, _, width) => drawn.push([left, left + width]);
const pencil = {{ canvas: {{ width: 300 }}, fillRect }};
const truth = [{{ row: 1, lane: "heat video", spans: [[0, 1], [1, 2], [2, 2]] }}];
markTruth(pencil, {{ truth }}, {{ name: "heat video" }}, 1, (second) => second / 3, 20);
console.log(JSON.stringify(drawn));"""
    told = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    drawn = json.loads(told.stdout)
    first, second = drawn[:3], drawn[3:6]
    assert max(right for _, right in first) + 2 <= min(left for left, _ in second)
    assert all(left < right for left, right in drawn), "a moment without length is seen too"
