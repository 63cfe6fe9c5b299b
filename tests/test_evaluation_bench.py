"""The benchmark of ranking at a small size: that it measures the right thing and says so."""

import json

import numpy as np
import torch

from mmlab.bench.evaluation import (
    EvaluationSettings,
    measure_evaluation,
    random_pairs,
    ranks_by_sorting,
)
from mmlab.cli.evaluation import bench_evaluation
from mmlab.evaluation import rank_of_match


def test_the_baseline_ranks_as_the_product_does():
    similarity = torch.randint(-3, 4, (40, 40), generator=torch.Generator().manual_seed(0)).float()
    found = ranks_by_sorting(similarity.numpy())
    np.testing.assert_array_equal(found, rank_of_match(similarity, torch.eye(40)))


def test_pairs_are_neither_trivial_nor_random():
    queries, gallery = random_pairs(400, 256, EvaluationSettings().noise)
    torch.testing.assert_close(queries.norm(dim=1), torch.ones(400))
    ranks = rank_of_match(queries, gallery)
    assert 1 < np.median(ranks) < 150


def test_the_report_holds_every_round_and_prints_and_reloads(tmp_path, capsys):
    settings = EvaluationSettings(items=60, width=8, rounds=2, memory_items=500)
    report = measure_evaluation(settings)
    rounds = (report.counting_seconds, report.sorting_seconds, report.product_seconds)
    assert all(len(one) == 2 for one in rounds)
    assert report.differing_ranks == 0
    assert report.memory.embedding_bytes == 2 * 500 * 8 * 4
    assert report.memory.peak_bytes is None or report.memory.peak_bytes > report.memory.start_bytes
    assert "Ranks of 60 x 60" in report.table()
    assert "500 x 500 in" in report.table()
    bench_evaluation(items=20, width=4, rounds=1, memory_items=0, out=tmp_path / "report.json")
    assert "Ranks of 20 x 20" in capsys.readouterr().out
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["settings"]["items"] == 20
    assert written["memory"] is None
