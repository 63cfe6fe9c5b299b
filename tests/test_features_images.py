"""Image and clip networks: frames prepared as the models want them, tokens as they give them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlab.features import clips, images
from mmlab.features.backbone import PictureBackbone
from mmlab.features.images import FrameProcessor, short_side_size
from mmlab.features.registry import load_picture_backbone
from tests.tiny_models import IMAGE_MODELS, PICTURE_MODELS, frames, save_models

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models, each in a folder of its name."""
    return save_models(tmp_path_factory.mktemp("models"), PICTURE_MODELS)


@pytest.mark.parametrize("name", PICTURE_MODELS)
def test_picture_networks_give_one_unit_vector_for_each_token(folders, name):
    backbone = load_picture_backbone(str(folders / name), "cpu")
    assert isinstance(backbone, PictureBackbone)
    assert backbone.width == PICTURE_MODELS[name][3]
    assert backbone.name.startswith(f"{name}-")
    tokens = backbone.extract([frames(3, len(backbone.frame_offsets))])
    assert (tokens.shape, tokens.dtype) == ((3, backbone.width), np.float32)
    np.testing.assert_allclose(np.linalg.norm(tokens, axis=1), 1, rtol=1e-5)
    assert np.abs(tokens[0] - tokens[1]).max() > 1e-4  # the pictures are seen
    assert backbone.extract([]).shape == (0, backbone.width)


@pytest.mark.parametrize("name", PICTURE_MODELS)
def test_blocks_and_batches_change_nothing(folders, name):
    backbone = load_picture_backbone(str(folders / name), "cpu")
    pictures = frames(5, len(backbone.frame_offsets))
    whole = backbone.extract([pictures])
    for sizes in ((1, 4), (2, 2, 1), (0, 5)):
        blocks = np.split(pictures, np.cumsum(sizes)[:-1])
        np.testing.assert_array_equal(backbone.extract(blocks), whole)
    singly = np.concatenate([backbone.extract([row[None]]) for row in pictures])
    np.testing.assert_allclose(singly, whole, atol=1e-5)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_frames_are_prepared_as_the_models_own_processor_does(folders, name):
    processor = FrameProcessor(str(folders / name), name)
    pictures = frames(2, 1, (45, 60))[:, 0]
    own = processor.pixels(pictures, torch.device("cpu")).numpy()
    if name.startswith("dinov3"):  # its processor needs torchvision: resize floats, then normalise
        values = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
        resized = F.interpolate(values, (32, 32), mode="bilinear", antialias=True)
        np.testing.assert_allclose(own, (resized.numpy() - 0.5) / 0.5, atol=2 / 255)
        return
    real = transformers.AutoImageProcessor.from_pretrained(folders / name, backend="pil")
    expected = np.stack(real(list(pictures), return_tensors="np")["pixel_values"])
    np.testing.assert_allclose(own, expected.reshape(own.shape), atol=1e-5)


@pytest.mark.parametrize("name", IMAGE_MODELS)
@pytest.mark.parametrize("size", [(60, 45), (45, 60), (640, 360), (20, 16)])
def test_frames_of_the_size_asked_for_are_not_resized_again(folders, name, size):
    """What the decoder is asked for is what the processor makes of the frame by itself."""
    processor = FrameProcessor(str(folders / name), name)
    width, height = processor.frame_size(*size)
    picture = frames(1, 1, (height, width))[0]
    settings = IMAGE_MODELS[name][2]
    mean, deviation = np.array(settings["image_mean"]), np.array(settings["image_std"])
    top, left = (height - 32) // 2, (width - 32) // 2
    cut = picture[0, top : top + 32, left : left + 32] / 255
    expected = ((cut - mean) / deviation).transpose(2, 0, 1)
    pixels = processor.pixels(picture, torch.device("cpu"))[0].numpy()
    assert pixels.shape == expected.shape == (3, 32, 32)
    np.testing.assert_allclose(pixels, expected, atol=1e-5)


def test_every_architecture_that_is_listed_is_tested_here(folders):
    configs = [json.loads((folders / name / "config.json").read_text()) for name in PICTURE_MODELS]
    assert {config["model_type"] for config in configs} == set(images.READINGS | clips.READINGS)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224}, 224),
        (
            {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "crop_pct": 0.875},
            256,
        ),
        ({"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}}, 256),
        ({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}}, None),
    ],
)
def test_settings_as_in_published_models(folders, tmp_path, settings, size):
    """Old files give one number for a size; None: squeezed to a square."""
    (tmp_path / "config.json").write_bytes((folders / "clip" / "config.json").read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    expected = (384, 384) if size is None else (int(size * 16 / 9), size)
    assert FrameProcessor(str(tmp_path), "any").frame_size(1920, 1080) == expected


def test_the_short_side_is_scaled_and_odd_shapes_stay_small():
    assert short_side_size(640, 360, 224) == (398, 224)
    assert short_side_size(360, 640, 224) == (224, 398)
    assert short_side_size(1920, 2, 224) == (1792, 224)


def test_clip_tokens_are_the_image_features(folders):
    pictures = frames(3, 1)
    tokens = load_picture_backbone(str(folders / "clip"), "cpu").extract([pictures])
    model = transformers.CLIPModel.from_pretrained(folders / "clip").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folders / "clip", backend="pil")
    with torch.inference_mode():
        inputs = processor(list(pictures[:, 0]), return_tensors="pt")
        expected = F.normalize(model.get_image_features(**inputs).pooler_output, dim=-1)
    np.testing.assert_allclose(tokens, expected.numpy(), atol=1e-5)


def test_videomae_tokens_are_the_mean_of_sixteen_frames_tokens(folders):
    backbone = load_picture_backbone(str(folders / "videomae"), "cpu")
    clips = frames(2, 16)
    model = transformers.VideoMAEModel.from_pretrained(folders / "videomae").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folders / "videomae", backend="pil")
    with torch.inference_mode():
        inputs = processor([list(clip) for clip in clips], return_tensors="pt")
        expected = F.normalize(model(**inputs).last_hidden_state.mean(dim=1), dim=-1)
    np.testing.assert_allclose(backbone.extract([clips]), expected.numpy(), atol=1e-5)


def test_xclip_tokens_are_the_video_features(folders):
    backbone = load_picture_backbone(str(folders / "xclip"), "cpu")
    clips = frames(2, 8)
    model = transformers.XCLIPModel.from_pretrained(folders / "xclip").eval()
    pixels = FrameProcessor(str(folders / "xclip"), "xclip").pixels(
        clips.reshape(16, *clips.shape[2:]), torch.device("cpu")
    )
    with torch.inference_mode():
        output = model.get_video_features(pixels.unflatten(0, (2, 8)))
        expected = F.normalize(output.pooler_output, dim=-1)
    np.testing.assert_allclose(backbone.extract([clips]), expected.numpy(), atol=1e-5)


def test_a_tokens_frames_lie_evenly_inside_its_window(folders):
    image = load_picture_backbone(str(folders / "clip"), "cpu")
    assert (image.tokens_per_second, image.window_seconds) == (1, 1)
    assert image.frame_offsets == (0.5,)
    for name, count in (("videomae", 16), ("xclip", 8)):
        backbone = load_picture_backbone(str(folders / name), "cpu")
        assert (backbone.tokens_per_second, backbone.window_seconds) == (0.5, 2)
        expected = (np.arange(count) + 0.5) * 2 / count
        np.testing.assert_allclose(backbone.frame_offsets, expected)
