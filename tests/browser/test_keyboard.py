"""Every view without a mouse and without eyes: axe-core finds nothing grave, Tab reaches all."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import violations, walk
from tests.browser.corpus import views_notebook

pytestmark = pytest.mark.slow

CELLS = {
    "mmlab-player": """from mmlab.views.player import Segment
steps = [Segment(0, 1, "first"), Segment(1, 2, "then")]
views.ClipPlayer(dataset.media_path(row), 0, 2, caption="move", segments=steps)""",
    "mmlab-gallery": """from mmlab.views.gallery import ClipGallery
ClipGallery(dataset, dataset.manifest, per_page=2)""",
    "mmlab-attention": "views.AttentionView(retriever, clip_id)",
    "mmlab-map": """from mmlab.space import embedding_space
view = views.EmbeddingMap(embedding_space(retriever), method="pca")
view.search("the red square")
view""",
    "mmlab-matrix": """from mmlab.views.recall_matrix import RecallMatrix
RecallMatrix(retriever, direction=("text", "video"), worst=1)""",
    "mmlab-training-form": "views.TrainingForm(mmlab.TrainConfig())",
}
"""The class of each view, and the cell that shows it."""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_every_view_can_be_used_by_keyboard_alone(
    views_corpus, open_notebook, lab, tmp_path, theme
):
    lab.use_theme(theme)
    path = tmp_path / f"keyboard-{theme}.ipynb"
    opened = open_notebook(views_notebook(views_corpus, path, *CELLS.values()))
    opened.run_all()
    found = {name: violations(opened.view(f".{name}"), f".{name}") for name in CELLS}
    assert found == dict.fromkeys(CELLS, [])
    for name in CELLS:
        met = walk(opened.view(f".{name}"))
        assert met.missed == [], f"{name}: Tab does not reach these"
        assert met.nameless == [], f"{name}: a screen reader has no name for these"
        assert met.unseen == [], f"{name}: nothing shows that the focus is on these"
        assert met.left, f"{name}: Tab never leaves the view"
    assert opened.errors == []
