"""The measurement of the data's way: reading clips, making features, keeping a dataset."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mmlab.bench.backbones import BackboneSpeed, measure_backbones
from mmlab.bench.contents import Content, VideoSizes, content_of, synthetic_content
from mmlab.bench.data_report import (
    DataReport,
    backbone_table,
    extraction_table,
    loading_table,
    upkeep_lines,
)
from mmlab.bench.extraction import Extraction, measure_extraction
from mmlab.bench.film import write_films
from mmlab.bench.loading import Loading, measure_loading
from mmlab.bench.machine import environment
from mmlab.bench.upkeep import measure_upkeep
from mmlab.bench.variants import load_baseline
from mmlab.dataset import ClipDataset

Tell = Callable[[str], None]


@dataclass(frozen=True)
class DataSettings:
    """What to measure.

    Attributes:
        clips: the batch sizes.
        clips_per_video: 1 draws every clip by itself; more takes as many of a video together,
            as the paper's training does with ten.
        rounds: timed rounds of loading, in each of which every side reads one batch.
        sizes: of the synthetic videos.
        film_seconds: length of the film that is made for extraction.
        files: at most so many of each folder of media are turned to features.
        memory: also measure the memory of reading, in fresh processes.
        backbones: also time the paper's networks; needs transformers.
        device: where these run, "cpu" or "cuda".
    """

    clips: tuple[int, ...] = (16, 128)
    clips_per_video: tuple[int, ...] = (1, 10)
    rounds: int = 7
    sizes: VideoSizes = VideoSizes()
    film_seconds: int = 60
    files: int = 24
    memory: bool = True
    backbones: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min((*self.clips, *self.clips_per_video, self.rounds), default=0) < 1:
            raise ValueError(
                f"batches, clips of a video and rounds are 1 or more; found {self.clips}, "
                f"{self.clips_per_video}, {self.rounds}"
            )


def measure_data(
    settings: DataSettings = DataSettings(),  # noqa: B008 - it is frozen
    *,
    dataset: ClipDataset | None = None,
    media: Path | None = None,
    tell: Tell = print,
) -> DataReport:
    """Measure loading, extraction, networks and upkeep, one after the other.

    Args:
        settings: what to measure.
        dataset: to read clips of, beside the synthetic one; such as the sample's.
        media: a folder of media to extract features of, beside the film that is made.
        tell: gets each part's table when it is measured.

    Raises:
        FileNotFoundError: the baseline is not there.
        ValueError: mmlab and the baseline do not read the same.
    """
    load_baseline("published_style_data")  # if it is missing, say so before the long work
    with tempfile.TemporaryDirectory(prefix="mmlab-bench-") as name:
        folder = Path(name)
        synthetic = synthetic_content(folder / "synthetic", settings.sizes)
        contents = [synthetic]
        if dataset is not None:
            contents.append(content_of(dataset, folder / "given"))
        loading = list(_loading(settings, contents, tell))
        films = write_films(folder / "films", settings.film_seconds)
        extraction = list(_extraction(settings, films, media, tell))
        upkeep = measure_upkeep(synthetic.dataset)
        tell(upkeep_lines(upkeep))
    return DataReport(
        environment(settings.device),
        asdict(settings),
        loading,
        extraction,
        _backbones(settings, tell),
        upkeep,
    )


def _loading(settings: DataSettings, contents: list[Content], tell: Tell) -> Iterator[Loading]:
    for content in contents:
        for together in settings.clips_per_video:
            for clips in settings.clips:
                found = measure_loading(
                    content, clips, together, settings.rounds, memory=settings.memory
                )
                tell(loading_table(found))
                yield found


def _extraction(
    settings: DataSettings, films: Path, media: Path | None, tell: Tell
) -> Iterator[Extraction]:
    folders = {"a film made for this": films}
    if media is not None:
        folders[media.name] = media
    for name, folder in folders.items():
        found = measure_extraction(folder, name, settings.files)
        tell(extraction_table(found))
        yield found


def _backbones(settings: DataSettings, tell: Tell) -> list[BackboneSpeed]:
    if not settings.backbones:
        return []
    tokens = 128 if settings.device == "cuda" else 8
    found = measure_backbones(settings.device, tokens=tokens)
    tell(backbone_table(found))
    return found
