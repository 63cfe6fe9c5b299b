"""CrossTask in exactly the published format, and the prepared matrices."""

import json

import numpy as np
import pytest

from mmlab.readers.captions import read_captions
from mmlab.readers.crosstask import read_crosstask, read_crosstask_tasks, read_prepared
from mmlab.readers.localization import LocalizationVideo

TASKS = """23521
Make Jello Shots
https://example.org/23521
3
pour water,stir mixture,pour into cups

40567
Jack Up a Car
https://example.org/40567
2
brake on,get things out
"""


def crosstask(folder):
    (folder / "annotations").mkdir()
    (folder / "tasks_primary.txt").write_text(TASKS)
    (folder / "videos.csv").write_text("23521,abc_1,url\n23521,none,url\n40567,xy,url\n")
    (folder / "annotations" / "23521_abc_1.csv").write_text("1,2.5,6.0\n3,10.2,12.9\n1,20,21.0\n")
    (folder / "annotations" / "40567_xy.csv").write_text("2,0,4\n")
    return folder


def test_crosstask_layout(tmp_path):
    videos = read_crosstask(crosstask(tmp_path))
    one, other = videos
    assert (one.task_id, one.video_id, one.split) == ("23521", "abc_1", "all")
    assert one.steps == ("pour water", "stir mixture", "pour into cups")
    assert one.segments == ((0, 2.5, 6.0), (2, 10.2, 12.9), (0, 20.0, 21.0))
    assert other.segments == ((1, 0.0, 4.0),)
    assert videos.skipped == []
    truth = one.truth(25)
    assert truth[:, 0].nonzero()[0].tolist() == [2, 3, 4, 5, 20]
    assert not truth[:, 1].any()
    assert truth[:, 2].nonzero()[0].tolist() == [10, 11, 12]


def test_the_held_out_videos_have_a_split_of_their_own(tmp_path):
    (crosstask(tmp_path) / "videos_val.csv").write_text("40567,xy,url\n")
    assert [video.split for video in read_crosstask(tmp_path)] == ["train", "val"]


def test_crosstask_as_captions(tmp_path):
    captions = read_captions(crosstask(tmp_path))
    assert captions.format == "CrossTask"
    assert captions.table.iloc[1].tolist() == [
        *("abc_1", 10.2, 12.9, "pour into cups", "all", "23521", 2)
    ]
    assert len(captions.table) == 4


def test_bad_lines_and_files_are_listed_and_the_good_ones_kept(tmp_path):
    folder = crosstask(tmp_path)
    annotations = folder / "annotations"
    lines = ["1,2.5,6.0", "4,1,2", "0,1,2", "1.5,1,2", "2,5,5", "2,-1,3", "2,nan,3", "2,1", "x,1,2"]
    (annotations / "23521_abc_1.csv").write_text("\n".join(lines))
    (annotations / "40567_xy.csv").write_bytes(b"\xff\xfd")
    (annotations / "40567_orphan.csv").write_text("1,1,2\n")
    with (folder / "videos.csv").open("a") as file:
        file.write("99,zz,url\n../..,x,url\nonly\n")
    (annotations / "99_zz.csv").write_text("1,1,2\n")
    videos = read_crosstask(folder)
    assert [video.segments for video in videos] == [((0, 2.5, 6.0),)]
    reasons = dict(videos.skipped)
    assert len(videos.skipped) == len(reasons) == 13
    assert "step 4 of 3" in reasons["23521_abc_1.csv line 2"]
    assert "UTF-8" in reasons["40567_xy.csv"]
    assert reasons["40567_orphan.csv"] == "its video is not in videos.csv"
    assert reasons["99_zz.csv"] == "its task is not in the task files"
    assert {"videos.csv line 5", "videos.csv line 6"} <= reasons.keys()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\n3\n", "\n4\n", "says '4' steps but lists 3"),
        ("stir mixture", "", "says '3' steps but lists 2"),
        ("Make Jello Shots\n", "", "has 4 lines in place of 5"),
    ],
)
def test_a_bad_task_is_listed_and_the_next_one_read(tmp_path, old, new, words):
    path = tmp_path / "tasks_primary.txt"
    path.write_text(TASKS.replace(old, new))
    tasks, skipped = read_crosstask_tasks(path)
    assert tasks == {"40567": ("brake on", "get things out")}
    assert skipped == [("tasks_primary.txt line 1, task '23521'", words)]


