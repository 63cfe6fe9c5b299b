"""The bytes of an index prove which rows may be the nearest; the answers are those of all rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlab.index import FolderIndex, segment
from mmlab.index.codes import encode
from mmlab.index.kernel import coded_products
from tests.index_cases import ABOUT, COMBINATIONS, WIDTH, Slow, clips, questions, same


def coded(rows: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes, (scales, slack) = encode(rows)
    products = np.empty((len(asked), len(rows)), np.float32)
    coded_products(codes, scales, asked, products)
    return products, np.linalg.norm(asked, axis=1, keepdims=True) * slack


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    width=st.sampled_from([1, 3, 64, 515]),
    power=st.integers(-6, 6),
    outlier=st.booleans(),
)
def test_no_product_is_off_by_more_than_the_slack(seed, width, power, outlier):
    generator = np.random.default_rng(seed)
    rows = (generator.standard_normal((50, width)) * 10.0**power).astype(np.float32)
    rows[:, 0] *= 1000 if outlier else 1
    asked = generator.standard_normal((3, width)).astype(np.float32)
    asked[0] = rows[0] - (encode(rows)[0][0] * encode(rows)[1][0, 0])  # along what is lost
    products, slack = coded(rows, asked)
    true = asked.astype(np.float64) @ rows.T.astype(np.float64)
    assert (np.abs(products - true) <= slack).all()


def test_the_slack_is_of_use():
    rows = np.random.default_rng(0).standard_normal((100, 512)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert encode(rows)[1][1].max() < 0.02
    assert encode(np.zeros((3, 512), np.float32))[1].tolist() == [[0] * 3] * 2


@pytest.fixture(params=["bytes", "floats", "mixed"])
def scanned(request, monkeypatch, tmp_path):
    """An index of segments with codes, without, or both; what it should answer."""
    monkeypatch.setattr(
        segment, "CODED_ROWS", {"bytes": 1, "floats": 10**6, "mixed": 150}[request.param]
    )
    monkeypatch.setattr("mmlab.index.merging.SEGMENT_ROWS", 0)
    monkeypatch.setattr("mmlab.index.scan.FEW_ROWS", 50)  # the others are compared by bounds
    index, slow = FolderIndex.begin(tmp_path / "index", ABOUT), Slow()
    for first, end in ((0, 310), (310, 400), (400, 401), (401, 640)):
        for one in (index, slow):
            one.add(*clips(first, end))
    return index, slow


def test_the_answers_are_those_of_comparing_with_all(scanned):
    index, slow = scanned
    asked = questions(40)
    for name in COMBINATIONS:
        for top in (1, 7, 700):
            same(index.search(name, asked, top), slow.search(name, asked, top))


@pytest.mark.parametrize("wanted", [["test"], ["train", "test"], ["nothing"]])
def test_a_filter_leaves_the_best_of_what_it_lets_through(scanned, wanted):
    index, slow = scanned
    found = index.search("video", questions(5), 12, where={"split": wanted})
    same(found, slow.search("video", questions(5), 12, split=wanted))


def test_a_filter_for_a_few_clips(scanned):
    index, slow = scanned
    wanted = [f"clip {number}" for number in (3, 4, 303, 600)]
    found = index.search("video", questions(5), 4, where={"clip_id": wanted})
    same(found, slow.search("video", questions(5), 4, clip_id=wanted))
    assert (found.clip_ids[:, 3] == "").all()  # clip 4 is zero


def test_equal_clips_are_told_in_their_order(scanned):
    index, _ = scanned
    found = index.search("video", clips(7, 8)[0]["video"], 3)
    assert found.clip_ids[0, :3].tolist() == ["clip 7", "clip 307", "clip 607"]
    assert len(set(found.scores[0, :3])) == 1


def test_a_question_of_zeros_gets_the_first_that_are_something(scanned):
    index, _ = scanned
    found = index.search("video", np.zeros((1, WIDTH), np.float32), 5)
    assert found.clip_ids[0].tolist() == ["clip 0", "clip 1", "clip 2", "clip 3", "clip 5"]
    assert (found.scores == 0).all()
