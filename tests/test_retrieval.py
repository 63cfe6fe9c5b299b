"""The retriever against one-by-one embedding, and its answers to bad questions."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import tyro

import mmlab
from mmlab.about import FeatureInfo, StreamInfo
from mmlab.cli import evaluation
from mmlab.media_features import MediaFeatures
from mmlab.readers.captions import usable_captions
from mmlab.runs import model_config
from mmlab.types import all_combinations, pad_tokens
from mmlab.writing import write_dataset


@pytest.fixture(scope="module")
def retriever(tiny_run):
    return mmlab.Retriever(*mmlab.open_run(tiny_run))


def test_embeddings_equal_those_of_single_clips(retriever):
    for names in all_combinations():
        together = retriever.embeddings(names)
        for row in range(len(retriever.dataset)):
            alone = retriever.model.embed(retriever.dataset.batch([row]), [names]).vectors[names]
            torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=0)


def test_search_ranks_as_sorting_all_scores_would(retriever):
    hits = retriever.search(text="a red square", among="video+audio", top=3)
    scores = retriever.embeddings("video+audio") @ retriever.query(text="a red square")
    expected = np.sort(scores.numpy())[::-1][:3]
    np.testing.assert_allclose(hits.score, expected, atol=1e-6)
    assert hits["rank"].tolist() == [1, 2, 3]


def test_a_clip_finds_itself_by_its_own_picture(retriever):
    manifest = retriever.dataset.manifest
    for clip_id in manifest.clip_id[manifest.media_id != "only sound.mp4"]:
        assert retriever.search(video=clip_id, among="video", top=1).clip_id[0] == clip_id


def test_a_file_asks_like_the_clip_that_covers_it(retriever, media_folder):
    whole = retriever.dataset.manifest.query("media_id == 'green left.mp4'").clip_id.iloc[0]
    by_file = retriever.query(video=media_folder / "green left.mp4")
    torch.testing.assert_close(by_file, retriever.query(video=whole), atol=2e-3, rtol=0)


def test_all_modalities_fuse_into_one_question(retriever):
    row = int(retriever.dataset.manifest.media_id.eq("red right.mp4").argmax())
    clip = retriever.dataset[row]
    fused = retriever.query(text=clip.text, video=clip.clip_id, audio=clip.clip_id)
    torch.testing.assert_close(
        fused, retriever.embeddings("text+video+audio")[row], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({}, "an empty question"),
        ({"text": "?!"}, "no word that the model knows"),
        ({"video": "no-such-clip"}, "neither in this selection .* nor a file"),
        ({"smell": "x"}, "a combination is one or more"),
    ],
)
def test_bad_questions_are_named(retriever, question, message):
    with pytest.raises(ValueError, match=message):
        retriever.search(**question)


def test_what_is_long_is_cut_in_the_sentence_about_it(retriever):
    for question in ({"audio": "no/such/" * 600}, {"text": "?! " * 2000}):
        with pytest.raises(ValueError, match="…” (is neither|holds no word)") as raised:
            retriever.search(**question)
        assert len(str(raised.value)) < 200


def test_a_silent_clip_cannot_ask_with_its_sound(retriever):
    silent = retriever.dataset.manifest.query("media_id == 'blue mute.mp4'").clip_id.iloc[0]
    with pytest.raises(ValueError, match="holds no audio"):
        retriever.search(audio=silent)


def test_evaluate_covers_every_direction_between_disjoint_combinations(retriever):
    table = retriever.evaluate()
    directions = set(zip(table["query"], table["gallery"], strict=True))
    assert len(directions) == len(table) == 12
    assert ("text", "video+audio") in directions
    there = table.clips / (table.clips + table.missing)
    np.testing.assert_allclose(table["R@10"], 100 * there)  # five clips only
    assert (table.missing > 0).any()
    assert (table["R@1 low"] <= table["R@1"]).all()


def test_every_second_of_a_video_is_scored(retriever):
    scores = retriever.score_seconds("red right.mp4", ["a red square", "blue"], among="video")
    assert scores.shape == (3, 2)
    window = retriever.dataset.window("red right.mp4", 0, 3)
    batch = {"video": pad_tokens([window.tokens["video"]], window.tokens["video"].shape[1])}
    whole = retriever.model.embed(batch).vectors[("video",)][0]
    query = retriever.query(text="a red square")
    assert scores[1, 0] == pytest.approx(float(whole @ query), abs=1e-5)


def mmlab_command(*arguments):
    command = [sys.executable, "-c", "from mmlab.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_command_line_search_prints_json(tiny_run):
    done = mmlab_command("search", tiny_run, "red", "--in", "video", "--top", 2, "--json")
    assert done.returncode == 0, done.stderr
    hits = json.loads(done.stdout)
    assert [hit["rank"] for hit in hits] == [1, 2]


def test_command_line_embeds_and_localizes(tiny_run, media_folder, tmp_path):
    done = mmlab_command("embed", tiny_run, "--out", tmp_path / "vectors")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "vectors" / "embeddings.safetensors").stat().st_size > 1000
    (tmp_path / "steps.txt").write_text("a red square\nmoves on\n")
    video = media_folder / "red right.mp4"
    done = mmlab_command("localize", tiny_run, video, "--steps", tmp_path / "steps.txt")
    assert done.returncode == 0, done.stderr
    found = [line.split("  ")[-1] for line in done.stdout.splitlines()]
    assert found == ["a red square", "moves on"]


def asked(command, *arguments):
    """A command as the shell would give it its arguments."""
    tyro.cli(command, args=[str(argument) for argument in arguments])


def test_command_line_evaluation_is_the_retrievers_own(tiny_run, retriever, tmp_path, capsys):
    asked(
        evaluation.evaluate, tiny_run, "--all", "--late", "--json", "--out", tmp_path / "table.csv"
    )
    expected = retriever.matrix(late=True)
    printed = pd.DataFrame(json.loads(capsys.readouterr().out))
    written = pd.read_csv(tmp_path / "table.csv")
    for found in (printed, written):
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-6)


def test_command_line_evaluation_prints_what_is_missing(tiny_run, capsys):
    asked(evaluation.evaluate, tiny_run, "--total", "10")
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.startswith("5 clips of the split test")
    assert len(lines) == 12
    heard = next(line for line in lines if line.startswith("text → audio "))
    assert "R@50  40.0 [" in heard
    assert heard.endswith("MedR corrected 10.0  (6 missing)")
    asked(evaluation.evaluate, tiny_run)
    heard = next(line for line in capsys.readouterr().out.splitlines() if "text → audio " in line)
    assert "R@50  80.0 [" in heard
    assert heard.endswith("(1 missing)")


def test_command_line_evaluation_checks_where_to_write_before_the_work(
    tiny_run, tmp_path, monkeypatch
):
    def work(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.setattr(evaluation, "_retriever", work)
    with pytest.raises(ValueError, match="is a folder; give --out the name of a file"):
        asked(evaluation.evaluate, tiny_run, "--out", tmp_path)
    with pytest.raises(AssertionError, match="the work began"):
        asked(evaluation.evaluate, tiny_run, "--out", tmp_path / "new" / "folder" / "table.csv")
    assert (tmp_path / "new" / "folder").is_dir()


@pytest.mark.parametrize("strategy", ["at_once", "nearest", "max_pool", "clips"])
def test_command_line_takes_every_way_of_reading_long_clips(tiny_run, strategy, tmp_path, capsys):
    asked(evaluation.evaluate, tiny_run, "--strategy", strategy, "--lengths", "youcook2", "--json")
    table = pd.DataFrame(json.loads(capsys.readouterr().out))
    assert len(table) == 12
    asked(evaluation.embed, tiny_run, "--out", tmp_path, "--strategy", strategy)
    assert (tmp_path / "embeddings.safetensors").exists()


def test_command_line_errors_are_one_sentence(tiny_run, tmp_path):
    done = mmlab_command("search", tmp_path, "red")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "mmlab train" in done.stderr


def test_clips_without_a_modality_take_no_part_in_it(retriever):
    heard = set(retriever.search(text="red", among="audio", top=9).media_id)
    assert heard == {"red right.mp4", "green left.mp4", "only sound.mp4"}
    assert len(retriever.ranks("video", "audio")) == 3
    counts = retriever.evaluate().set_index(["query", "gallery"]).clips
    assert counts["text", "video+audio"] == 5
    assert counts["text", "audio"] == 4


def test_an_empty_selection_and_an_unknown_split_are_named(tiny_run, retriever):
    with pytest.raises(ValueError, match="selection is empty"):
        mmlab.Retriever(retriever.model, retriever.dataset.select(split="nosuch"))
    done = mmlab_command("search", tiny_run, "red", "--split", "nosuch")
    assert done.returncode != 0
    assert "it has test (5)" in done.stderr


def test_a_file_has_as_many_seconds_as_the_same_video_of_the_dataset(retriever, media_folder):
    # its sound is a few milliseconds longer than its three seconds of picture
    steps = ["a red square"]
    listed = retriever.score_seconds("red right.mp4", steps)
    from_file = retriever.score_seconds(media_folder / "red right.mp4", steps)
    assert listed.shape == from_file.shape == (3, 1)
    np.testing.assert_allclose(listed, from_file, atol=2e-3)


def test_published_streams_are_searched_and_scored_by_second(tiny_run, tmp_path):
    """Their modality has no tensor of its own; each second is merged by itself."""
    generator = np.random.default_rng(0)
    tokens = {"video.2d": generator.random((5, 4)), "video.3d": generator.random((7, 3))}
    features = MediaFeatures(duration_seconds=5.0, tokens=tokens)
    streams = (StreamInfo("2d", 4, 1.0), StreamInfo("3d", 3, 1.5))
    table = pd.DataFrame({"video": ["a"] * 2, "start_seconds": [0, 2], "end_seconds": [2, 5]})
    captions = usable_captions(table.assign(text=["one", "two"]), "a test")
    info = {"video": FeatureInfo("published", 7, 1.5, streams=streams)}
    dataset = write_dataset(tmp_path, {"a": lambda: features}, captions, info, progress=False)
    retriever = mmlab.Retriever(mmlab.FusionModel(model_config(dataset.features)), dataset)
    assert len(retriever.search(text="one", among="video")) == 2
    scores = retriever.score_seconds("a", ["one", "two"], among="video", radius_seconds=0)
    assert scores.shape == (5, 2)
    window = {"video": dataset.collate([dataset.window("a", 3, 4)])["video"]}
    alone = retriever.model.embed(window).vectors[("video",)][0]
    assert scores[3, 1] == pytest.approx(float(alone @ retriever.query(text="two")), abs=1e-5)
    with pytest.raises(ValueError, match="cannot be made of new media"):
        retriever.query(video=tmp_path / "manifest.parquet")