def test_a_file_without_tasks_is_refused(tmp_path):
    (tmp_path / "tasks_primary.txt").write_text("hello\n")
    with pytest.raises(ValueError, match=r"tasks_primary\.txt: holds no task"):
        read_crosstask_tasks(tmp_path / "tasks_primary.txt")


def test_truth_needs_a_length():
    video = LocalizationVideo("1", "v", ("a",), ((0, 1.0, 2.0),))
    with pytest.raises(ValueError, match="v: its length is unknown"):
        video.truth()


@pytest.mark.parametrize("has_tasks", [True, False], ids=["CrossTask", "MiningYouTube"])
def test_prepared_matrices_come_back_as_they_are(tmp_path, has_tasks):
    generator = np.random.default_rng(0)
    truth = {video: generator.random((30, 4)) < 0.4 for video in ("a_b", "-c", "empty")}
    truth["empty"][:] = False
    lines = ["video_id,task", "a_b,7", "-c,7", "empty,7"] if has_tasks else ["video_id", *truth]
    (tmp_path / "videos.csv").write_text("\n".join(lines))
    texts = ["one", "two", "three", "four"]
    keys = ["7"] if has_tasks else list(truth)
    (tmp_path / "steps.json").write_text(json.dumps(dict.fromkeys(keys, texts)))
    for video, matrix in truth.items():
        name = f"7_{video}" if has_tasks else video
        np.save(tmp_path / f"{name}.npy", matrix.astype(np.float64 if has_tasks else np.uint8))
    videos = read_prepared(tmp_path / "videos.csv", tmp_path, tmp_path / "steps.json")
    assert videos.skipped == []
    assert [video.video_id for video in videos] == list(truth)
    for video in videos:
        assert (video.truth() == truth[video.video_id]).all()
        assert video.truth(40).shape == (40, 4)
        assert video.steps == tuple(texts)
        assert video.task_id == ("7" if has_tasks else "")


def test_bad_matrices_are_listed(tmp_path):
    names = ["good", "missing", "wide", "values", "flat", "broken", "notext", "words", "../up"]
    (tmp_path / "videos.csv").write_text("\n".join(["video_id", *names]))
    texts = {name: ["one", "two"] for name in names if name != "notext"}
    (tmp_path / "steps.json").write_text(json.dumps(texts))
    np.save(tmp_path / "good.npy", np.eye(2))
    np.save(tmp_path / "notext.npy", np.eye(2))
    np.save(tmp_path / "wide.npy", np.zeros((5, 3)))
    np.save(tmp_path / "values.npy", np.full((5, 2), 0.5))
    np.save(tmp_path / "flat.npy", np.zeros(5))
    np.save(tmp_path / "words.npy", np.full((5, 2), "1"))
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00")
    videos = read_prepared(tmp_path / "videos.csv", tmp_path, tmp_path / "steps.json")
    assert [video.video_id for video in videos] == ["good"]
    assert [name.split(": ")[1] for name, _ in videos.skipped] == names[1:]
    (tmp_path / "steps.json").write_text("[]")
    with pytest.raises(ValueError, match="is no {task or video"):
        read_prepared(tmp_path / "videos.csv", tmp_path, tmp_path / "steps.json")


def test_a_name_that_is_too_long_is_of_no_file(tmp_path):
    with (crosstask(tmp_path) / "videos.csv").open("a") as file:
        file.write(f"23521,{'x' * 3000},url\n")
    assert [video.video_id for video in read_crosstask(tmp_path)] == ["abc_1", "xy"]
