"""Annotation files in exactly the published formats."""

import pytest

from mmlab.benchmarks import read_crosstask, read_crosstask_tasks

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
    one, other = read_crosstask(crosstask(tmp_path))
    assert (one.task_id, one.video_id) == ("23521", "abc_1")
    assert one.steps == ("pour water", "stir mixture", "pour into cups")
    assert one.segments == ((0, 2.5, 6.0), (2, 10.2, 12.9), (0, 20.0, 21.0))
    assert other.segments == ((1, 0.0, 4.0),)
    truth = one.truth(25)
    assert truth[:, 0].nonzero()[0].tolist() == [2, 3, 4, 5, 20]
    assert not truth[:, 1].any()
    assert truth[:, 2].nonzero()[0].tolist() == [10, 11, 12]


def test_a_wrong_number_of_steps_is_named(tmp_path):
    path = tmp_path / "tasks_primary.txt"
    path.write_text(TASKS.replace("\n3\n", "\n4\n"))
    with pytest.raises(ValueError, match="'23521' .* says '4' steps but lists 3"):
        read_crosstask_tasks(path)
