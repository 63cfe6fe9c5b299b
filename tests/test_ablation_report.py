"""The report: tables from made-up ranks, there and back as JSON, and in print."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.ablation.claims import CLAIMS
from mmlab.ablation.printing import lines
from mmlab.ablation.report import Report, summarise
from mmlab.ablation.runs import Result
from mmlab.ablation.tasks import Task
from mmlab.ablation.variants import GRID, MAIN
from tests.ablation_cases import SETTINGS, made_up_result, made_up_results

SHARES = {MAIN: 0.5, "no-transformer": 0.3, "class-token": 0.505}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made_up_results(tmp_path_factory.mktemp("runs"), SHARES)


@pytest.fixture(scope="module")
def report(results):
    return summarise(results, SETTINGS, {"processor": "made up"})


def test_scores_are_means_over_seeds_with_intervals_around_them(report, results):
    row = report.scores.set_index(["variant", "gallery", "how"]).loc[(MAIN, "video+audio", "joint")]
    own = [one.ranks() for one in results if one.run.variant == MAIN]
    own = [table[(table.gallery == "video+audio") & (table.how == "joint")] for table in own]
    by_seed = [100 * (table["rank"] <= 10.5).mean() for table in own]
    assert row["R@10"] == pytest.approx(np.mean(by_seed))
    assert row["R@10 by seed"] == pytest.approx(tuple(by_seed))
    assert row["R@10 low"] < row["R@10"] < row["R@10 high"]
    assert row["MedR"] == pytest.approx(np.mean([table["rank"].median() for table in own]))
    assert (row["seeds"], row["clips"]) == (3, 200)


def test_a_clear_difference_is_decided_and_a_small_one_is_not(report):
    apart = report.differences.set_index(["variant", "measure"])
    assert apart.loc[("no-transformer", "R@10"), "high"] < -10
    assert (
        apart.loc[("class-token", "R@10"), "low"] < 0 < apart.loc[("class-token", "R@10"), "high"]
    )
    verdicts = report.conclusions.set_index("claim")["verdict"]
    assert verdicts["Fusion with the combinatorial loss beats no transformer at all."] == "holds"
    assert (
        verdicts["Fusing picture and sound jointly beats averaging their embeddings (late fusion)."]
        == "undecided"
    )
    assert verdicts["Individual projections beat a shared one."] == "not measured"


def test_the_main_variant_is_not_compared_with_itself(report):
    assert MAIN not in set(report.differences["variant"])


def test_there_and_back(report, tmp_path):
    text = report.to_json()
    again = Report.from_json(text)
    assert again.to_json() == text
    assert again.settings == SETTINGS
    pd.testing.assert_frame_equal(
        again.scores[["variant", "R@10"]], report.scores[["variant", "R@10"]].round(2)
    )
    (tmp_path / "ablations.json").write_text(text)
    assert Report.read(tmp_path / "ablations.json").to_json() == text


def test_a_report_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="mmlab ablate --report"):
        Report.read(tmp_path / "ablations.json")


@pytest.mark.parametrize("content", ['{"a"', "[]", "7", "null", '{"settings": {}}'])
def test_a_damaged_report_is_named_with_the_mend(content, tmp_path):
    (tmp_path / "ablations.json").write_text(content)
    with pytest.raises(ValueError, match=r"ablations\.json is damaged .*delete it and run"):
        Report.read(tmp_path / "ablations.json")


def test_the_whole_grid_stays_small_on_disk(report):
    """All variants with all that is asked of them."""
    rows = len(report.scores) / len(SHARES)
    asked = 12 + 6 + 4 * 3  # directions, fused ones late, long clips in four ways
    size = len(json.dumps(json.loads(report.to_json())["scores"])) / len(report.scores)
    assert rows == 3
    assert size * asked * len(GRID) < 250_000


def test_print_says_how_short_training_was_and_what_rests_on_what(report):
    printed = "\n".join(lines(report))
    assert "9 trained models: 3 variants, 3 seeds, 3 epochs each" in printed
    assert "Training is shorter than the sample model's 40 epochs" in printed
    assert "No figure of the paper's ablations is confirmed" in printed
    assert "(a choice of the paper)" in printed
    assert "not measured" in printed


def test_intervals_of_one_seed_are_not_said_to_be_over_seeds(report, results):
    assert "interval over queries and seeds]" in "\n".join(lines(report))
    alone = summarise([one for one in results if one.run.seed == 0], SETTINGS | {"seeds": [0]}, {})
    printed = "\n".join(lines(alone))
    assert "interval over queries, of one seed]" in printed
    assert "queries and seeds" not in printed


def test_a_variant_without_sound_is_printed_with_what_it_can_search(results, tmp_path):
    ranks = [1.0] * 150 + [99.0] * 50
    tasks = {Task("text", "video"): ranks, Task("video", "text"): [99.0] * 200}
    silent = [made_up_result(tmp_path, "text-video", seed, tasks) for seed in range(3)]
    printed = list(lines(summarise([*results, *silent], SETTINGS, {})))
    (line,) = [one for one in printed if one.startswith("without sound")]
    assert "R@10  75.0 [" in line
    assert line.endswith("(text → video, all that it has)")
    assert printed.index(line) > printed.index(next(o for o in printed if "class token" in o))


def test_a_training_as_long_as_the_samples_is_not_called_short(results):
    report = summarise(results, SETTINGS | {"epochs": 40}, {})
    assert "Training is shorter" not in "\n".join(lines(report))


def test_failed_runs_are_listed_and_leave_the_others_alone(results):
    broken = Result(results[0].run, error="TrainingError: made up")
    report = summarise([broken, *results[1:]], SETTINGS, {})
    assert report.failed.to_dict("records") == [
        {"variant": MAIN, "seed": 0, "error": "TrainingError: made up"}
    ]
    assert report.variants.set_index("variant").loc[MAIN, "runs"] == 2
    assert "failed: main, seed 0: TrainingError: made up" in "\n".join(lines(report))


def test_nothing_finished_is_still_a_report(results):
    report = summarise([Result(results[0].run, error="made up")], SETTINGS, {})
    assert list(lines(report)) == ["failed: main, seed 0: made up"]
    assert Report.from_json(report.to_json()).failed["error"].tolist() == ["made up"]


def test_the_committed_report_is_of_the_whole_grid():
    path = Path(__file__).parents[1] / "docs" / "ablations.json"
    if not path.exists():
        pytest.skip("docs/ablations.json is not there; mmlab ablate --report makes it")
    report = Report.read(path)
    assert path.stat().st_size < 300_000
    assert report.variants["variant"].tolist() == [variant.name for variant in GRID]
    assert report.conclusions["claim"].tolist() == [claim.claim for claim in CLAIMS]
    assert "not measured" not in set(report.conclusions["verdict"])
    assert set(report.variants["runs"]) == {len(report.settings["seeds"])}
    assert report.failed.empty
