import numpy as np
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from mmlab.model import FusionModel, ModelConfig
from mmlab.views import circle_picture, colour_of, fusion_picture, parts_table


def squares(picture):
    """The tokens and means that take part: faint ones are smaller."""
    patches = picture.figure.axes[0].patches
    return [one for one in patches if isinstance(one, Rectangle) and one.get_width() > 0.5]


def drawn(picture, size):
    return sum(abs(one.get_width() - size) < 0.01 for one in squares(picture))


def labels(picture):
    return [text.get_text() for text in picture.figure.axes[0].texts]


def test_every_combination_has_its_tokens_and_its_means():
    picture = fusion_picture({"text": 3, "video": 2, "audio": 4}, title="A clip")
    assert drawn(picture, 0.76) == (3 + 2 + 4) * 4  # a modality is in four of seven combinations
    assert drawn(picture, 1.0) == 3 * 4
    assert {"text", "video+audio", "text+video+audio", "4 audio"} <= set(labels(picture))
    assert "7 rows" in picture.sentence
    assert "4 of audio" in picture.sentence


def test_a_fourth_modality_is_more_of_the_same():
    picture = fusion_picture({"text": 1, "video": 1, "audio": 1, "depth": 2}, title="A clip")
    assert drawn(picture, 1.0) == 4 * 8
    assert picture.png()


def test_one_modality_alone_in_its_colour():
    picture = fusion_picture({"video": 2}, title="A silent clip")
    assert {to_hex(one.get_facecolor()).upper() for one in squares(picture)} == {colour_of("video")}


def test_a_circle_names_every_vector_that_is_there():
    picture = circle_picture(
        {"text": np.eye(2), "audio": np.array([[0.6, 0.8], [0, 0]])}, title="Two"
    )
    assert labels(picture) == ["text 1", "text 2", "audio 1"]
    assert "audio 1 at (0.6, 0.8)" in picture.sentence
    assert picture.png()


def test_parts_of_two_models_side_by_side():
    with torch.device("meta"):
        small = FusionModel(ModelConfig.sample(video_width=8, text_width=8))
        paper = FusionModel(ModelConfig.paper())
    table = parts_table({"small": small, "paper": paper})
    assert list(table.data.columns.get_level_values(0).unique()) == ["", "small", "paper"]
    total = sum(one.numel() for one in paper.parameters())
    assert table.data.loc["total", ("paper", "parameters")] == total
    assert list(table.data.index).index("masking token") < list(table.data.index).index("attention")
    page = table.to_html()
    assert f"{total:,}" in page
    assert "nan" not in page
