"""The paper's tables from released files: tiny ones in exactly their formats, the whole way."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mmlab.cli.reproduce import reproduce as reproduce_command
from mmlab.features.published import video_tokens
from mmlab.features.text import WordVectorFile
from mmlab.model import FusionModel
from mmlab.reproduce import BENCHMARKS, download_list, reproduce, write_tables
from mmlab.reproduce.figures import COLUMNS
from mmlab.reproduce.tables import HERE
from mmlab.types import Tokens
from tests.released_files import (
    STEPS,
    write_checkpoint,
    write_crosstask,
    write_mining_youtube,
    write_model,
    write_msrvtt,
    write_word_vectors,
    write_youcook2,
)

IDS = [f"video{number}" for number in range(7)]
RESNET, S3D, CLIP = "ResNet-152 + ResNeXt-101", "S3D", "CLIP ViT-B/32"


def run(folder: Path, *only: str, **options):
    return reproduce(folder, only, progress=False, **options)


def row(table, direction: str, backbone: str = RESNET) -> pd.Series:
    ours = table.ours.set_index(["direction", "backbone"])
    return ours.loc[(direction, backbone)]


def tokens(values: np.ndarray, size: int | None = None) -> Tokens:
    """One item, perhaps padded with zeros, which the published sound network hears."""
    size = size or len(values)
    padded = np.zeros((1, size, values.shape[1]), np.float32)
    padded[0, : len(values)] = values
    return Tokens(torch.from_numpy(padded), (torch.arange(size) < len(values))[None])


def ranks_one_by_one(
    model: FusionModel, words: WordVectorFile, items: list[dict], frames: int, kinds, text: str
) -> np.ndarray:
    """Rank of each item's picture and sound, asked with its text, item for item in loops."""
    asked, answers = [], []
    for item in items:
        picture = video_tokens([item[kind] for kind in kinds], 100)
        batch = {
            "text": tokens(words.encode(item[text])[1]),
            "video": tokens(picture),
            "audio": tokens(item["audio"].T.astype(np.float32), frames),
        }
        vectors = model.embed(batch, [("text",), ("video", "audio")]).vectors
        asked.append(vectors[("text",)][0])
        answers.append(vectors[("video", "audio")][0])
    return np.array(
        [
            1 + sum(float(query @ other) > float(query @ answers[place]) for other in answers)
            for place, query in enumerate(asked)
        ]
    )


def check_scores(found: pd.Series, ranks: np.ndarray, total: int) -> None:
    assert found["clips"] == len(ranks)
    for k in (1, 5, 10):
        assert found[f"R@{k}"] == pytest.approx(100 * (ranks <= k).sum() / total)
    assert found["MedR"] == np.median(ranks)
    assert found["MeanR"] == pytest.approx(ranks.mean())
    assert found["MedR corrected"] == np.median([*ranks, *[total] * (total - len(ranks))])


@pytest.fixture(scope="module")
def msrvtt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("msrvtt")
    items = write_msrvtt(folder, IDS)
    write_word_vectors(folder)
    model = write_model(folder, "everything_at_once_tva")
    return folder, items, model


def test_msrvtt_from_the_released_files_to_the_table(msrvtt):
    folder, items, model = msrvtt
    (table,) = run(folder, "msrvtt")
    words = WordVectorFile(folder / "GoogleNews-vectors-negative300.bin")
    ranks = ranks_one_by_one(model, words, items, 3072, ("2d", "3d"), "eval_caption")
    found = row(table, "text → video+audio")
    check_scores(found, ranks, 1000)
    assert found["R@1 low"] <= found["R@1"] <= found["R@1 high"]
    assert table.failed == {}
    assert set(table.missing) == {S3D, CLIP}
    assert [one.path for one in table.missing[S3D]] == [
        "pretrained_models/everything_at_once_s3d/latest_model.pth"
    ]
    assert "7 of 1,000 clips are there" in str(table)


def test_every_gallery_has_a_row_above_the_published_ones(msrvtt):
    (table,) = run(msrvtt[0], "msrvtt")
    rows = table.rows()
    assert list(rows.columns) == list(COLUMNS)
    assert rows["direction"].tolist()[:5] == [
        *("text → video+audio", "text → video+audio late", "text → video", "text → audio"),
        "text → video",
    ]
    assert rows["source"].eq(HERE).sum() == 4
    assert len(rows) == 4 + len(table.published)
    lines = str(table).splitlines()
    assert "MedR  MedR corrected" in lines[1]
    assert sum(line.endswith(HERE) for line in lines) == 4
    assert any("VideoCLIP" in line and "10.4" in line for line in lines)


