"""The command line: one subcommand per stage, each thin over the library."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from mmlab.retrieval import Retriever
from mmlab.training import TrainConfig


def sample(videos: int = 300, seed: int = 0, workers: int | None = None) -> None:
    """Make the sample corpus, its features and the sample model; what is done is kept.

    Args:
        videos: how many videos the corpus has.
        seed: of the corpus and of the training.
        workers: processes; default: one per core.
    """
    from mmlab.paths import data_folder
    from mmlab.runs import sample_run
    from mmlab.sample import make_corpus

    corpus = data_folder() / "sample"
    make_corpus(corpus, videos=videos, seed=seed, workers=workers)
    captions, dataset = corpus / "captions.csv", corpus / "dataset"
    ingest(corpus / "videos", captions=captions, out=dataset, workers=workers)
    train(dataset, out=sample_run(), config=TrainConfig(seed=seed))


def ingest(
    folder: Positional[Path],
    captions: Path | None = None,
    out: Path | None = None,
    workers: int | None = None,
    clip_seconds: float = 8.0,
) -> None:
    """Turn a folder of media into a dataset of clips with features; resumes where it stopped.

    Args:
        folder: holds mp4, mkv, webm, avi, mov, wav, flac, mp3 or m4a files.
        captions: a csv with the columns video, start_seconds, end_seconds, text and, if you
            like, split and others; without it every medium is cut into clips of equal length.
        out: the dataset; default: FOLDER with "-dataset" appended.
        workers: processes; default: one per core.
        clip_seconds: length of the clips where there are no captions.
    """
    from mmlab.ingest import ingest as run

    target = out or folder.with_name(folder.name + "-dataset")
    dataset = run(folder, captions, target, workers=workers, clip_seconds=clip_seconds)
    print(f"{target}: {len(dataset)} clips of {len(dataset.media)} media")


def train(
    dataset: Positional[Path],
    out: Path,
    config: OmitArgPrefixes[TrainConfig] = TrainConfig(),  # noqa: B008 - it is frozen
) -> None:
    """Train a model on the split "train" of a dataset; an interrupted run continues.

    Args:
        dataset: what `mmlab ingest` made.
        out: the run's folder: model, configuration, metrics.
        config: how to train.
    """
    from mmlab.dataset import ClipDataset
    from mmlab.runs import train_run

    if (out / "model.safetensors").exists():
        print(f"{out}: trained already; delete the folder to train anew")
        return
    started = time.perf_counter()

    def report(epoch: int, terms: dict[str, float]) -> None:
        seconds = time.perf_counter() - started
        print(
            f"epoch {epoch}/{config.epochs}  loss {terms['total']:.3f}  {seconds:.0f} s", flush=True
        )

    train_run(ClipDataset.open(dataset), out, config, on_epoch=report)
    print(f"{out}: trained in {time.perf_counter() - started:.0f} s")


def evaluate(
    run: Positional[Path | None] = None, split: str = "test", out: Path | None = None
) -> None:
    """Print recall and median rank of every direction, with 95 % intervals.

    Args:
        run: default: the sample model.
        split: which clips.
        out: also write the table there as csv.
    """
    retriever = _retriever(run, split)
    table = retriever.evaluate()
    print(f"{len(retriever.dataset)} clips of the split {split!r}; percent, [95 % interval]")
    for row in table.to_dict("records"):
        cells = [
            f"{name} {row[name]:5.1f} [{row[f'{name} low']:.1f}, {row[f'{name} high']:.1f}]"
            for name in ("R@1", "R@5", "R@10", "MedR")
        ]
        print(f"{row['query'] + ' → ' + row['gallery']:28}", "  ".join(cells))
    if out:
        table.to_csv(out, index=False)


def embed(out: Path, run: Positional[Path | None] = None, split: str = "test") -> None:
    """Write every combination's embeddings (safetensors) and the clips' manifest (parquet).

    Args:
        out: a folder.
        run: default: the sample model.
        split: which clips.
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
    split: str = "test",
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
        split: which clips.
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

    sentences = [line.strip() for line in steps.read_text().splitlines() if line.strip()]
    if not sentences:
        raise ValueError(f"{steps} holds no step; write one on each line")
    scores = _retriever(run, None).score_seconds(video, sentences)
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


