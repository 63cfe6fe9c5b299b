"""When words of a caption are really heard: the truth that attention can be compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlab.features.text import words
from mmlab.sample.tables import load_truth
from mmlab.sample.vocabulary import VOCABULARY

Span = tuple[float, float]


def spoken_moments(folder: Path) -> dict[tuple[str, float], dict[str, Span]]:
    """For every clip, the words of its caption that the narrator also says within it.

    Args:
        folder: the sample corpus.

    Returns:
        (media_id, start_seconds) of a clip -> caption word -> from when to when its concept is
        spoken, in seconds of the video. Clips without such a word are left out.
    """
    found = {
        (video["video"], step["start_seconds"]): _moments(step)
        for video in load_truth(folder)["videos"]
        for step in video["steps"]
    }
    return {clip: moments for clip, moments in found.items() if moments}


def _moments(step: dict[str, Any]) -> dict[str, Span]:
    caption = words(step["caption"])
    moments = {}
    for spoken in step["words"]:
        synonyms = VOCABULARY.get(spoken["attribute"], {}).get(spoken["word"], ())
        inside = (
            step["start_seconds"] <= spoken["start_seconds"]
            and spoken["end_seconds"] <= step["end_seconds"]
        )
        written = [word for word in caption if word in synonyms]
        if inside and written:
            moments[written[0]] = (spoken["start_seconds"], spoken["end_seconds"])
    return moments
