import numpy as np
import pytest

from mmlab.views.timeline import StepTimeline, lane_heat, predicted_seconds

STEPS = ["crack an egg", "whisk <b>it</b>", "fry"]


@pytest.fixture
def timeline(media_folder):
    scores = np.array([[3.0, 0, 0], [0, 2, 0], [0, 0, 1]])
    truth = [[(0, 1)], [(1, 1.2)], []]
    return StepTimeline(STEPS, scores, scores > 0, truth, media_folder / "red right.mp4")


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (np.eye(3, dtype=bool)[:, :2], [[0.5], [1.5]]),
        (np.ones((2, 1), bool), [[0.5, 1.5]]),
        (np.zeros((2, 1), bool), [[]]),
        ([1.25, float("nan")], [[1.25], []]),
    ],
)
def test_predictions_as_seconds(predicted, expected):
    assert predicted_seconds(predicted) == expected


def test_each_lane_has_its_own_scale():
    heat = lane_heat(np.array([[1.0, -5.0], [3.0, -5.0]]))
    assert heat.tolist() == [[0, 0], [1, 0]]


def test_lanes_hold_heat_truth_and_marks(timeline):
    rows = timeline.lanes.rows
    assert [row["label"] for row in rows] == ["picture", *STEPS]
    assert rows[1]["cells"] == [[0, 1], [1, 2], [2, 3]]
    assert rows[1]["heat"] == [1, 0, 0]
    assert rows[1]["spans"] == [[0, 1]]
    assert rows[2]["marks"] == [1.5]


def test_a_click_moves_the_player(timeline):
    timeline.lanes._handle_custom_msg({"kind": "clicked", "seconds": 2.25}, [])
    assert timeline.lanes.clicked == timeline.player.current_time == 2.25


def test_still_counts_what_is_right(timeline):
    sentence = timeline.still().sentence
    assert "3 steps over 3 seconds of red right.mp4" in sentence
    assert "1 of the 2 steps that occur" in sentence


def test_without_truth_or_media_it_is_drawn_all_the_same(tmp_path):
    view = StepTimeline(STEPS, np.zeros((4, 3)), [0, 1, 2], media_path=tmp_path / "gone.mp4")
    assert "gone.mp4: no such file" in view.player.message
    assert view.still().png()[:4] == b"\x89PNG"


def test_scores_of_other_steps_are_refused():
    with pytest.raises(ValueError, match=r"3 steps need scores \(T, 3\), found \(4, 2\)"):
        StepTimeline(STEPS, np.zeros((4, 2)), [0, 1, 2])
