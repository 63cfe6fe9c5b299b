"""The corpus' step times in the published formats of CrossTask and MiningYouTube.

CrossTask: `tasks_primary.txt` (blocks of six lines), `videos.csv` and `videos_val.csv` (task,
video, url; the latter is the test split), `annotations/TASK_VIDEO.csv` (step, start, end), no
headers. MiningYouTube: `weakYouTube_dict.txt` (one class per line, background last),
`videos_test.txt`, `transcripts/VIDEO.txt` (one line of classes, ended by a newline),
`groundTruth/VIDEO.gt` (one class per frame and line, at `frames_per_second.txt` frames a second).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmlab.sample.files import write_text
from mmlab.sample.vocabulary import concepts
from mmlab.sample.world import FRAMES_PER_SECOND, Video

BACKGROUND = "background"


def step_text(action: str, ingredient: str) -> str:
    """A step's name, as in "slice the carrot"."""
    return f"{action} the {ingredient}"


def write_crosstask(folder: Path, videos: Sequence[Video]) -> None:
    """Write the four kinds of CrossTask files into `folder`."""
    tasks = {video.task.task_id: video.task for video in videos}
    blocks = []
    for task in tasks.values():
        names = [step_text(*step) for step in task.steps]
        url = f"sample://task/{task.task_id}"
        blocks.append(
            "\n".join([task.task_id, task.title, url, str(len(names)), ",".join(names), ""])
        )
    write_text(folder / "tasks_primary.txt", "\n".join(blocks) + "\n")
    write_text(folder / "videos.csv", _video_lines(videos))
    test = [video for video in videos if video.task.split == "test"]
    write_text(folder / "videos_val.csv", _video_lines(test))
    for video in videos:
        lines = [f"{s.number},{s.start_seconds},{s.end_seconds}\n" for s in video.steps]
        name = f"{video.task.task_id}_{video.video_id}.csv"
        write_text(folder / "annotations" / name, "".join(lines))


def _video_lines(videos: Sequence[Video]) -> str:
    return "".join(f"{v.task.task_id},{v.video_id},videos/{v.video_id}.mp4\n" for v in videos)


def write_mining_youtube(folder: Path, videos: Sequence[Video]) -> None:
    """Write dictionary, test list, transcripts and frame labels of the test split into `folder`."""
    classes = [f"{a}_{i}" for a in concepts("action") for i in concepts("ingredient")]
    write_text(folder / "weakYouTube_dict.txt", "\n".join([*classes, BACKGROUND]) + "\n")
    write_text(folder / "frames_per_second.txt", f"{FRAMES_PER_SECOND}\n")
    test = [video for video in videos if video.task.split == "test"]
    write_text(folder / "videos_test.txt", "".join(f"{video.video_id}\n" for video in test))
    for video in test:
        labels = frame_labels(video)
        changes = [b for a, b in zip([None, *labels], labels, strict=False) if a != b]
        write_text(folder / "transcripts" / f"{video.video_id}.txt", " ".join(changes) + "\n")
        write_text(folder / "groundTruth" / f"{video.video_id}.gt", "\n".join(labels) + "\n")


def frame_labels(video: Video) -> list[str]:
    """The class of each frame, "slice_carrot" within a step and "background" elsewhere."""
    labels = [BACKGROUND] * round(video.duration_seconds * FRAMES_PER_SECOND)
    for step in video.steps:
        first = round(step.start_seconds * FRAMES_PER_SECOND)
        last = round(step.end_seconds * FRAMES_PER_SECOND)
        name = f"{step.attributes['action']}_{step.attributes['ingredient']}"
        labels[first:last] = [name] * (last - first)
    return labels
