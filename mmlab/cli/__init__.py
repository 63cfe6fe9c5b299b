"""The command line: one subcommand per stage, each thin over the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import tyro

from mmlab.cli import (
    ablation,
    bench,
    data,
    evaluation,
    explanation,
    index,
    localization,
    probing,
    reproduce,
    search,
    serving,
    training,
    verification,
)
from mmlab.cli.bench_index import bench_index
from mmlab.cli.bench_map import bench_map
from mmlab.cli.bench_training import bench_training

COMMANDS: tuple[Callable[..., None], ...] = (
    data.sample,
    data.ingest,
    data.convert,
    data.check,
    data.export,
    evaluation.evaluate,
    evaluation.embed,
    index.index,
    search.search,
    serving.serve,
    localization.localize,
    localization.evaluate_steps,
    reproduce.reproduce,
    ablation.ablate,
    probing.probe,
    explanation.explain,
    verification.verify,
)

READER_LEFT = 141
"""Exit status of a program whose output nobody reads any more, as shells have it."""


def main() -> None:
    """Entry point of `mmlab`: what goes wrong is one sentence, not a traceback."""
    try:
        app = tyro.extras.SubcommandApp()
        for one in COMMANDS:
            app.command(one)
        recipe = training.recipe_asked_for(sys.argv)
        app.command(name="train")(partial(training.train, config=recipe))
        measure = tyro.extras.SubcommandApp()
        measure.command(name="model")(bench.bench_model)
        measure.command(name="data")(bench.bench_data)
        measure.command(name="training")(bench_training)
        measure.command(name="evaluation")(evaluation.bench_evaluation)
        measure.command(name="map")(bench_map)
        measure.command(name="index")(bench_index)
        app.command(measure, name="bench", help="Measure speed and memory.")
        app.cli(prog="mmlab")
    except KeyboardInterrupt:
        sys.exit("mmlab: stopped; what was finished is kept, go on with the same command")
    except BrokenPipeError:  # whoever reads has seen enough, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(READER_LEFT)
    except UnicodeEncodeError as error:
        sys.exit(f"mmlab: {_about_name(error)}")
    except OSError as error:
        sys.exit(f"mmlab: {_about_path(error)}")
    except (ValueError, ImportError, RecursionError) as error:
        sys.exit(f"mmlab: {error}")


def _about_path(error: OSError) -> str:
    """What is wrong with a path, and the mend, which the system does not tell."""
    path = error.filename
    if path and isinstance(error, FileNotFoundError):
        return f"{path}: there is no such file or folder; check the path"
    if path and isinstance(error, IsADirectoryError):
        return f"{path}: is a folder; name a file"
    if path and isinstance(error, NotADirectoryError | FileExistsError):
        every = (Path(path), *Path(path).parents)
        if file := next((one for one in every if one.exists() and not one.is_dir()), None):
            return f"{file}: is a file where a folder is needed; give another path"
    return str(error)


def _about_name(error: UnicodeEncodeError) -> str:
    """Bytes that are not UTF-8 come from the command line as halves of characters."""
    if not any("\udc80" <= sign <= "\udcff" for sign in error.object[error.start : error.end]):
        return str(error)
    name = error.object.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return f"{name}: has a name that is not UTF-8; rename it"
