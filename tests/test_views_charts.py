import pandas as pd
import pytest

from mmlab.views.charts import recall_chart
from mmlab.views.theme import category_colours, colour_of


@pytest.fixture
def scores():
    return pd.DataFrame(
        {
            "query": ["text", "text"],
            "gallery": ["video", "video+audio"],
            "R@1": [10.0, 22.0],
            "R@1 low": [8.0, 19.0],
            "R@1 high": [12.0, 25.0],
            "R@5": [30.0, 50.0],
            "R@10": [45.0, 100.0],
        }
    )


def labels(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def test_recall_chart_tells_numbers(scores):
    ceilings = scores[["query", "gallery"]].assign(**{"R@1": 40.0, "R@5": 60.0, "R@10": 80.0})
    picture = recall_chart(scores, ceilings=ceilings, clips=200)
    assert "text → video+audio 22 %" in picture.sentence
    assert labels(picture) == ["10", "22", "30", "50", "45", "100"]
    assert picture.png()


def test_recall_chart_without_ceilings_or_intervals(scores):
    plain = scores[["query", "gallery", "R@1"]]
    assert recall_chart(plain, cutoffs=[1]).png()


def test_modalities_have_fixed_colours():
    assert colour_of("video") == colour_of(("video",)) == "#0072B2"
    assert len({colour_of(name) for name in ("text", "video", "audio", "video+audio")}) == 4
    assert category_colours(["audio", "text"])["audio"] == colour_of("audio")
    assert category_colours(["chop", "mash"])["chop"] != category_colours(["chop", "mash"])["mash"]