def convert(checkpoint: Positional[Path], out: Positional[Path], heads: int | None = None) -> None:
    """Turn a checkpoint of the paper's authors into a model of this library.

    Args:
        checkpoint: a .pth file; only tensors and plain values are read from it.
        out: a folder for config.json and model.safetensors.
        heads: of the attention, if the checkpoint does not say and they are not 64 wide.
    """
    from mmlab.published import build, describe, read_checkpoint

    if (out / "model.safetensors").exists():
        raise FileExistsError(f"{out} holds a model; delete it or name another folder")
    published = read_checkpoint(checkpoint)
    model, unused = build(published, heads)
    model.save_pretrained(out)
    print(f"{out}: config.json and model.safetensors of {checkpoint}")
    print(describe(model, unused, heads_known=heads is not None or published.says_heads))


def bench_model(
    size: Literal["paper", "sample"] = "paper",
    batch: tuple[int, ...] | None = None,
    rounds: int | None = None,
    words: float = 9.0,
    device: Literal["cpu", "cuda"] = "cpu",
    compile: bool = False,
    keep_memory: Literal["mmlab", "both", "none"] = "mmlab",
    memory: bool = True,
    out: Path | None = None,
) -> None:
    """Time a training step and an embedding against the published way of computing them.

    Needs the repository's folder benchmarks/ and, at the paper's size, about 16 GB of memory.

    Args:
        size: the paper's main model or the sample corpus's.
        batch: clips in a batch, one table for each; default: 8 16, of the sample's size 16 128.
        rounds: of which the median counts; default: 5, of the sample's size 30.
        words: mean words of a caption of at most 20; 20 leaves no padding to skip.
        device: cuda runs both in bfloat16 autocast.
        compile: run mmlab through torch.compile.
        keep_memory: who keeps memory between training steps; `mmlab train` does.
        memory: measure the peak memory too, in processes of their own.
        out: also write every figure there as JSON.
    """
    from mmlab.bench import Settings, bench_config, heading, measure_model, table
    from mmlab.files import write_atomically

    paper = size == "paper"
    clips = batch or ((8, 16) if paper else (16, 128))
    settings = Settings(
        size,
        bench_config(size),
        clips,
        rounds or (5 if paper else 30),
        words,
        device,
        compiled=compile,
        kept={"mmlab": ("mmlab",), "both": ("baseline", "mmlab"), "none": ()}[keep_memory],
        memory=memory,
    )
    printed = 0
    for report in measure_model(settings):
        if not printed:
            print(heading(report))
        for task in report.tasks[printed:]:
            print(f"\n{table(task)}", flush=True)
        printed = len(report.tasks)
        if out:
            write_atomically(out, report.to_json().encode())


def _retriever(run: Path | None, split: str | None) -> Retriever:
    from mmlab.runs import open_run, splits

    model, dataset = open_run(run)
    if split is None:
        return Retriever(model, dataset)
    chosen = dataset.select(split=split)
    if not len(chosen):
        raise ValueError(f"{dataset.folder} has no clips of the split {split!r}; {splits(dataset)}")
    return Retriever(model, chosen)


def main() -> None:
    """Entry point of `mmlab`: what goes wrong is one sentence, not a traceback."""
    commands: tuple[Callable[..., None], ...] = (
        *(sample, ingest, train, evaluate, embed, search, localize, verify, convert),
    )
    try:
        app = tyro.extras.SubcommandApp()
        for one in commands:
            app.command(one)
        bench = tyro.extras.SubcommandApp()
        bench.command(name="model")(bench_model)
        app.command(bench, name="bench", help="Measure speed and memory.")
        app.cli(prog="mmlab")
    except KeyboardInterrupt:
        sys.exit("mmlab: stopped; what was finished is kept, the same command continues")
    except (ValueError, OSError) as error:
        sys.exit(f"mmlab: {error}")
