"""The commands that find steps, called as the command line calls them."""

import errno
import itertools
import json
import os
import shutil

import pytest
import tyro

import mmlab
from mmlab.cli.localization import evaluate_steps, localize
from mmlab.readers.subtitles import read_subtitles
from tests.conftest import untrained_run


@pytest.fixture(scope="module")
def run(media_folder, tmp_path_factory):
    """An untrained model on two short videos, one of them of the split "test"."""
    clips = "red right.mp4,0,3,a red square,test\ngreen left.mp4,0,2.5,green to the left,train\n"
    return untrained_run(media_folder, tmp_path_factory.mktemp("run"), clips)


@pytest.fixture
def crosstask(tmp_path):
    folder = tmp_path / "crosstask"
    (folder / "annotations").mkdir(parents=True)
    (folder / "tasks_primary.txt").write_text("5\nSquares\nurl\n2\na red square,moves on\n")
    (folder / "videos.csv").write_text("5,red right,url\n5,green left,url\n")
    (folder / "annotations" / "5_red right.csv").write_text("1,0,1\n2,2,3\n9,0,1\n")
    (folder / "annotations" / "5_green left.csv").write_text("1,0,1\n")
    return folder


@pytest.fixture
def mining_youtube(tmp_path):
    folder = tmp_path / "mining"
    folder.mkdir()
    (folder / "weakYouTube_dict.txt").write_text("red_square\nbackground\n")
    (folder / "red right.grammar").write_text("background red_square\n")
    (folder / "red right.gt").write_text("background\n" * 4 + "red_square\n" * 8)
    return folder


def test_crosstask_as_json(run, crosstask, capsys):
    evaluate_steps(run, crosstask, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["benchmark"], told["among"], told["steps"]["videos"]) == (
        "crosstask", "video+audio", 1,
    )  # fmt: skip
    model, dataset = mmlab.open_run(run)
    retriever = mmlab.Retriever(model, dataset.select(split="test"))
    result = mmlab.evaluation.localization.localize_videos(
        retriever, mmlab.read_crosstask(crosstask)
    )
    assert told["steps"]["recall"] == result.table().to_dict(orient="index")
    listed = {name for name, _ in told["steps"]["skipped"]}
    assert listed == {"green left", "5_red right.csv line 3"}


def test_the_form_of_the_scores_is_chosen_and_told(run, crosstask, mining_youtube, capsys):
    (mining_youtube / "red right.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nred_square\n")
    forms = {}
    for folder, form in itertools.product(
        (crosstask, mining_youtube), (None, "similarity", "log_softmax")
    ):
        evaluate_steps(run, folder, scores=form, json=True)
        told = json.loads(capsys.readouterr().out)
        forms[folder.name, form] = told["steps"]["scores"]
        assert {row["scores"] for row in told["steps"]["recall"].values()} == {
            told["steps"]["scores"]
        }
    assert told["alignment"]["scores"] == "similarity, temperature 0.05"
    assert all(found == form for (_, form), found in forms.items() if form)
    assert (forms["crosstask", None], forms["mining", None]) == ("similarity", "log_softmax")
    evaluate_steps(run, crosstask, scores="log_softmax")
    assert "steps: 1 videos; scores: log_softmax; percent" in capsys.readouterr().out


def test_crosstask_as_tables(run, crosstask, capsys):
    evaluate_steps(run, crosstask, split="all", among="video")
    told = capsys.readouterr().out
    for word in ("2 videos", "micro_task", "upper_bound", "mAP", "R@1 at IoU 0.7", "step 9 of 2"):
        assert word in told


