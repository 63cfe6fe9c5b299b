"""Commands that make, check and pass on datasets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from mmlab.cli.training import train
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
    train(dataset, out=sample_run(), config=TrainConfig(seed=seed), resume=True)


def ingest(
    folder: Positional[Path],
    captions: Path | None = None,
    out: Path | None = None,
    video: str = "default",
    audio: str = "default",
    text: str = "default",
    clip_seconds: float = 8.0,
    workers: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    engine: Literal["processes", "ray"] = "processes",
) -> None:
    """Turn a folder of media into a dataset of clips with features; resumes where it stopped.

    Args:
        folder: holds mp4, mkv, webm, avi, mov, wav, flac, mp3 or m4a files.
        captions: a table of your own (csv or parquet: video, start_seconds, end_seconds, text and,
            if you like, split and others), subtitles, or a published annotation file; without it
            clips are cut from subtitles beside the media, else at equal length.
        out: the dataset; default: FOLDER with "-dataset" appended.
        video: backbone of the picture: default, none, or a model's name or folder.
        audio: backbone of the sound, likewise.
        text: encoder of the captions: default, a word2vec file, or a model's name or folder.
        clip_seconds: length of the clips where there are no captions.
        workers: processes; default: one per core.
        device: where backbones run.
        engine: "ray" spreads the work over a cluster.
    """
    from mmlab.extraction import Extractors
    from mmlab.ingest import ingest as run

    target = out or folder.with_name(folder.absolute().name + "-dataset")
    dataset = run(
        folder,
        captions,
        target,
        extractors=Extractors(video, audio, device),
        text=text,
        workers=workers,
        clip_seconds=clip_seconds,
        engine=engine,
    )
    print(dataset.summary())


def check(dataset: Positional[Path]) -> None:
    """Look for what is wrong with a dataset: exits with 1 if there are errors.

    Args:
        dataset: what `mmlab ingest` or `mmlab convert` made.
    """
    from mmlab.check import check as look
    from mmlab.dataset import ClipDataset

    report = look(ClipDataset.open(dataset))
    print(report)
    if not report.ok:
        sys.exit(1)


def export(
    dataset: Positional[Path],
    out: Positional[Path],
    webdataset: bool = False,
    split: str | None = None,
    clips_per_shard: int = 1000,
) -> None:
    """Write clips and their tokens in another form; finished shards are kept.

    Args:
        dataset: what `mmlab ingest` or `mmlab convert` made.
        out: a folder.
        webdataset: tar shards for streaming training, the only other form there is.
        split: which clips; default: all.
        clips_per_shard: how many clips one tar holds.
    """
    from mmlab.dataset import ClipDataset
    from mmlab.export import export_webdataset
    from mmlab.runs import clips_to_ask

    if not webdataset:
        raise ValueError("name the form to write: --webdataset")
    clips = ClipDataset.open(dataset)
    chosen = clips if split is None else clips_to_ask(clips, split)
    written = export_webdataset(chosen, out, clips_per_shard=clips_per_shard)
    print(f"{out}: {len(chosen)} clips in {len(written)} tar files")


CHECKPOINTS = (".pth", ".pt", ".ckpt")


def convert(
    source: Positional[Path],
    out: Positional[Path],
    captions: Path | None = None,
    paths: Path | None = None,
    aligned: tuple[Path, ...] = (),
    audio: Path | None = None,
    features_3d: Path | None = None,
    steps: Path | None = None,
    media_root: Path | None = None,
    unit_norm: bool = True,
    heads: int | None = None,
) -> None:
    """Bring published files over: a checkpoint to a model, features to a dataset.

    Args:
        source: a checkpoint (.pth), of which only tensors and plain values are read; or features:
            a pickle of MSR-VTT or YouCook2, a folder of HowTo100M, CrossTask or MiningYouTube.
        out: a folder for the model or the dataset.
        captions: of features: any captions that `mmlab ingest` reads, or a folder of 0/1 matrices.
        paths: csv of the videos to take; of an MSR-VTT pickle, the list of training clips.
        aligned: pickles with other features (s3d, clip) of the same clips in the same order.
        audio: folder of the log-mel frames, if it is another.
        features_3d: folder of the 3D features, if it is another.
        steps: json of the step texts that belong to 0/1 matrices.
        media_root: folder of the videos themselves, if they are at hand.
        unit_norm: scale every video feature to length 1, as published code does.
        heads: of a checkpoint's attention, if it does not say and they are not 64 wide.
    """
    if source.suffix in CHECKPOINTS:
        _convert_checkpoint(source, out, heads)
        return
    from mmlab.convert import convert_dataset

    dataset = convert_dataset(
        source,
        out,
        captions=captions,
        paths=paths,
        aligned=aligned,
        audio=audio,
        features_3d=features_3d,
        steps=steps,
        media_root=media_root,
        unit_norm=unit_norm,
    )
    print(dataset.summary())


def _convert_checkpoint(checkpoint: Path, out: Path, heads: int | None) -> None:
    from mmlab.published import build, describe, read_checkpoint

    if (out / "model.safetensors").exists():
        raise FileExistsError(f"{out} holds a model; delete it or name another folder")
    published = read_checkpoint(checkpoint)
    model, unused = build(published, heads)
    model.save_pretrained(out)
    print(f"{out}: config.json and model.safetensors of {checkpoint}")
    print(describe(model, unused, heads_known=heads is not None or published.says_heads))