def test_in_a_notebook_our_rows_have_their_intervals_and_every_row_its_source(msrvtt):
    (table,) = run(msrvtt[0], "msrvtt")
    html = table._repr_html_()
    first = table.ours.iloc[0]
    assert f"{first['R@5 low']:.1f} to {first['R@5 high']:.1f}" in html
    assert html.count(f">{HERE}<") == 4
    assert html.count("<tr") == 1 + len(table.rows())
    assert "HowToCaption&#x27;s model" in html
    for source in table.published["source"]:
        assert source.replace("'", "&#x27;") in html


def test_s3d_takes_the_words_of_one_pickle_and_the_picture_of_another(msrvtt, tmp_path):
    folder, items, _ = msrvtt
    for name in ("msrvtt", "GoogleNews-vectors-negative300.bin"):
        (tmp_path / name).symlink_to(folder / name)
    model = write_model(tmp_path, "everything_at_once_s3d", 1024)
    (table,) = run(tmp_path, "msrvtt")
    aligned = [dict(item, s3d=_s3d(seed)) for seed, item in enumerate(items)]
    words = WordVectorFile(tmp_path / "GoogleNews-vectors-negative300.bin")
    ranks = ranks_one_by_one(model, words, aligned, 3072, ("s3d",), "eval_caption")
    check_scores(row(table, "text → video+audio", S3D), ranks, 1000)
    assert set(table.missing) == {RESNET, CLIP}


def _s3d(seed: int) -> np.ndarray:
    from tests.published_features import features

    return features(seed + 7, 5, 1024)


@pytest.mark.parametrize("strategy", ["nearest", "max_pool", "clips"])
def test_short_clips_are_the_same_however_long_ones_are_read(msrvtt, strategy):
    (table,) = run(msrvtt[0], "msrvtt", strategy=strategy)
    assert set(table.ours["strategy"]) == {strategy}
    (at_once,) = run(msrvtt[0], "msrvtt")
    for measure in ("R@1", "R@5", "MedR", "MeanR"):  # of sound, the padding that is heard differs
        assert row(table, "text → video")[measure] == row(at_once, "text → video")[measure]


def test_youcook2_counts_the_clip_without_features_as_a_miss(tmp_path):
    items = write_youcook2(tmp_path, IDS)
    write_word_vectors(tmp_path)
    model = write_model(tmp_path, "everything_at_once_tva_youcook")
    (table,) = run(tmp_path, "youcook2-finetuned")
    words = WordVectorFile(tmp_path / "GoogleNews-vectors-negative300.bin")
    there = [item for item in items if "2d_full" in item]
    ranks = ranks_one_by_one(model, words, there, 4608, ("2d_full", "3d_full"), "caption")
    check_scores(row(table, "text → video+audio"), ranks, 3350)
    assert len(ranks) == len(IDS) - 1
    assert len(table.listed[RESNET]) == 1  # the item without features, with its reason


def test_a_run_of_one_s_own_does_in_place_of_the_released_model(msrvtt, tmp_path):
    folder, _, model = msrvtt
    for name in ("msrvtt", "GoogleNews-vectors-negative300.bin"):
        (tmp_path / name).symlink_to(folder / name)
    model.save_pretrained(tmp_path / "pretrained_models" / "everything_at_once_tva_msrvtt")
    (own,) = run(tmp_path, "msrvtt-finetuned")
    (released,) = run(folder, "msrvtt")
    for measure in ("R@5", "MedR", "MeanR"):
        assert (
            row(own, "text → video+audio")[measure] == row(released, "text → video+audio")[measure]
        )


def test_what_is_broken_takes_nothing_else_down(msrvtt, tmp_path, capsys):
    folder, _, _ = msrvtt
    for name in ("msrvtt", "GoogleNews-vectors-negative300.bin"):
        (tmp_path / name).symlink_to(folder / name)
    write_model(tmp_path, "everything_at_once_tva")
    write_model(tmp_path, "everything_at_once_s3d", 4096)  # of the other features
    broken = tmp_path / "pretrained_models" / "everything_at_once_tva_msrvtt" / "latest_model.pth"
    broken.parent.mkdir()
    broken.write_bytes(b"PK\3\4 cut short")
    zero_shot, fine_tuned = run(tmp_path, "msrvtt", "msrvtt-finetuned")
    assert "reads video of width 4096" in zero_shot.failed[S3D]
    assert "has 1024" in zero_shot.failed[S3D]
    assert set(zero_shot.ours["backbone"]) == {RESNET}
    assert "latest_model.pth is damaged" in fine_tuned.failed[RESNET]
    assert len(fine_tuned.rows()) == len(fine_tuned.published)
    with pytest.raises(SystemExit) as stopped:
        reproduce_command(tmp_path, ("msrvtt-finetuned",), quiet=True)
    assert stopped.value.code == 1
    assert "failed" in capsys.readouterr().out


