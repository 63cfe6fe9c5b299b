import errno
import json

import av
import numpy as np
import pandas as pd
import pytest

from mmlab.sample import ceilings, corpus, files, load_truth, make_corpus
from mmlab.sample.formats import frame_labels
from mmlab.sample.movie import render
from mmlab.sample.plan import plan_video
from mmlab.sample.scene import video_frames
from mmlab.sample.sound import SAMPLE_RATE, sound_track, word
from mmlab.sample.vocabulary import spoken_words
from mmlab.sample.world import FRAMES_PER_SECOND

VIDEOS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("un été") / "sample"
    make_corpus(path, videos=VIDEOS, seed=2, workers=2)
    return path


def decoded(path):
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        samples = [f.to_ndarray() for f in container.decode(audio=0)]
    return np.stack(frames), np.concatenate(samples, axis=1)


def test_videos_are_h264_and_aac_of_the_planned_length(folder):
    for index in range(VIDEOS):
        plan = plan_video(2, index)
        path = folder / "videos" / f"{plan.video_id}.mp4"
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.name == "h264"
            assert container.streams.audio[0].codec_context.name == "aac"
        frames, samples = decoded(path)
        assert len(frames) == plan.duration_seconds * FRAMES_PER_SECOND
        assert samples.shape[1] / SAMPLE_RATE == pytest.approx(plan.duration_seconds, abs=0.15)


def test_another_process_draws_the_same_pixels_and_samples(folder, tmp_path):
    again = tmp_path / "again.mp4"
    again.write_bytes(render(plan_video(2, 1)))
    for one, other in zip(decoded(again), decoded(folder / "videos/video0001.mp4"), strict=True):
        assert np.array_equal(one, other)


def test_the_decoded_picture_is_the_drawn_one(folder):
    frames, _ = decoded(folder / "videos/video0002.mp4")
    drawn = np.stack([np.asarray(image) for image in video_frames(plan_video(2, 2))])
    assert np.abs(frames.astype(float) - drawn).mean() < 6


def test_sound_is_where_the_truth_says():
    plan = next(plan_video(2, i) for i in range(20))
    track = sound_track(plan)
    loud = np.abs(track) > 0.1
    for step in plan.steps:
        for spoken in step.words:
            start, end = spoken.start_seconds, spoken.end_seconds
            assert loud[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)].any()
    assert not loud[-int(0.1 * SAMPLE_RATE) :].any()


def test_every_word_sounds_different_whoever_speaks():
    def spectrum(name, pitch_hertz):
        halves = np.split(word(name, pitch_hertz), 2)
        bands = [
            np.abs(np.fft.rfft(half))[: 36 * 45].reshape(36, 45).sum(axis=1) for half in halves
        ]
        return np.concatenate(bands) / np.linalg.norm(np.concatenate(bands))

    low = np.stack([spectrum(name, 95) for name in spoken_words()])
    high = np.stack([spectrum(name, 170) for name in spoken_words()])
    assert np.array_equal((low @ high.T).argmax(axis=1), np.arange(len(low)))


def test_captions_table(folder):
    table = pd.read_csv(folder / "captions.csv")
    assert list(table)[:6] == ["video", "start_seconds", "end_seconds", "text", "split", "task_id"]
    assert len(table) == sum(len(plan_video(2, i).steps) for i in range(VIDEOS))
    assert all((folder / "videos" / name).exists() for name in table["video"])
    assert table["text"].notna().all()
    tasks = table.groupby("video")[["split", "task_id"]].nunique()
    assert (tasks == 1).all().all()


def test_truth_holds_the_plan(folder):
    truth = load_truth(folder)
    assert len(truth["held_out_pairs"]) == 40
    for video, index in zip(truth["videos"], range(VIDEOS), strict=True):
        plan = plan_video(2, index)
        assert video["duration_seconds"] == plan.duration_seconds
        assert [s["caption"] for s in video["steps"]] == [s.caption for s in plan.steps]
        assert [s["seen"] for s in video["steps"]] == [s.seen for s in plan.steps]


def test_ceilings_are_written_as_they_are_computed(folder):
    written = pd.read_csv(folder / "ceilings.csv", index_col="direction")
    test = written[written["split"] == "test"]
    assert np.allclose(test["R@5"], ceilings(folder, "test")["R@5"])
    with pytest.raises(ValueError, match="no clip of split 'validation'"):
        ceilings(folder, "validation")


