"""The same views in Notebook 7: they come up, answer and play."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.corpus import views_notebook
from tests.browser.gestures import click_at, drag, plays

pytestmark = pytest.mark.slow

MAP = """from mmlab.space import embedding_space
view = views.EmbeddingMap(embedding_space(retriever), method="pca")
view"""
ATTENTION = "view_of_words = views.AttentionView(retriever, clip_id)\nview_of_words"


def test_map_attention_and_player_work_in_notebook_7(
    views_corpus, open_notebook, notebook7, tmp_path
):
    notebook = views_notebook(views_corpus, tmp_path / "seven.ipynb", MAP, ATTENTION)
    opened = open_notebook(notebook, notebook7, height=1300)
    opened.run_all()
    root = opened.view(".mmlab-map")
    drag(root.locator(".js-plotly-plot"), [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)])
    expect(root.locator(".mmlab-map-count")).to_contain_text("selected")
    card = root.locator(".mmlab-map-gallery .mmlab-card").first
    card.locator(".mmlab-play").click()
    assert plays(card.locator("video"))
    opened.screenshot("notebook7-map", ".mmlab-map")

    words = opened.view(".mmlab-attention")
    words.locator(".mmlab-words button").nth(1).click()
    opened.wait_until("view_of_words.clock.chosen == 1")
    click_at(words.locator(".mmlab-lane-plot").first, 0.5)
    opened.wait_until("view_of_words.player.current_time >= 1")
    opened.screenshot("notebook7-attention", ".mmlab-attention")
    assert opened.errors == []