def best_in_order(scores: np.ndarray) -> tuple[int, ...]:
    """All choices of rising seconds, tried."""
    choices = itertools.combinations(range(len(scores)), scores.shape[1])
    return max(choices, key=lambda one: sum(scores[second, k] for k, second in enumerate(one)))


def test_crosstask_from_the_released_files_to_the_table(tmp_path):
    from mmlab.dataset import ClipDataset
    from mmlab.evaluation.localization import localize_videos
    from mmlab.evaluation.step_recall import VARIANTS
    from mmlab.features.registry import load_text_encoder
    from mmlab.readers.crosstask import read_crosstask
    from mmlab.retrieval import Retriever

    write_crosstask(tmp_path)
    words = write_word_vectors(tmp_path)
    model = write_model(tmp_path, "everything_at_once_tva")
    (table,) = run(tmp_path, "crosstask")
    assert table.failed == {}
    both = table.ours[table.ours.direction == "steps → video+audio"].set_index("scores")
    assert both.index.tolist() == ["similarity", "log_softmax"]
    found = both.loc["similarity"]
    folder = tmp_path / "cache" / "reproduce" / "crosstask-resnet"
    dataset = ClipDataset.open(folder, text_encoder=load_text_encoder(str(words)))
    retriever = Retriever(model, dataset)
    hits, steps = dict.fromkeys(STEPS, 0), dict.fromkeys(STEPS, 0)
    for video in read_crosstask(tmp_path / "crosstask" / "crosstask_release"):
        if video.video_id == "w1":  # without features
            continue
        scores = retriever.score_seconds(video.video_id, video.steps)
        truth = video.truth(len(scores))
        chosen = best_in_order(scores)
        hits[video.task_id] += sum(truth[second, step] for step, second in enumerate(chosen))
        steps[video.task_id] += int(truth.any(axis=0).sum())
    expected = np.mean([100 * hits[task] / steps[task] for task in STEPS])
    assert found["recall micro_task"] == pytest.approx(expected)
    assert found["videos"] == 3
    assert 0 <= found["chance"] <= found["upper bound"] <= 100
    assert [name for name, _ in table.listed[RESNET]] == ["w1"]
    assert f"{RESNET}: 1 listed: w1: no clip" in str(table)
    result = localize_videos(
        retriever, read_crosstask(tmp_path / "crosstask" / "crosstask_release"), form="log_softmax"
    )
    for variant in VARIANTS:
        assert both.loc["log_softmax", f"recall {variant}"] == result.recall(variant)
        assert f"recall {variant}" in str(table)
    assert set(table.ours["direction"]) == {
        *("steps → video", "steps → audio", "steps → video+audio")
    }


def test_mining_youtube_from_the_released_files_to_the_table(tmp_path):
    write_mining_youtube(tmp_path)
    write_word_vectors(tmp_path)
    write_model(tmp_path, "everything_at_once_tva")
    (table,) = run(tmp_path, "mining-youtube")
    assert table.failed == {}
    found = row(table, "transcript → video+audio")
    assert found["videos"] == 2
    assert found["scores"] == "similarity, temperature 0.05"
    bounds = table.ours.set_index("method").loc[["Oracle", "Evenly spread"], "MoF"]
    assert found["MoF"] <= bounds["Oracle"] <= 100
    assert bounds["Evenly spread"] > 50  # the labels are spread evenly but for whole seconds
    assert "not published here" in str(table)


def test_what_was_done_to_long_videos_is_told_by_reason(tmp_path, capsys):
    write_crosstask(tmp_path)
    write_word_vectors(tmp_path)
    write_model(tmp_path, "everything_at_once_tva")
    release = tmp_path / "crosstask" / "crosstask_release"
    (release / "annotations" / "t1_v1.csv").write_text("1,0,2\n2,20,40\n3,30,40\n7,1,2\n")
    (tmp_path / "crosstask" / "resnet" / "v2_2d.npy").write_bytes(b"cut short")
    tasks = release / "tasks_primary.txt"
    tasks.write_text(tasks.read_text().replace("cut onion", "???"))
    reproduce_command(tmp_path, ("crosstask",), out=tmp_path / "tables", quiet=True)
    told = capsys.readouterr().out
    for line in (
        "2 listed, such as v1: 'stir': is annotated from 20 to 40 s, the video ends at 10 s; left",
        "1 listed: t1_v1.csv line 4: names step 7 of 3",
        "1 listed: v4: '???': holds no word that the model knows: similarity 0",
        "2 listed, such as v2: no clip of this selection",
    ):
        assert f"{RESNET}: {line}" in told
    listed = pd.read_csv(tmp_path / "tables" / "crosstask-listed.csv")
    assert list(listed.columns) == ["backbone", "what", "reason"]
    assert {"v1: 'stir'", "v1: 'serve'", "t1_v1.csv line 4", "w1", "v2"} <= set(listed.what)
    assert set(listed.backbone) == {RESNET}
    assert listed.reason.notna().all()


