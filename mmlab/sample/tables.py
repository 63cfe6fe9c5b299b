"""What is written about the videos: captions, truth, step times, ceilings; and how to read it.

Pandas and the ceilings (which bring in torch) are imported where they are needed: every worker
process that draws videos imports this package, and should start at once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlab.sample import captions, world
from mmlab.sample.files import write_text
from mmlab.sample.formats import write_crosstask, write_mining_youtube
from mmlab.sample.vocabulary import ATTRIBUTES, VERSION, held_out_pairs
from mmlab.sample.world import Step, Video

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")


def load_truth(folder: Path) -> dict[str, Any]:
    """Read everything that the generator knew: `truth.json` of a corpus.

    Raises:
        FileNotFoundError: the folder holds no finished corpus.
    """
    path = Path(folder) / "truth.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no finished sample corpus here; run `mmlab sample` first")
    return json.loads(path.read_text(encoding="utf-8"))


def ceilings(folder: Path, split: str = "test") -> pd.DataFrame:
    """The best that retrieval among a split's clips can reach, in expectation.

    See `mmlab.sample.ceiling` for what the ideal observer knows and assumes.

    Returns:
        One row per direction such as "text → video+audio" and one for chance; columns query,
        gallery, R@1, R@5, R@10 (percent), MedR and clips.
    """
    from mmlab.sample.ceiling import Observation, ceiling_table

    truth = load_truth(folder)
    observations = [
        Observation(
            written=step["written"],
            seen=step["seen"],
            sounding_action=step["attributes"]["action"] if step["sound"] == "clear" else None,
            narrated=step["narrated"],
        )
        for video in truth["videos"]
        if video["split"] == split
        for step in video["steps"]
    ]
    if not observations:
        raise ValueError(f"{folder}: the corpus has no clip of split {split!r}, only of {SPLITS}")
    return ceiling_table(observations)


def write_tables(folder: Path, plans: Sequence[Video], seed: int) -> None:
    """Write captions, truth, localisation files and ceilings; quick, so always anew."""
    import pandas as pd

    rows = [_caption_row(video, step) for video in plans for step in video.steps]
    write_text(folder / "captions.csv", pd.DataFrame(rows).to_csv(index=False))
    truth = {
        "version": VERSION,
        "seed": seed,
        "frames_per_second": world.FRAMES_PER_SECOND,
        "held_out_pairs": sorted(held_out_pairs(seed)),
        "shares": _shares(),
        "videos": [_truth_of(video) for video in plans],
    }
    write_text(folder / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    write_crosstask(folder / "crosstask", plans)
    write_mining_youtube(folder / "mining_youtube", plans)
    present = [split for split in SPLITS if any(v.task.split == split for v in plans)]
    tables = [ceilings(folder, split).assign(split=split) for split in present]
    write_text(folder / "ceilings.csv", pd.concat(tables).to_csv())


def _shares() -> dict[str, Any]:
    """How often the generator means each thing to be seen, heard or written."""
    return {
        "action_seen": world.ACTION_SEEN,
        "ingredient_covered": (1 - world.ACTION_SEEN) * world.COVERED_WHEN_OFF_SCREEN,
        "action_heard": world.ACTION_HEARD,
        "narration_about_step": world.ABOUT_THE_STEP,
        "written": captions.MENTIONED,
        "written_confused": captions.CONFUSED,
        "written_words_dropped": captions.DROPPED,
    }


def _caption_row(video: Video, step: Step) -> dict[str, Any]:
    """One row of captions.csv: what `ingest` needs, then the attributes and what shows them."""
    return {
        "video": f"{video.video_id}.mp4",
        "start_seconds": step.start_seconds,
        "end_seconds": step.end_seconds,
        "text": step.caption,
        "split": video.task.split,
        "task_id": video.task.task_id,
        "step": step.number,
        **{name: step.attributes[name] for name in ATTRIBUTES},
        "action_seen": step.action_seen,
        "ingredient_seen": step.ingredient_seen,
        "action_heard": step.sound == "clear",
        "narration_about_step": step.about_the_step,
        "heard_words": " ".join(word.word for word in step.heard_words),
    }


def _truth_of(video: Video) -> dict[str, Any]:
    return {
        "video": f"{video.video_id}.mp4",
        "title": video.task.title,
        "task_id": video.task.task_id,
        "split": video.task.split,
        "duration_seconds": video.duration_seconds,
        "title_end_seconds": video.title_end_seconds,
        "task_steps": [list(step) for step in video.task.steps],
        "steps": [
            asdict(step)
            | {"seen": step.seen, "narrated": step.narrated}
            | {"heard_words": [word.word for word in step.heard_words]}
            for step in video.steps
        ],
    }
