"""The grid on tiny real media: trained, asked, stored; continued, refused, and with a failure."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mmlab
from mmlab.ablation import GridSettings, Report, ablate
from mmlab.ablation import runs as runs_module
from mmlab.ablation.grid import plan
from mmlab.ablation.tasks import Task, by_task, long_clips, measure
from mmlab.dataset import ClipDataset
from mmlab.evaluation.long_clips import LongClips, sizes
from mmlab.model import AudioEncoderConfig, FusionModel, ModelConfig
from mmlab.retrieval import Retriever
from mmlab.runs import model_config
from mmlab.training import TrainConfig
from tests.conftest import BLUE, GREEN, RED, moving_square, tone, write_video

TRAIN = TrainConfig(epochs=1, batch_clips=6, jitter_seconds=0.2, device="cpu", loaders=0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    rows = ["video,start_seconds,end_seconds,text,split"]
    for number, colour, hertz, name in [(0, RED, 300, "red"), (1, GREEN, 900, "green")]:
        for split in ("train", "test"):
            path = folder / "media" / f"{split}{number}.mp4"
            write_video(path, 8.0, picture=moving_square(colour), sound=tone(hertz))
            spans = [(start, start + 2) for start in (0, 2, 4, 6)]
            rows += [f"{path.name},{a},{b},{name} {a},{split}" for a, b in spans]
    write_video(folder / "media" / "mute.mp4", 4.0, picture=moving_square(BLUE))
    rows.append("mute.mp4,0,4,blue,test")
    (folder / "captions.csv").write_text("\n".join(rows))
    out = folder / "dataset"
    return mmlab.ingest(folder / "media", folder / "captions.csv", out, workers=1, progress=False)


@pytest.fixture(scope="module")
def tiny(dataset) -> ModelConfig:
    config = model_config(dataset.features)
    encoder = AudioEncoderConfig(widths=(4,) * 7, blocks=(1,) * 6, kernel_frames=3)
    modalities = (*config.modalities[:2], replace(config.modalities[2], encoder=encoder))
    return replace(config, modalities=modalities, token_width=16, heads=2, projection_width=8)


@pytest.fixture(scope="module")
def settings(tiny) -> GridSettings:
    return GridSettings(TRAIN, tiny, seeds=2, only=("text-video", "positions"))


@pytest.fixture(scope="module")
def finished(dataset, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("grid")
    told: list[str] = []
    return out, ablate(dataset.folder, out, settings, tell=told.append), told


def test_every_variant_is_trained_with_every_seed(finished):
    out, report, told = finished
    assert report.failed.empty
    assert report.variants.set_index("variant")["runs"].to_dict() == {
        "main": 2,
        "positions": 2,
        "text-video": 2,
    }
    assert len(told) == 6
    assert told[0].startswith("[1/6] main, seed 0: ")
    assert report.settings["seeds"] == [0, 1]
    assert report.settings["wall_seconds"] > 0
    assert not list(out.glob("*/*/checkpoints"))
    assert Report.read(out / "report.json").to_json() == report.to_json()


def test_ranks_are_the_retrievers_own(finished, dataset):
    out, _, _ = finished
    model = FusionModel.from_pretrained(out / "main" / "seed-1")
    test = dataset.select(split="test")
    stored = by_task(pd.read_parquet(out / "main" / "seed-1" / "ranks.parquet"))
    retriever = Retriever(model, test)
    for query, gallery in [("text", "video+audio"), ("audio", "text"), ("text+video", "audio")]:
        expected = retriever.ranks(query, gallery)
        assert stored[Task(query, gallery)].tolist() == expected.tolist()


def test_with_several_captions_each_asks_and_the_clip_is_one_answer(finished, dataset):
    out, _, _ = finished
    model = FusionModel.from_pretrained(out / "main" / "seed-0")
    test = dataset.select(split="test")
    rows = [row for row in range(len(test)) for _ in range(2)]
    manifest = test.manifest.iloc[rows].reset_index(drop=True)
    second = manifest.index % 2 == 1
    manifest.loc[second, "text"] = "another " + manifest.text[second]
    manifest.loc[second, "clip_id"] += " again"
    twice = ClipDataset(
        test.folder,
        manifest,
        test.media,
        media_root=test.media_root,
        features=test.features,
        text_encoder=test.text_encoder,
    )
    asked, retriever = by_task(measure(model, twice)), Retriever(model, twice)
    once = by_task(measure(model, test))
    assert set(asked) == set(once)
    text, shown = asked[Task("text", "video")], asked[Task("video", "text")]
    assert text.index.tolist() == manifest.clip_id.tolist()
    assert shown.index.tolist() == test.manifest.clip_id.tolist()
    assert text.max() <= len(test)  # nine clips are looked through, not eighteen rows
    first = [one for one in text.index if not one.endswith(" again")]
    assert text[first].tolist() == once[Task("text", "video")].tolist()
    for task, ranks in asked.items():
        if task.how in ("joint", "late"):
            side = task.gallery + (" late" if task.how == "late" and "+" in task.gallery else "")
            query = task.query + (" late" if task.how == "late" and "+" in task.query else "")
            assert ranks.tolist() == retriever.ranks(query, side).tolist()
        assert ranks.index.is_unique


def test_late_fusion_is_the_mean_of_the_single_embeddings(finished, dataset):
    out, _, _ = finished
    model = FusionModel.from_pretrained(out / "main" / "seed-0")
    test = dataset.select(split="test")
    retriever = Retriever(model, test)
    late = retriever.embeddings("video") + retriever.embeddings("audio")
    late = late / late.norm(dim=1, keepdim=True)
    ranks = mmlab.rank_of_match(retriever.embeddings("text"), late)
    stored = by_task(pd.read_parquet(out / "main" / "seed-0" / "ranks.parquet"))
    assert stored[Task("text", "video+audio", "late")].tolist() == ranks.tolist()


def test_a_variant_without_sound_is_asked_what_it_can_be(finished):
    _, report, _ = finished
    asked = report.scores.groupby("variant")["gallery"].agg(set)
    assert asked["text-video"] == {"text", "video"}
    assert "video+audio" in asked["main"]
    ways = report.scores.groupby("variant")["how"].agg(set)
    assert "long, at once" in ways["main"]
    assert "long, at once" not in ways["positions"]
    assert "long, nearest" in ways["positions"]


def test_a_silent_clip_is_not_asked_for_its_sound(finished):
    _, report, _ = finished
    main = report.scores[(report.scores.variant == "main") & (report.scores.how == "joint")]
    clips = main.set_index(["query", "gallery"])["clips"]
    assert clips[("text", "video")] == 9
    assert clips[("text", "audio")] == 8


def test_finished_runs_are_not_repeated_and_more_are_added(finished, dataset, settings):
    out, report, _ = finished
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*/ranks.parquet")}
    told: list[str] = []
    more = replace(settings, seeds=3, only=("positions",))
    again = ablate(dataset.folder, out, more, tell=told.append)
    assert [line for line in told if "finished before" not in line] == told[4:]
    assert len(told) == 6
    assert {path: path.stat().st_mtime_ns for path in before} == before
    main = again.scores.set_index(["variant", "query", "gallery", "how"])["R@10 by seed"]
    key = ("main", "text", "video+audio", "joint")
    first = report.scores.set_index(["variant", "query", "gallery", "how"])["R@10 by seed"]
    assert tuple(main[key])[:2] == tuple(first[key])
    assert again.settings["wall_seconds"] > report.settings["wall_seconds"]


def copy_of(finished, folder):
    shutil.copytree(finished[0], folder, dirs_exist_ok=True)
    return folder


def test_a_damaged_report_is_named_before_the_work(finished, dataset, settings, tmp_path):
    out = copy_of(finished, tmp_path)
    for content in ('{"a"', "[1]", "3", '{"settings": {}}', "null"):
        (out / "report.json").write_text(content)
        with pytest.raises(ValueError, match=r"report\.json is damaged .*delete it"):
            ablate(dataset.folder, out, settings, tell=pytest.fail)
        assert (out / "report.json").read_text() == content


def test_a_lost_report_is_made_of_the_finished_runs(finished, dataset, settings, tmp_path):
    out = copy_of(finished, tmp_path)
    (out / "report.json").unlink()
    told: list[str] = []
    report = ablate(dataset.folder, out, replace(settings, seeds=1), tell=told.append)
    assert len(told) == 3
    assert all("finished before" in line for line in told)
    own = report.variants["training_seconds"] + report.variants["asking_seconds"]
    assert own.sum() <= report.settings["wall_seconds"] + 0.1


def test_a_run_whose_results_are_damaged_is_named(finished, dataset, settings, tmp_path):
    out = copy_of(finished, tmp_path)
    (out / "main" / "seed-0" / "ablation.json").write_text('{"identity": {}')
    with pytest.raises(ValueError, match=r"seed-0.ablation\.json is damaged .*delete it"):
        ablate(dataset.folder, out, settings, tell=pytest.fail)


def test_a_file_for_the_runs_is_refused_at_once(dataset, settings, tmp_path):
    file = tmp_path / "out"
    file.write_text("something else")
    with pytest.raises(ValueError, match="out is a file; give --out a folder"):
        ablate(dataset.folder, file, settings, tell=pytest.fail)
    assert file.read_text() == "something else"


def test_runs_of_other_settings_are_refused_by_the_field(finished, dataset, settings):
    out, _, _ = finished
    longer = replace(settings, train=replace(TRAIN, epochs=2))
    with pytest.raises(ValueError, match=r"seed-0 .*train\.epochs is 1, asked for is 2.*--out"):
        ablate(dataset.folder, out, longer)


def test_an_interrupted_run_counts_as_unfinished(dataset, tiny, tmp_path, monkeypatch):
    settings = GridSettings(TRAIN, tiny, seeds=1, only=("main",))
    (run,) = plan(dataset, tmp_path, settings)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs_module, "measure", stop)
        with pytest.raises(KeyboardInterrupt):
            ablate(dataset.folder, tmp_path, settings, tell=lambda _: None)
    assert not runs_module.is_finished(run)
    assert (tmp_path / "report.json").exists()
    report = ablate(dataset.folder, tmp_path, settings, tell=lambda _: None)
    assert report.variants["runs"].tolist() == [1]


def test_a_run_that_fails_takes_no_other_down(dataset, tiny, tmp_path, monkeypatch):
    def fail_for_positions(model, clips):
        if model.config.positions:
            raise ValueError("made up")
        return measure(model, clips)

    monkeypatch.setattr(runs_module, "measure", fail_for_positions)
    settings = GridSettings(TRAIN, tiny, seeds=1, only=("positions", "text-video"))
    report = ablate(dataset.folder, tmp_path, settings, tell=lambda _: None)
    assert report.failed.to_dict("records") == [
        {"variant": "positions", "seed": 0, "error": "ValueError: made up"}
    ]
    assert set(report.variants["variant"]) == {"main", "text-video"}


def test_several_processes_give_the_same_and_report_failures(finished, dataset, settings, tmp_path):
    out, _, _ = finished
    blocked = tmp_path / "positions"
    blocked.write_text("a file where a folder has to be")
    several = replace(settings, seeds=1, workers=2, only=("positions",))
    found = ablate(dataset.folder, tmp_path, several, tell=lambda _: None)
    assert found.failed["variant"].tolist() == ["positions"]
    ranks = [pd.read_parquet(one / "main" / "seed-0" / "ranks.parquet") for one in (out, tmp_path)]
    pd.testing.assert_frame_equal(*ranks)


def test_a_dataset_without_sound_is_refused(dataset, settings, tmp_path, monkeypatch):
    mute = ClipDataset(
        dataset.folder,
        dataset.manifest,
        dataset.media,
        media_root=dataset.media_root,
        features={name: dataset.features[name] for name in ("text", "video")},
    )
    with pytest.raises(ValueError, match="has no audio"):
        plan(mute, tmp_path, settings)


def test_long_clips_are_steps_in_a_row_with_all_their_words(dataset):
    test = dataset.select(split="test")
    long = long_clips(test, steps=3)
    assert len(long) == 4  # two in each video of four clips, none in the one with a single clip
    first = long.manifest.iloc[0]
    assert (first.start_seconds, first.end_seconds) == (0, 6)
    assert first.text == "red 0 red 2 red 4"
    assert len(set(long.manifest.clip_id)) == 4
    assert np.allclose(
        long[0].tokens["video"], dataset.window(first.media_id, 0, 6).tokens["video"]
    )
    assert len(long_clips(test, steps=5)) == 0


def test_another_caption_of_the_same_clip_makes_no_step(dataset):
    test = dataset.select(split="test")
    twice = test.select(rows=[row for row in range(len(test)) for _ in range(2)])
    assert long_clips(twice).manifest.text.tolist() == long_clips(test).manifest.text.tolist()


def test_strategies_read_what_a_training_clip_has_or_four_times_as_much(dataset):
    found = {
        strategy: (*sizes(read, dataset.features), read.clips)
        for strategy in ("at_once", "nearest", "max_pool", "clips")
        for read in [LongClips.msrvtt(strategy)]
    }
    assert found == {
        "at_once": (32, 3072, None, 1),
        "nearest": (8, 3072, 12, 1),
        "max_pool": (8, 3072, 12, 1),
        "clips": (8, 768, None, 4),
    }


@pytest.mark.parametrize("field", ["seeds", "workers"])
def test_less_than_one_is_refused(field):
    with pytest.raises(ValueError, match="1 or more"):
        GridSettings(TRAIN, **{field: 0})


def test_a_finished_run_says_what_it_was(finished):
    out, _, _ = finished
    about = json.loads((out / "positions" / "seed-1" / "ablation.json").read_text())
    assert about["identity"]["variant"] == "positions"
    assert about["identity"]["model"]["positions"] is True
    assert about["identity"]["train"]["seed"] == 1
    assert about["parameters"] > 0