def test_no_usable_video_says_why(tmp_path):
    write_crosstask(tmp_path)
    write_word_vectors(tmp_path)
    write_model(tmp_path, "everything_at_once_tva")
    annotations = tmp_path / "crosstask" / "crosstask_release" / "annotations"
    for path in annotations.iterdir():
        path.write_text("99,0,1\n")
    (table,) = run(tmp_path, "crosstask")
    assert "names step 99 of " in table.failed[RESNET]
    write_tables([table], tmp_path / "tables")
    listed = pd.read_csv(tmp_path / "tables" / "crosstask-listed.csv")
    assert listed.what.tolist() == ["everything"]
    assert listed.reason.tolist() == [table.failed[RESNET]]


def test_an_empty_folder_says_what_to_get_and_where_to_put_it(tmp_path, capsys):
    tables = run(tmp_path)
    assert [table.benchmark.name for table in tables] == [one.name for one in BENCHMARKS]
    assert all(table.ours.empty and not table.failed for table in tables)
    text = download_list(tables)
    for benchmark in BENCHMARKS:
        for entry in benchmark.entries:
            for wanted in entry.wanted():
                assert wanted.path in text
                assert wanted.where in text
    reproduce_command(tmp_path, quiet=True, out=tmp_path / "tables")
    assert f"below {tmp_path}" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["tables"]  # nothing was made where nothing can be evaluated


def test_the_list_is_complete(msrvtt, tmp_path):
    """Whoever puts there what it names finds nothing missing."""
    tables = run(tmp_path)
    for line in download_list(tables).splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            path = tmp_path / line.strip().replace("*", "abc")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    again = run(tmp_path)
    assert all(table.missing == {} for table in again)
    assert all(len(table.failed) == len(table.benchmark.entries) for table in again)  # empty files
    assert download_list(again) == ""


def test_tables_as_csv(msrvtt, tmp_path):
    tables = run(msrvtt[0], "msrvtt", "mining-youtube")
    paths = write_tables(tables, tmp_path / "tables")
    assert [path.name for path in paths] == [
        *("msrvtt.csv", "msrvtt-listed.csv", "mining-youtube.csv", "mining-youtube-listed.csv")
    ]
    read = pd.read_csv(paths[0])
    assert len(read) == len(tables[0].rows())
    assert read.loc[0, "R@50 high"] == pytest.approx(tables[0].ours.loc[0, "R@50 high"])
    assert np.isnan(read["R@50"].iloc[-1])


def test_an_unknown_benchmark_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="'msvd'; there are msrvtt, msrvtt-finetuned, youcook2"):
        run(tmp_path, "msvd")


def test_more_clips_than_the_benchmark_has_are_another_split(msrvtt, monkeypatch):
    from dataclasses import replace

    from mmlab.reproduce import run as module

    small = replace(BENCHMARKS[0], total=5)
    monkeypatch.setattr(module, "chosen_benchmarks", lambda _: [small])
    (table,) = module.reproduce(msrvtt[0], progress=False)
    assert "has 5 queries in all, but 7 have a rank" in table.failed[RESNET]


def test_the_description_names_every_file():
    text = (Path(__file__).parents[1] / "docs" / "reproduce.md").read_text(encoding="utf-8")
    for benchmark in BENCHMARKS:
        assert f"`{benchmark.name}`" in text
        for entry in benchmark.entries:
            for wanted in entry.wanted():
                assert f"`{wanted.path}`" in text


def test_checkpoints_are_written_as_published_ones(tmp_path):
    """The tests' own tool: what it writes is read back to the same numbers."""
    from mmlab.published import load_published

    model = write_model(tmp_path, "x")
    path = write_checkpoint(tmp_path / "model.pth", model)
    read, unused = load_published(path)
    assert unused == []
    assert all(
        torch.equal(value, read.state_dict()[name]) for name, value in model.state_dict().items()
    )
