"""Commands that find the steps of a task in long videos."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from tyro.conf import Positional

Benchmark = Literal["crosstask", "mining-youtube"]


def localize(run: Positional[Path], video: Positional[Path], steps: Path) -> None:
    """Place the ordered steps of a task in a long video.

    Args:
        run: a trained model's folder.
        video: a media file.
        steps: a text file with one step on each line, in order.
    """
    from mmlab.evaluation import ordered_assignment
    from mmlab.readers.safe import read_text
    from mmlab.retrieval import Retriever
    from mmlab.runs import open_run

    sentences = [line.strip() for line in read_text(steps).splitlines() if line.strip()]
    if not sentences:
        raise ValueError(f"{steps} holds no step; write one on each line")
    model, dataset = open_run(run)
    scores = Retriever(model, dataset).score_seconds(video, sentences)
    for step, second in enumerate(ordered_assignment(scores).argmax(axis=0)):
        print(f"{second // 60:3d}:{second % 60:02d}  {scores[second, step]:.2f}  {sentences[step]}")


def evaluate_steps(
    run: Positional[Path],
    annotations: Positional[Path],
    benchmark: Benchmark | None = None,
    among: str = "video+audio",
    split: str | None = None,
    radius_seconds: float = 2.0,
    json: bool = False,
) -> None:
    """Measure how well a model finds the steps of a benchmark's videos.

    Args:
        run: a trained model's folder.
        annotations: a folder in the layout of CrossTask or of MiningYouTube.
        benchmark: which of these; default: what the folder holds.
        among: what of the videos is fused, such as video+audio.
        split: the videos of which clips; default: test if there is one, else all.
        radius_seconds: a second is seen and heard with this much before and after it.
        json: print JSON instead of tables.
    """
    from mmlab.retrieval import Retriever
    from mmlab.runs import clips_to_ask, open_run

    name = benchmark or _benchmark_of(annotations)
    model, dataset = open_run(run)
    retriever = Retriever(model, clips_to_ask(dataset, split))
    measured = _measure(retriever, annotations, name, among, radius_seconds)
    if json:
        print(json_format.dumps({"benchmark": name, "among": among, **measured}))
        return
    for part, values in measured.items():
        _print_part(part, values)


def _benchmark_of(folder: Path) -> Benchmark:
    from mmlab.readers.crosstask import TASK_FILES
    from mmlab.readers.mining_youtube import DICTIONARY, MAPPING

    if (folder / TASK_FILES[0]).exists():
        return "crosstask"
    if any(path.name in (DICTIONARY, MAPPING) for path in folder.rglob("*.txt")):
        return "mining-youtube"
    raise ValueError(
        f"{folder}: holds neither {TASK_FILES[0]} (CrossTask) nor {DICTIONARY} (MiningYouTube)"
    )


def _measure(
    retriever: Any, folder: Path, benchmark: Benchmark, among: str, radius_seconds: float
) -> dict[str, dict[str, Any]]:
    """What `summary` of each result gives, by what was measured."""
    from mmlab.evaluation.localization import localize_videos
    from mmlab.evaluation.transcripts import align_videos
    from mmlab.readers.crosstask import read_crosstask
    from mmlab.readers.mining_youtube import read_mining_youtube

    how: dict[str, Any] = {"among": among, "radius_seconds": radius_seconds}
    if benchmark == "crosstask":
        videos = read_crosstask(folder)
        found = localize_videos(retriever, videos, **how)
        found.skipped.extend(videos.skipped)
        return {"steps": found.summary()}
    corpus = read_mining_youtube(folder)
    aligned = align_videos(retriever, corpus, **how)
    aligned.skipped.extend(corpus.skipped)
    timed = corpus.localization()
    if not timed:
        return {"alignment": aligned.summary()}
    steps = localize_videos(retriever, timed, **how).log_probabilities()
    return {"alignment": aligned.summary(), "steps": steps.summary()}


def _print_part(part: str, values: dict[str, Any]) -> None:
    """A part's tables, then what was left out, by reason."""
    print(f"{part}: {values['videos']} videos; percent")
    if "alignment" in values:
        print(pd.DataFrame(values["alignment"]).to_string(float_format="{:.1f}".format))
    else:
        table = pd.DataFrame.from_dict(values["recall"], orient="index")
        print(table.to_string(float_format="{:.1f}".format))
        for name in ("detection", "moments"):
            print(
                f"{name}:", ", ".join(f"{key} {value:.4g}" for key, value in values[name].items())
            )
    reasons = pd.DataFrame(values["skipped"], columns=["what", "reason"])
    for reason, what in reasons.groupby("reason", sort=False).what:
        print(f"{len(what)} listed ({what.iloc[0]}{', ...' * (len(what) > 1)}): {reason}")
