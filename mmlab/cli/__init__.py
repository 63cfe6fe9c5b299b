"""The command line: one subcommand per stage, each thin over the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

import tyro

from mmlab.bench.training import bench_training
from mmlab.cli import (
    ablation,
    bench,
    data,
    evaluation,
    localization,
    reproduce,
    training,
    verification,
)

COMMANDS: tuple[Callable[..., None], ...] = (
    data.sample,
    data.ingest,
    data.convert,
    data.check,
    data.export,
    evaluation.evaluate,
    evaluation.embed,
    evaluation.search,
    localization.localize,
    localization.evaluate_steps,
    reproduce.reproduce,
    ablation.ablate,
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
        app.command(measure, name="bench", help="Measure speed and memory.")
        app.cli(prog="mmlab")
    except KeyboardInterrupt:
        sys.exit("mmlab: stopped; what was finished is kept, go on with the same command")
    except BrokenPipeError:  # whoever reads has seen enough, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(READER_LEFT)
    except FileNotFoundError as error:
        missing = f"{error.filename}: there is no such file or folder; check the path"
        sys.exit(f"mmlab: {missing if error.filename else error}")
    except (ValueError, OSError, ImportError, RecursionError) as error:
        sys.exit(f"mmlab: {error}")
