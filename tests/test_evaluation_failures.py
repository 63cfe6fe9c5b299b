"""The worst failures against a slow version that sorts, on tiny made-up clips."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from mmlab.evaluation.failures import COLUMNS, worst_failures
from mmlab.evaluation.matrix import parse_side


def made_up(count=12, *, media=None, seed=0):
    """A retriever of random vectors: only what `worst_failures` asks of one."""
    draw = torch.Generator().manual_seed(seed)
    manifest = pd.DataFrame({"clip_id": [f"c{n}" for n in range(count)]})
    manifest["media_id"] = media or [f"m{n}" for n in range(count)]
    manifest["start_seconds"], manifest["end_seconds"] = 0.0, 1.0
    manifest["text"] = [f"words {n}" for n in range(count)]
    known = {
        name: F.normalize(torch.randn(count, 4, generator=draw), dim=1)
        for name in ("text", "video", "audio")
    }
    return SimpleNamespace(
        model=SimpleNamespace(config=SimpleNamespace(names=("text", "video", "audio"))),
        dataset=SimpleNamespace(manifest=manifest),
        embeddings=lambda side: known[parse_side(side).name],
        known=known,
    )


def test_as_sorting_every_score_would():
    retriever = made_up()
    scores = (retriever.known["text"] @ retriever.known["video"].T).numpy()
    order = np.argsort(-scores, axis=1)
    ranks = [list(order[row]).index(row) + 1 for row in range(12)]
    failures = worst_failures(retriever, "text", "video", 4)
    assert list(failures) == COLUMNS
    assert failures["rank"].tolist() == sorted(ranks, reverse=True)[:4]
    for row in failures.itertuples():
        place = int(row.clip_id[1:])
        best = next(one for one in order[place] if one != place)
        assert (row.rank, row.first_clip_id) == (ranks[place], f"c{best}")
        assert (row.text, row.first_text) == (f"words {place}", f"words {best}")
        assert row.score_own == pytest.approx(scores[place, place], abs=1e-6)
        assert row.score_first == pytest.approx(scores[place, best], abs=1e-6)
        assert row.score_first >= row.score_own


def test_what_is_found_is_no_failure():
    retriever = made_up()
    assert worst_failures(retriever, "text", "text").empty
    assert list(worst_failures(retriever, "text", "text")) == COLUMNS


def test_all_failures_are_those_whose_rank_is_not_one():
    retriever = made_up(seed=1)
    failures = worst_failures(retriever, "audio", "video", 100)
    scores = (retriever.known["audio"] @ retriever.known["video"].T).numpy()
    assert len(failures) == (scores.argmax(axis=1) != np.arange(12)).sum()
    assert failures["rank"].is_monotonic_decreasing


def test_clips_that_lack_a_side_neither_ask_nor_come_first():
    retriever = made_up()
    retriever.known["video"][3] = 0
    failures = worst_failures(retriever, "text", "video", 100)
    assert "c3" not in {*failures.clip_id, *failures.first_clip_id}


def test_the_other_captions_of_a_clip_are_no_wrong_answer():
    media = ["m0", "m0", "m0", *(f"m{n}" for n in range(1, 10))]
    retriever = made_up(media=media)
    retriever.known["video"][1:3] = retriever.known["video"][0]
    failures = worst_failures(retriever, "video", "text", 100)
    assert not {"c1", "c2"} & set(failures.clip_id)  # one clip asks once
    own = failures[failures.clip_id == "c0"]
    assert not set(own.first_clip_id) & {"c0", "c1", "c2"}
    back = worst_failures(retriever, "text", "video", 100)
    assert not set(back.first_clip_id) & {"c1", "c2"}


def test_a_tie_is_a_failure_that_names_the_other():
    retriever = made_up(3)
    retriever.known["text"] = retriever.known["video"].clone()
    retriever.known["video"][1] = retriever.known["video"][0]
    failures = worst_failures(retriever, "text", "video", 5).set_index("clip_id")
    assert failures.loc["c0", ["rank", "first_clip_id"]].tolist() == [1.5, "c1"]


def test_bad_questions_are_named():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        worst_failures(made_up(), "text", "video", 0)
    with pytest.raises(ValueError, match="found 'smell'"):
        worst_failures(made_up(), "smell", "video")
