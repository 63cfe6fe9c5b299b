"""The page for colleagues without Jupyter, and the notebook that Voilà makes it of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets
import nbformat
from traitlets.log import get_logger

from mmlab.retrieval import Retriever
from mmlab.runs import clips_to_ask, open_run
from mmlab.workbench.moments import MomentFinder
from mmlab.workbench.workbench import Workbench

if TYPE_CHECKING:
    from mmlab.index import VectorIndex

TEMPLATE = Path(__file__).parent / "page_template"
"""Voilà's template of ours."""

CLOSED = (
    "The clips cannot be searched just now. Whoever serves this page sees why; try again later."
)

CLIPS, MOMENTS = "Find clips", "Find the moment in a long video"


class Page(ipywidgets.VBox):
    """The workbench and, once somebody asks for it, the moment finder.

    Args:
        retriever: model and clips.

    Attributes:
        parts: which of the two is shown.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._made: dict[str, ipywidgets.Widget] = {}
        self.parts = ipywidgets.ToggleButtons(options=[CLIPS, MOMENTS])
        self.parts.style.button_width = "auto"
        self.parts.observe(lambda _: self._show(), "value")
        self._place = ipywidgets.VBox()
        heading = ipywidgets.HTML(f"<h1>{len(retriever.dataset):,} clips to ask</h1>")
        super().__init__([heading, self.parts, self._place])
        self.add_class("mmlab-page")
        self._show()

    def _show(self) -> None:
        chosen = self.parts.value
        if chosen not in self._made:
            self._made[chosen] = self._make(chosen)
        self._place.children = [self._made[chosen]]

    def _make(self, chosen: str) -> ipywidgets.Widget:
        if chosen == CLIPS:
            return Workbench(self._retriever)
        return MomentFinder(self._retriever, str(self._retriever.dataset.manifest.media_id.iloc[0]))


def page(run: Path | str, split: str | None = None, index: str | None = None) -> ipywidgets.Widget:
    """Everything that the page shows.

    What cannot be opened is a sentence instead. It does not tell visitors what it is and where:
    that goes to whoever serves the page.

    Args:
        run: a trained model's folder.
        split: which clips; default: test if there is one, else all.
        index: the folder or milvus:URI that `mmlab index` wrote of these clips.
    """
    try:
        return Page(open_retriever(run, split, index))
    except (ValueError, OSError, ImportError) as error:
        get_logger().error("mmlab: a visitor was shown nothing: %s", error)
        return ipywidgets.HTML(f"<p role='alert'>{CLOSED}</p>").add_class("mmlab-page")


def open_retriever(run: Path | str, split: str | None, index: str | None) -> Retriever:
    """The clips of a run that are searched.

    Raises:
        ValueError: no such split, or the index is of another model or data.
        OSError: no such run.
        ImportError: the index needs a package that is not installed.
    """
    model, dataset = open_run(Path(run))
    return Retriever(model, clips_to_ask(dataset, split), index=_index(index))


def write_page(folder: Path, run: Path, split: str | None = None, index: str | None = None) -> Path:
    """Write the notebook whose only cell shows `page`.

    Args:
        folder: where to write page.ipynb.
        run: see `page`.
        split: likewise.
        index: likewise.
    """
    source = f"from mmlab.workbench.page import page\npage({str(run)!r}, {split!r}, {index!r})"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    book.metadata["title"] = "mmlab"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.metadata["kernelspec"] = kernel
    path = folder / "page.ipynb"
    nbformat.write(book, path)
    return path


def _index(target: str | None) -> VectorIndex | None:
    if target is None:
        return None
    from mmlab.index import open_index

    return open_index(target)
