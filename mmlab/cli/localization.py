"""Commands that find the steps of a task in long videos."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from tqdm import tqdm
from tyro.conf import Positional

from mmlab.cli.search import Among, print_notes

BAR = "{desc}: {percentage:3.0f} % in {elapsed}"

Benchmark = Literal["crosstask", "mining-youtube"]
Scores = Literal["similarity", "log_softmax"]


def localize(
    run: Positional[Path],
    video: Positional[Path],
    steps: Path,
    among: Among = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Find when each of some ordered steps is in a long video.

    Args:
        run: a trained model's folder.
        video: a media file, or the id of a video of the run's dataset.
        steps: a text file with one step on each line, in order; of a single line the best moments
            are found, best first.
        among: what of the video is fused, such as video+audio; default: all but text.
        out: also write the segments there, as .vtt (WebVTT), .csv or .json.
        json: print JSON instead of a table.
    """
    from mmlab.evaluation.segment_files import check_kind, save_segments, segments_text
    from mmlab.question.words import known_words, notes_of
    from mmlab.readers.safe import read_text
    from mmlab.retrieval import Retriever
    from mmlab.runs import open_run

    sentences = [line.strip() for line in read_text(steps).splitlines() if line.strip()]
    if not sentences:
        raise ValueError(f"{steps} holds no step; write one on each line")
    if out is not None:
        check_kind(out.suffix)  # not after the work
        if out.is_dir():
            raise ValueError(f"{out} is a folder; give --out the name of a file, such as x.vtt")
        out.parent.mkdir(parents=True, exist_ok=True)
    retriever = Retriever(*open_run(run))
    segments = retriever.localize(video, sentences, among=among, tell=_bars())
    print_notes(notes_of(known_words(retriever, sentence) for sentence in sentences))
    about = f"{video}; {retriever.origin}"
    print(segments_text(segments, ".json", about=about) if json else _listed(segments), flush=True)
    if out is not None:  # last: on a full disk the work is not lost
        save_segments(segments, out, about=about)


def _bars() -> Callable[[str, float], None]:
    """What shows a bar on a terminal for each thing that is done with a video."""
    bars: dict[str, tqdm] = {}

    def show(doing: str, share: float) -> None:
        if doing not in bars:
            bars[doing] = tqdm(desc=doing, total=100, bar_format=BAR, disable=None)
        bars[doing].update(int(100 * share) - bars[doing].n)
        if share >= 1:
            bars[doing].close()

    return show


def _listed(segments: pd.DataFrame) -> str:
    """A line for each segment: from, to, score, step."""
    from mmlab.evaluation.segments import clock

    rows = list(segments.itertuples())
    times = [(clock(row.start_seconds), clock(row.end_seconds)) for row in rows]
    width = max(len(time) for both in times for time in both)
    return "\n".join(
        f"{start:>{width}} to {end:>{width}}  {row.score:5.2f}  {row.step}"
        for (start, end), row in zip(times, rows, strict=True)
    )


def evaluate_steps(
    run: Positional[Path],
    annotations: Positional[Path],
    benchmark: Benchmark | None = None,
    among: Among = None,
    split: str | None = None,
    radius_seconds: float = 2.0,
    scores: Scores | None = None,
    json: bool = False,
) -> None:
    """Measure how well a model finds the steps of a benchmark's videos.

    Args:
        run: a trained model's folder.
        annotations: a folder in the layout of CrossTask or of MiningYouTube.
        benchmark: which of these; default: what the folder holds.
        among: what of the videos is fused, such as video+audio; default: all but text.
        split: the videos of which clips; default: test if there is one, else all.
        radius_seconds: a second is seen and heard with this much before and after it.
        scores: similarity, or log_softmax over the steps of a video, which CrossTask's own code
            feeds to the ordered assignment; default: as MCN, similarity for CrossTask and
            log_softmax for the steps of MiningYouTube. Transcripts are aligned with similarities.
        json: print JSON instead of tables.
    """
    from mmlab.retrieval import Retriever
    from mmlab.runs import clips_to_ask, open_run
    from mmlab.types import combination_name

    name = benchmark or _benchmark_of(annotations)
    model, dataset = open_run(run)
    retriever = Retriever(model, clips_to_ask(dataset, split))
    among = among or combination_name(retriever.all_but_text)
    form = scores or ("similarity" if name == "crosstask" else "log_softmax")
    how = {"among": among, "radius_seconds": radius_seconds}
    measured = _measure(retriever, annotations, name, form, how)
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
    retriever: Any, folder: Path, benchmark: Benchmark, form: Scores, how: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """What `summary` of each result gives, by what was measured."""
    from mmlab.evaluation.localization import localize_videos
    from mmlab.evaluation.transcripts import align_videos
    from mmlab.readers.crosstask import read_crosstask
    from mmlab.readers.mining_youtube import read_mining_youtube

    if benchmark == "crosstask":
        videos = read_crosstask(folder)
        return {"steps": localize_videos(retriever, videos, form=form, **how).summary()}
    corpus = read_mining_youtube(folder)
    measured = {"alignment": align_videos(retriever, corpus, **how).summary()}
    if timed := corpus.localization():
        measured["steps"] = localize_videos(retriever, timed, form=form, **how).summary()
    return measured


def _print_part(part: str, values: dict[str, Any]) -> None:
    """A part's tables, then what was listed, by reason."""
    from mmlab.evaluation.listing import by_reason

    print(f"{part}: {values['videos']} videos; scores: {values['scores']}; percent")
    if "alignment" in values:
        print(pd.DataFrame(values["alignment"]).to_string(float_format="{:.1f}".format))
    else:
        table = pd.DataFrame.from_dict(values["recall"], orient="index")
        print(table.to_string(float_format="{:.1f}".format))
        for name in ("detection", "moments"):
            print(
                f"{name}:", ", ".join(f"{key} {value:.4g}" for key, value in values[name].items())
            )
    for line in by_reason(values["skipped"]):
        print(line)