def test_crosstask_files_parse_back(folder):
    lines = (folder / "crosstask/tasks_primary.txt").read_text().split("\n")
    blocks = [lines[start : start + 6] for start in range(0, len(lines) - 1, 6)]
    steps = {}
    for task_id, _, _, count, names, blank in blocks:
        assert blank == ""
        assert len(names.split(",")) == int(count)
        steps[task_id] = names.split(",")
    for line in (folder / "crosstask/videos.csv").read_text().splitlines():
        task_id, video_id, url = line.split(",")
        assert (folder / url).exists()
        plan = plan_video(2, int(video_id.removeprefix("video")))
        rows = (folder / f"crosstask/annotations/{task_id}_{video_id}.csv").read_text()
        for row, step in zip(rows.splitlines(), plan.steps, strict=True):
            number, start, end = row.split(",")
            name = f"{step.attributes['action']} the {step.attributes['ingredient']}"
            assert steps[task_id][int(number) - 1] == name
            assert (float(start), float(end)) == (step.start_seconds, step.end_seconds)


def test_mining_youtube_files_parse_back(folder):
    youtube = folder / "mining_youtube"
    classes = (youtube / "weakYouTube_dict.txt").read_text().splitlines()
    assert len(classes) == 161
    assert classes[-1] == "background"
    names = (youtube / "videos_test.txt").read_text().split()
    assert names == ["video0003"]
    text = (youtube / "transcripts/video0003.txt").read_text()
    assert text.endswith("\n")
    labels = (youtube / "groundTruth/video0003.gt").read_text().splitlines()
    assert labels == frame_labels(plan_video(2, 3))
    changed = [b for a, b in zip(["", *labels], labels, strict=False) if a != b]
    assert text.split() == changed
    assert changed[::2] == ["background"] * (len(plan_video(2, 3).steps) + 1)
    assert set(labels) <= set(classes)


def test_an_interrupted_run_is_continued(tmp_path, monkeypatch, capsys):
    made = []

    def interrupted(video):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(video.video_id)
        return b"a video"

    monkeypatch.setattr(corpus, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_corpus(tmp_path, videos=3, workers=1)
    (tmp_path / "videos/video0001.mp4.77.part").write_bytes(b"half")
    first = tmp_path / "videos/video0000.mp4"
    before = first.stat().st_mtime_ns
    monkeypatch.setattr(corpus, "render", lambda video: b"another")
    make_corpus(tmp_path, videos=3, workers=1)
    assert first.stat().st_mtime_ns == before
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == [
        f"video{index:04d}.mp4" for index in range(3)
    ]
    assert "2 videos made, 1 were there already" in capsys.readouterr().out


def test_a_larger_corpus_begins_with_the_smaller_one(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "render", lambda video: video.video_id.encode())
    make_corpus(tmp_path, videos=2, workers=1)
    monkeypatch.setattr(corpus, "render", lambda video: b"new")
    make_corpus(tmp_path, videos=3, workers=1)
    assert (tmp_path / "videos/video0001.mp4").read_bytes() == b"video0001"
    assert (tmp_path / "videos/video0002.mp4").read_bytes() == b"new"


@pytest.mark.parametrize("changed", [{"seed": 1}, {"videos": 1}])
def test_two_corpora_are_never_mixed(tmp_path, monkeypatch, changed):
    monkeypatch.setattr(corpus, "render", lambda video: b"")
    make_corpus(tmp_path, videos=2, workers=1)
    with pytest.raises(ValueError, match="holds another corpus.*delete the folder"):
        make_corpus(tmp_path, **({"videos": 2, "workers": 1} | changed))
    assert json.loads((tmp_path / "stamp.json").read_text())["videos"] == 2


def test_a_full_disk_names_file_and_mend(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(corpus, "render", lambda video: b"")
    make_corpus(tmp_path, videos=1, workers=1)
    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space left on device; free some space.*stamp.json"):
        make_corpus(tmp_path, videos=2, workers=1)
    assert not list(tmp_path.rglob("*.part"))


def test_no_corpus_no_truth(tmp_path):
    with pytest.raises(FileNotFoundError, match="run `mmlab sample` first"):
        load_truth(tmp_path)
