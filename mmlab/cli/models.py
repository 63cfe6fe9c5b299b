"""Commands that train, ask and check a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from mmlab.retrieval import Retriever


def evaluate(
    run: Positional[Path | None] = None, split: str | None = None, out: Path | None = None
) -> None:
    """Print recall and median rank of every direction, with 95 % intervals.

    Args:
        run: default: the sample model.
        split: which clips; default: test if there is one, else all.
        out: also write the table there as csv.
    """
    retriever = _retriever(run, split)
    table = retriever.evaluate()
    names = ", ".join(sorted(set(retriever.dataset.manifest.split)))
    print(f"{len(retriever.dataset)} clips of the split {names}; percent, [95 % interval]")
    for row in table.to_dict("records"):
        cells = [
            f"{name} {row[name]:5.1f} [{row[f'{name} low']:.1f}, {row[f'{name} high']:.1f}]"
            for name in ("R@1", "R@5", "R@10", "MedR")
        ]
        print(f"{row['query'] + ' → ' + row['gallery']:28}", "  ".join(cells))
    if out:
        table.to_csv(out, index=False)


def embed(out: Path, run: Positional[Path | None] = None, split: str | None = None) -> None:
    """Write every combination's embeddings (safetensors) and the clips' manifest (parquet).

    Args:
        out: a folder.
        run: default: the sample model.
        split: which clips; default: test if there is one, else all.
    """
    from safetensors.torch import save

    from mmlab.files import write_atomically
    from mmlab.types import all_combinations, combination_name

    retriever = _retriever(run, split)
    every = all_combinations(retriever.model.config.names)
    out.mkdir(parents=True, exist_ok=True)
    vectors = {combination_name(one): retriever.embeddings(one).contiguous() for one in every}
    write_atomically(out / "embeddings.safetensors", save(vectors))
    retriever.dataset.manifest.to_parquet(out / "manifest.parquet")
    print(f"{out}: {len(vectors)} combinations of {len(retriever.dataset)} clips")


def search(
    run: Positional[Path],
    text: Positional[str | None] = None,
    video: str | None = None,
    audio: str | None = None,
    among: Annotated[str, tyro.conf.arg(name="in")] = "video+audio",
    split: str | None = None,
    top: int = 10,
    json: bool = False,
) -> None:
    """Find clips with a sentence, a picture, a sound, or any of them together.

    Args:
        run: a trained model's folder.
        text: a sentence.
        video: a clip id or a media file whose picture to ask with.
        audio: a clip id or a media file whose sound to ask with.
        among: the combination to search in, such as video+audio.
        split: which clips; default: test if there is one, else all.
        top: how many answers.
        json: print JSON instead of a table.
    """
    hits = _retriever(run, split).search(text=text, video=video, audio=audio, among=among, top=top)
    columns = ["rank", "score", "clip_id", "start_seconds", "end_seconds", "text"]
    if json:
        print(hits.to_json(orient="records", default_handler=str))
    else:
        print(hits[columns].to_string(index=False, float_format=lambda value: f"{value:.2f}"))


def localize(run: Positional[Path], video: Positional[Path], steps: Path) -> None:
    """Place the ordered steps of a task in a long video.

    Args:
        run: a trained model's folder.
        video: a media file.
        steps: a text file with one step on each line, in order.
    """
    from mmlab.evaluation import ordered_assignment
    from mmlab.runs import open_run

    sentences = [line.strip() for line in steps.read_text().splitlines() if line.strip()]
    if not sentences:
        raise ValueError(f"{steps} holds no step; write one on each line")
    model, dataset = open_run(run)
    scores = Retriever(model, dataset).score_seconds(video, sentences)
    for step, second in enumerate(ordered_assignment(scores).argmax(axis=0)):
        print(f"{second // 60:3d}:{second % 60:02d}  {scores[second, step]:.2f}  {sentences[step]}")


def verify(files: Positional[list[Path]]) -> None:
    """Compare the model with numbers of the published code: one JSON line for each file.

    Exits with 1 if a file fails.

    Args:
        files: .npz with a model, a batch, and its outputs, loss and gradients.
    """
    from mmlab.verify import verify as compare

    if not files:
        raise ValueError("name one .npz file or more")
    passed = True
    for file in files:
        verdict = compare(file)
        print(verdict.to_json(), flush=True)
        passed = passed and verdict.passed
    if not passed:
        sys.exit(1)


def _retriever(run: Path | None, split: str | None) -> Retriever:
    from mmlab.runs import clips_to_ask, open_run

    model, dataset = open_run(run)
    return Retriever(model, clips_to_ask(dataset, split))
