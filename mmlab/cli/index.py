"""The command that indexes clips."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm
from tyro.conf import Positional

from mmlab.index.protocol import Engine


def index(
    run: Positional[Path],
    to: str,
    engine: Engine | None = None,
    among: Annotated[tuple[str, ...], tyro.conf.arg(name="in", aliases=["--among"])] = (),
    split: str | None = None,
) -> None:
    """Write the clips' embeddings to where they are searched fast, or bring them up to date.

    Give the same command again when clips were added, changed or removed, and after it was
    stopped: what is done is not done again.

    Args:
        run: a trained model's folder.
        to: a folder, milvus:FILE.db or milvus:http://HOST:19530.
        engine: how the nearest are found; default: as before, a new index exactly.
        among: combinations that will be searched, such as video+audio or "video+audio late";
            default: as before, a new index all without text.
        split: which clips; default: test if there is one, else all.
    """
    from mmlab.index import build_index
    from mmlab.retrieval import Retriever
    from mmlab.runs import clips_to_ask, open_run

    model, dataset = open_run(run)
    retriever = Retriever(model, clips_to_ask(dataset, split))
    started = time.monotonic()
    with tqdm(total=len(retriever.dataset), unit=" clips", disable=None) as bar:

        def advance(done: int, total: int) -> None:
            bar.n = done
            bar.refresh()

        found = build_index(
            retriever, to, engine=engine, combinations=among or None, progress=advance
        )
    about, seconds = found.about, time.monotonic() - started
    print(
        f"{to}: {len(found)} clips in {', '.join(about.combinations)}; {about.engine}, "
        f"{seconds:.1f} s\nask it: mmlab search {run} … --index {to}"
    )
    found.close()
