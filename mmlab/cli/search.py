"""The command that asks a collection of clips."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
import tyro
from tyro.conf import Positional

if TYPE_CHECKING:
    from mmlab.question import Answers
    from mmlab.retrieval import Retriever

Among = Annotated[str | None, tyro.conf.arg(name="in", aliases=["--among"])]
"""What is looked through: the same option of every command that has it."""

SHOWN = ["rank", "score", "clip_id", "start_seconds", "end_seconds", "text"]

VALUES_TOLD = 5


def search(
    run: Positional[Path],
    text: Positional[str | None] = None,
    video: str | None = None,
    audio: str | None = None,
    without: str = "",
    among: Among = None,
    fusion: Literal["joint", "late"] = "joint",
    top: int = 10,
    where: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    split: str | None = None,
    index: str | None = None,
    json: bool = False,
) -> None:
    """Find clips with a sentence, a picture, a sound, or any of them together.

    Args:
        run: a trained model's folder.
        text: a sentence.
        video: a clip id or a media file whose picture to ask with.
        audio: a clip id or a media file whose sound to ask with.
        without: what is not wanted, such as "onion, garlic".
        among: what of the clips to search in, such as video+audio; default: all but their text.
        fusion: all parts in one pass, or the mean of what each is alone; the clips likewise.
        top: how many answers.
        where: only clips with this value in a column, as column=value; of one column that is
            given twice either value will do.
        split: which clips; default: test if there is one, else all.
        index: the folder or milvus:URI that `mmlab index` wrote of these clips.
        json: print JSON instead of a table.
    """
    from mmlab.question import Asker, Question

    question = Question.of(
        text=text, video=video, audio=audio, without=without, among=among or "", fusion=fusion
    )
    retriever = _retriever(run, split, index)
    chosen = _wanted(retriever.dataset.manifest, where)
    _print(Asker(retriever).answer(question, top=top, where=chosen), json)


def _retriever(run: Path, split: str | None, index: str | None) -> Retriever:
    from mmlab.retrieval import Retriever
    from mmlab.runs import clips_to_ask, open_run

    model, dataset = open_run(run)
    clips = clips_to_ask(dataset, split)
    if index is None:
        return Retriever(model, clips)
    from mmlab.index import open_index

    return Retriever(model, clips, index=open_index(index))


def _wanted(manifest: pd.DataFrame, conditions: Iterable[str]) -> dict[str, list[Any]]:
    """What "column=value" asks of each column, as values of the column's own type."""
    wanted: dict[str, list[Any]] = {}
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals or column not in manifest:
            raise ValueError(
                f"--where takes column=value with a column of {', '.join(manifest.columns)}; "
                f"found {condition!r}"
            )
        wanted.setdefault(column, []).extend(_values(manifest[column], value))
    return wanted


def _values(column: pd.Series, value: str) -> list[Any]:
    """The column's values that are written like `value`."""
    there = column.unique()
    if found := [one for one in there if value in _written(one)]:
        return found
    some = sorted({str(one) for one in there})
    more = ", …" if len(some) > VALUES_TOLD else ""
    told = ", ".join(some[:VALUES_TOLD]) + more
    raise ValueError(f"no clip here has {column.name}={value}; there are {told}")


def _written(value: Any) -> set[str]:
    """3.0 may be asked for as 3."""
    return {str(value), f"{value:g}"} if isinstance(value, float) else {str(value)}


def print_notes(notes: Iterable[str]) -> None:
    """Beside the answer, so that whoever reads that reads only that."""
    for note in notes:
        print(f"mmlab: {note}", file=sys.stderr)


def _print(answers: Answers, as_json: bool) -> None:
    print_notes(answers.notes)
    if as_json:
        print(answers.hits.to_json(orient="records", default_handler=str))
    elif answers.hits.empty:
        print("no clip with these values has anything of what is searched in")
    else:
        print(answers.hits[SHOWN].to_string(index=False, float_format="{:.2f}".format))
