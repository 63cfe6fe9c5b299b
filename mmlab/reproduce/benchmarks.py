"""The paper's benchmarks: what is measured, on which released files, beside which figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmlab.reproduce import released
from mmlab.reproduce.released import CLIP, RESNET, S3D
from mmlab.reproduce.wanted import Wanted

METHOD = "Everything at Once, evaluated here"

Task = Literal["retrieval", "steps", "alignment"]


@dataclass(frozen=True)
class Entry:
    """One model on one benchmark's features.

    Attributes:
        backbone: of the picture's features.
        dataset: the folder's name of the converted features.
        model: its checkpoint.
        features: a pickle, or the folders of the video streams.
        text: what turns words into vectors.
        aligned: the pickle that has other video features of the same clips.
        audio: the folder of the sound, where it is not with the features.
        annotations: of long videos.
    """

    backbone: str
    dataset: str
    model: Wanted
    features: tuple[Wanted, ...]
    text: Wanted = released.WORD_VECTORS
    aligned: Wanted | None = None
    audio: Wanted | None = None
    annotations: tuple[Wanted, ...] = ()

    def wanted(self) -> list[Wanted]:
        """All that it needs."""
        more = [one for one in (self.aligned, self.audio) if one is not None]
        return [self.model, *self.features, *more, *self.annotations, self.text]


@dataclass(frozen=True)
class Benchmark:
    """One of the paper's tables.

    Attributes:
        name: for the command line.
        task: retrieval; steps: ordered steps in long videos; alignment: transcripts to frames.
        setting: "zero-shot" or "fine-tuned".
        data: name of the data.
        figures: name of the published figures, for `published_figures`.
        entries: what can be evaluated here.
        split: which clips.
        total: clips of the complete test set; those that the released features lack are misses.
        note: what the reader of the table has to know.
        method: what our rows are called.
    """

    name: str
    task: Task
    setting: str
    data: str
    figures: str
    entries: tuple[Entry, ...]
    split: str = ""
    total: int | None = None
    note: str = ""
    method: str = METHOD

    @property
    def title(self) -> str:
        """Such as "MSR-VTT, zero-shot: 1k test"."""
        return f"{self.data}, {self.setting}" + (f": {self.split}" if self.split else "")


def _retrieval_entries(
    name: str, features: Wanted, aligned: dict[str, Wanted]
) -> tuple[Entry, ...]:
    return (
        Entry(RESNET, f"{name}-resnet", released.PRETRAINED[RESNET], (features,)),
        Entry(S3D, f"{name}-s3d", released.PRETRAINED[S3D], (features,), aligned=aligned[S3D]),
        Entry(
            CLIP,
            f"{name}-clip",
            released.PRETRAINED[CLIP],
            (features,),
            text=released.CLIP_TEXT,
            aligned=aligned[CLIP],
        ),
    )


def _long_video_entries(folder: str, annotations: tuple[Wanted, ...]) -> tuple[Entry, ...]:
    features = released.features_of(folder)
    return tuple(
        Entry(
            backbone,
            f"{folder}-{short}",
            released.PRETRAINED[backbone],
            features[backbone],
            audio=released.sound_of(folder),
            annotations=annotations,
        )
        for backbone, short in ((RESNET, "resnet"), (S3D, "s3d"))
    )


UNKNOWN_WINDOWS = (
    "The released code does not say how much of a video and of its sound around a second the paper "
    "used: these figures are ours, not a repetition of the paper's."
)

BENCHMARKS = (
    Benchmark(
        name="msrvtt",
        task="retrieval",
        setting="zero-shot",
        data="MSR-VTT",
        figures="msrvtt_zero_shot",
        entries=_retrieval_entries("msrvtt", released.MSRVTT, released.MSRVTT_ALIGNED),
        split="1k test",
        total=1000,
        note="32 of the 1,000 clips have no sound and are not in the released features.",
    ),
    Benchmark(
        name="msrvtt-finetuned",
        task="retrieval",
        setting="fine-tuned",
        data="MSR-VTT",
        figures="msrvtt_fine_tuned",
        entries=(Entry(RESNET, "msrvtt-resnet", released.FINE_TUNED_MSRVTT, (released.MSRVTT,)),),
        split="1k test",
        total=1000,
        note="Training on 7k and on 9k videos is mixed in the literature.",
    ),
    Benchmark(
        name="youcook2",
        task="retrieval",
        setting="zero-shot",
        data="YouCook2",
        figures="youcook2_zero_shot",
        entries=_retrieval_entries("youcook2", released.YOUCOOK2, released.YOUCOOK2_ALIGNED),
        split="validation, 3,350 clips",
        total=3350,
        note="11 of the 3,350 clips lack their 2D features and are left out of every backbone's.",
    ),
    Benchmark(
        name="youcook2-finetuned",
        task="retrieval",
        setting="fine-tuned",
        data="YouCook2",
        figures="youcook2_fine_tuned",
        entries=(
            Entry(RESNET, "youcook2-resnet", released.FINE_TUNED_YOUCOOK2, (released.YOUCOOK2,)),
        ),
        split="validation, 3,350 clips",
        total=3350,
    ),
    Benchmark(
        name="crosstask",
        task="steps",
        setting="zero-shot",
        data="CrossTask",
        figures="crosstask",
        entries=_long_video_entries("crosstask", released.CROSSTASK_ANNOTATIONS),
        split="all annotated videos at hand",
        note=f"{UNKNOWN_WINDOWS} In which variant and form the recalls of others were computed "
        "is not said where they are listed.",
    ),
    Benchmark(
        name="mining-youtube",
        task="alignment",
        setting="zero-shot",
        data="MiningYouTube",
        figures="mining_youtube",
        entries=_long_video_entries("mining_youtube", released.MINING_YOUTUBE_ANNOTATIONS),
        split="test videos at hand",
        note=f"{UNKNOWN_WINDOWS} Nor is it public which IoU and IoD it computed.",
    ),
)


def chosen_benchmarks(only: Sequence[str] | None = None) -> list[Benchmark]:
    """The benchmarks of these names; all by default.

    Raises:
        ValueError: names one that there is not.
    """
    names = [one.name for one in BENCHMARKS]
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise ValueError(f"no benchmark is called {unknown[0]!r}; there are {', '.join(names)}")
    return [one for one in BENCHMARKS if not only or one.name in only]