def test_mining_youtube_is_recognised(run, mining_youtube, capsys):
    evaluate_steps(run, mining_youtube, json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["benchmark"] == "mining-youtube"
    assert "steps" not in told
    assert 0 <= told["alignment"]["alignment"]["aligned"]["MoF"] <= 100
    (mining_youtube / "red right.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nred_square\n")
    evaluate_steps(run, mining_youtube)
    told = capsys.readouterr().out
    for word in ("IoD by segment without background", "evenly spread", "macro_video"):
        assert word in told


@pytest.fixture(scope="module")
def without_sound(run, tmp_path_factory):
    """The same model, of a dataset whose sound was not extracted."""
    folder = tmp_path_factory.mktemp("silent")
    shutil.copytree(run.parent, folder, dirs_exist_ok=True)
    about = json.loads((folder / "dataset" / "dataset.json").read_text())
    del about["features"]["audio"]
    (folder / "dataset" / "dataset.json").write_text(json.dumps(about))
    return folder / "model"


def test_without_sound_the_default_is_the_picture(
    run, without_sound, crosstask, media_folder, tmp_path, capsys
):
    evaluate_steps(without_sound, crosstask, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["among"], told["steps"]["videos"]) == ("video", 1)
    steps = tmp_path / "steps.txt"
    steps.write_text("a red square\nmoves on\n")
    localize(without_sound, media_folder / "red right.mp4", steps)
    silent = capsys.readouterr().out
    localize(run, media_folder / "red right.mp4", steps, among="video")
    assert capsys.readouterr().out == silent


@pytest.mark.parametrize("option", ["--in", "--among"])
def test_both_names_of_the_option(run, crosstask, media_folder, tmp_path, option, capsys):
    tyro.cli(evaluate_steps, args=[str(run), str(crosstask), option, "video", "--json"])
    assert json.loads(capsys.readouterr().out)["among"] == "video"
    (tmp_path / "steps.txt").write_text("a red square\n")
    file = [str(media_folder / "red right.mp4"), "--steps", str(tmp_path / "steps.txt")]
    tyro.cli(localize, args=[str(run), *file, option, "audio"])
    assert capsys.readouterr().out.endswith("a red square\n")


def test_a_folder_of_neither_is_named(run, tmp_path):
    with pytest.raises(ValueError, match="neither tasks_primary.txt .* nor weakYouTube_dict.txt"):
        evaluate_steps(run, tmp_path)


def test_localize_prints_each_step_in_order(run, media_folder, tmp_path, capsys):
    steps = tmp_path / "steps.txt"
    steps.write_text("a red square\n\nmoves on\n")
    localize(run, media_folder / "red right.mp4", steps)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit("  ", 1)[1] for line in lines] == ["a red square", "moves on"]
    assert lines[0].split()[0] < lines[1].split()[0]
    steps.write_text("\n")
    with pytest.raises(ValueError, match="holds no step"):
        localize(run, media_folder / "red right.mp4", steps)


def test_words_that_nobody_knows_are_told_beside_the_answer(run, media_folder, tmp_path, capsys):
    steps = tmp_path / "steps.txt"
    steps.write_text("a red sqare\nqwzxv left\n")
    localize(run, media_folder / "red right.mp4", steps, json=True)
    told = capsys.readouterr()
    assert told.err == (
        "mmlab: no caption has “sqare” (alike: square) or “qwzxv” (nothing alike)\n"
    )
    assert len(json.loads(told.out)["segments"]) == 2
    steps.write_text("a red square\n")
    localize(run, media_folder / "red right.mp4", steps)
    assert not capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_before_the_work(run, tmp_path):
    (tmp_path / "steps.txt").write_text("a red square\n")
    (tmp_path / "found.vtt").mkdir()
    with pytest.raises(ValueError, match=r"found.vtt is a folder; give --out the name of a file"):
        localize(run, "no such video.mp4", tmp_path / "steps.txt", out=tmp_path / "found.vtt")


def test_localize_writes_what_it_prints(run, media_folder, tmp_path, capsys):
    (tmp_path / "steps.txt").write_text("a red square\nmoves on\n")
    file = (run, media_folder / "red right.mp4", tmp_path / "steps.txt")
    localize(*file, out=tmp_path / "found.vtt", json=True)
    told = json.loads(capsys.readouterr().out)
    read = read_subtitles(tmp_path / "found.vtt").table
    assert read.text.tolist() == [row["step"] for row in told["segments"]]
    assert read.start_seconds.tolist() == [row["start_seconds"] for row in told["segments"]]
    assert "red right.mp4; model " in told["about"]
    with pytest.raises(ValueError, match=r"kept as .json, .csv, .vtt, found '.txt'"):
        localize(*file, out=tmp_path / "found.txt")


def test_what_cannot_be_written_is_printed_all_the_same(run, tmp_path, capsys, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("mmlab.evaluation.segment_files.write_atomically", full)
    (tmp_path / "steps.txt").write_text("a red square\nmoves on\n")
    with pytest.raises(OSError, match="No space left"):
        localize(run, "red right.mp4", tmp_path / "steps.txt", out=tmp_path / "found.vtt")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_single_line_gets_its_best_moments(run, media_folder, tmp_path, capsys):
    (tmp_path / "steps.txt").write_text("a red square")
    localize(run, "red right.mp4", tmp_path / "steps.txt", json=True)
    of_dataset = json.loads(capsys.readouterr().out)["segments"]
    localize(run, media_folder / "red right.mp4", tmp_path / "steps.txt", json=True)
    of_file = json.loads(capsys.readouterr().out)["segments"]
    times = [[row["start_seconds"] for row in rows] for rows in (of_dataset, of_file)]
    assert times[0] == times[1]
    assert {row["step"] for row in of_file} == {"a red square"}
