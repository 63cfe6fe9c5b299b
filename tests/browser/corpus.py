"""A tiny corpus of real media with awkward captions, and notebooks that show it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import nbformat
import torch

from mmlab.ingest import ingest
from mmlab.model import FusionModel, ModelConfig

CAPTIONS = {
    "red right.mp4": "move the <b>red</b> square & wait",
    "green left.mp4": "move the green square left",
    "blue mute.mp4": "say nothing at all",
    "only sound.mp4": "listen <script>alert(1)</script>",
}

MORE = (
    ("red right.mp4", 1, 3, "and back again"),
    ("red right.mp4", 0, 1, "slide the red square slowly"),
    ("red right.mp4", 0.5, 2.5, "the square turns the corner"),
    ("red right.mp4", 1.5, 3, "stop the red square"),
    ("green left.mp4", 0, 1, "start the green square"),
    ("green left.mp4", 0.5, 2.5, "the green square goes left again"),
    ("green left.mp4", 1, 2, " ".join(["and on and on it goes"] * 34)),  # about 200 words
    ("blue mute.mp4", 0, 1, "blue and quiet"),
    ("only sound.mp4", 0.5, 2, "hum a low note"),
)
"""media file, start and end in seconds, caption."""

OPEN = """from pathlib import Path
import mmlab
from mmlab import views
folder = Path({folder!r})
dataset = mmlab.ClipDataset.open(folder / "dataset")
retriever = mmlab.Retriever(mmlab.FusionModel.from_pretrained(folder / "model"), dataset)
row = dataset.manifest.index[dataset.manifest.media_path == "red right.mp4"][0]
clip_id = dataset.manifest.clip_id[row]"""


def make_corpus(media_folder: Path, folder: Path) -> Path:
    """Write FOLDER/dataset and FOLDER/model."""
    clips = [(name, 0, 2, text) for name, text in CAPTIONS.items()]
    with (folder / "captions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "start_seconds", "end_seconds", "text", "split"])
        table.writerows([*clip, "test"] for clip in (*clips, *MORE))
    dataset = ingest(media_folder, folder / "captions.csv", folder / "dataset", progress=False)
    torch.manual_seed(0)
    widths = {name: info.width for name, info in dataset.features.items()}
    config = ModelConfig.sample(video_width=widths["video"], text_width=widths["text"])
    FusionModel(config).save_pretrained(folder / "model")
    return folder


def write_notebook(path: Path, cells: Sequence[str]) -> Path:
    """A notebook of code cells for this machine's Python."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(book, path)
    return path


def views_notebook(corpus: Path, path: Path, *cells: str) -> Path:
    """A notebook that opens the corpus as `retriever`, then runs these cells."""
    return write_notebook(path, [OPEN.format(folder=str(corpus)), *cells])
