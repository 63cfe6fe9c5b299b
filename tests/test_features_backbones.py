"""Picture and sound networks: tiny models of each architecture, written here and loaded by name.

Their weights are random, everything else is the real path: files, processor, batches, reading.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlab.features import clips, images
from mmlab.features.backbone import PictureBackbone, SoundBackbone
from mmlab.features.images import FrameProcessor, short_side_size
from mmlab.features.paper import PublishedResNet, PublishedResNeXt, read_weights
from mmlab.features.pretrained import choose_device
from mmlab.features.registry import load_picture_backbone, load_sound_backbone
from mmlab.features.resnext3d import ResNeXt3D
from mmlab.features.sounds import sound_windows

transformers = pytest.importorskip("transformers")

LAYERS = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
PICTURE = LAYERS | {"image_size": 32, "patch_size": 16}
CROPPED = {
    "size": {"shortest_edge": 32},
    "crop_size": {"height": 32, "width": 32},
    "do_resize": True,
    "do_center_crop": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
    "resample": 3,
}
SQUEEZED = CROPPED | {
    "size": {"height": 32, "width": 32},
    "do_center_crop": False,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
}
CONVNEXT = SQUEEZED | {"size": {"shortest_edge": 32}, "crop_pct": 0.875}
TEXT = LAYERS | {"vocab_size": 64, "max_position_embeddings": 16}
IDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}


def clip() -> Any:
    parts = {"text_config": TEXT | IDS, "vision_config": PICTURE}
    return transformers.CLIPModel(transformers.CLIPConfig(**parts, projection_dim=8))


def siglip() -> Any:
    parts = {"text_config": TEXT | IDS, "vision_config": PICTURE}
    return transformers.SiglipModel(transformers.SiglipConfig(**parts))


def vit_classifier() -> Any:
    """A checkpoint with a classifier has no pooler: reading that would give random numbers."""
    return transformers.ViTForImageClassification(transformers.ViTConfig(**PICTURE))


def dinov2() -> Any:
    return transformers.Dinov2Model(transformers.Dinov2Config(**PICTURE))


def alike(model_type: str) -> Callable[[], Any]:
    """Others that are read like one of these, by the config's `model_type`."""

    def make() -> Any:
        wide = {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}
        settings = wide if "convnext" in model_type else PICTURE
        config = transformers.AutoConfig.for_model(model_type, **settings)
        return transformers.AutoModel.from_config(config)

    return make


def dinov3() -> Any:
    return transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**PICTURE))


def convnext() -> Any:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1])
    return transformers.ConvNextModel(config)


def resnet(depths: tuple[int, ...] = (1, 2, 1, 1)) -> Any:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[16, 16, 32, 32], depths=list(depths)
    )
    model = transformers.ResNetModel(config)
    with torch.no_grad():  # batch norm that does something
        for name, values in model.state_dict().items():
            if name.endswith(("running_var", "normalization.weight")):
                values.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "normalization.bias")):
                values.uniform_(-0.2, 0.2)
    return model


def videomae() -> Any:
    return transformers.VideoMAEModel(transformers.VideoMAEConfig(**PICTURE, num_frames=16))


def xclip() -> Any:
    vision = PICTURE | {"num_frames": 8, "mit_hidden_size": 8, "mit_intermediate_size": 8}
    vision |= {"mit_num_hidden_layers": 1, "mit_num_attention_heads": 2}
    parts = {"text_config": TEXT | IDS, "vision_config": vision}
    return transformers.XCLIPModel(transformers.XCLIPConfig(**parts, projection_dim=8))


IMAGE_MODELS: dict[str, tuple[Callable[[], Any], str, dict[str, Any], int]] = {
    "clip": (clip, "CLIPImageProcessor", CROPPED, 8),
    "siglip": (siglip, "SiglipImageProcessor", SQUEEZED, 16),
    "vit": (vit_classifier, "ViTFeatureExtractor", SQUEEZED, 16),
    "dinov2": (dinov2, "BitImageProcessor", CROPPED, 16),
    "dinov3": (dinov3, "DINOv3ViTImageProcessorFast", SQUEEZED, 16),
    "convnext": (convnext, "ConvNextFeatureExtractor", CONVNEXT, 16),
    "resnet": (resnet, "ConvNextImageProcessor", CONVNEXT, 32),
    "deit": (alike("deit"), "DeiTFeatureExtractor", CROPPED, 16),
    "clip_vision_model": (alike("clip_vision_model"), "CLIPImageProcessor", CROPPED, 16),
    "siglip_vision_model": (alike("siglip_vision_model"), "SiglipImageProcessor", SQUEEZED, 16),
    "dinov2_with_registers": (alike("dinov2_with_registers"), "BitImageProcessor", CROPPED, 16),
    "dinov3_convnext": (alike("dinov3_convnext"), "DINOv3ViTImageProcessorFast", SQUEEZED, 16),
    "convnextv2": (alike("convnextv2"), "ConvNextFeatureExtractor", CONVNEXT, 16),
}
CLIP_MODELS = {
    "videomae": (videomae, "VideoMAEFeatureExtractor", CROPPED, 16),
    "xclip": (xclip, "VideoMAEImageProcessor", CROPPED, 8),
}
PICTURE_MODELS = IMAGE_MODELS | CLIP_MODELS


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tiny picture and sound models, each in a folder of its name."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, (make, processor, settings, _) in PICTURE_MODELS.items():
        make().save_pretrained(root / name)
        key = "feature_extractor_type" if "Extractor" in processor else "image_processor_type"
        (root / name / "preprocessor_config.json").write_text(
            json.dumps(settings | {key: processor})
        )
    for name, (make, extractor, _) in SOUND_MODELS.items():
        make().save_pretrained(root / name)
        extractor().save_pretrained(root / name)
    return root


def frames(count: int, each: int, size: tuple[int, int] = (40, 56)) -> np.ndarray:
    """(count, each, H, W, 3) of smooth random pictures."""
    coarse = torch.rand(count * each, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    fine = F.interpolate(coarse, size, mode="bilinear").permute(0, 2, 3, 1) * 255
    return fine.round().to(torch.uint8).reshape(count, each, *size, 3).numpy()


# --- pictures


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


# --- the paper's own networks


def resnet_by_hand(weights: dict[str, torch.Tensor], pixels: torch.Tensor) -> torch.Tensor:
    """Torchvision's ResNet, written out: stride in the 3 x 3 convolution of a block."""

    def normed(values: torch.Tensor, name: str) -> torch.Tensor:
        kinds = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(values, *(weights[f"{name}.{kind}"] for kind in kinds))

    values = F.conv2d(pixels, weights["conv1.weight"], stride=2, padding=3)
    values = F.max_pool2d(torch.relu(normed(values, "bn1")), 3, stride=2, padding=1)
    for stage in range(1, 5):
        for block in range(2 if stage == 2 else 1):
            at = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            inner = torch.relu(normed(F.conv2d(values, weights[f"{at}.conv1.weight"]), f"{at}.bn1"))
            inner = F.conv2d(inner, weights[f"{at}.conv2.weight"], stride=stride, padding=1)
            inner = torch.relu(normed(inner, f"{at}.bn2"))
            inner = normed(F.conv2d(inner, weights[f"{at}.conv3.weight"]), f"{at}.bn3")
            if f"{at}.downsample.0.weight" in weights:
                values = F.conv2d(values, weights[f"{at}.downsample.0.weight"], stride=stride)
                values = normed(values, f"{at}.downsample.1")
            values = torch.relu(inner + values)
    return values.mean(dim=(2, 3))


def torchvision_weights() -> dict[str, torch.Tensor]:
    """Random weights of a small ResNet in torchvision's layout, with a classifier."""
    generator = torch.Generator().manual_seed(3)
    weights: dict[str, torch.Tensor] = {}

    def add(convolution: str, norm: str, out: int, inside: int, side: int) -> None:
        scale = (inside * side * side) ** -0.5
        shape = (out, inside, side, side)
        weights[f"{convolution}.weight"] = scale * torch.randn(shape, generator=generator)
        for kind, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.2, 0.2),
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 1.5),
        ):
            spread = torch.rand(out, generator=generator)
            weights[f"{norm}.{kind}"] = low + (high - low) * spread

    add("conv1", "bn1", 8, 3, 7)
    channels = 8
    for stage, (out, blocks) in enumerate([(16, 1), (16, 2), (32, 1), (32, 1)], start=1):
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            add(f"{at}.conv1", f"{at}.bn1", out // 4, channels, 1)
            add(f"{at}.conv2", f"{at}.bn2", out // 4, out // 4, 3)
            add(f"{at}.conv3", f"{at}.bn3", out, out // 4, 1)
            if block == 0:
                add(f"{at}.downsample.0", f"{at}.downsample.1", out, channels, 1)
            channels = out
    weights["fc.weight"], weights["fc.bias"] = torch.zeros(10, 32), torch.zeros(10)
    return weights


def test_published_2d_features_follow_the_papers_recipe(tmp_path):
    weights = torchvision_weights()
    torch.save(weights, tmp_path / "resnet.pth")
    backbone = load_picture_backbone(f"published-resnet152:{tmp_path / 'resnet.pth'}", "cpu")
    assert (backbone.tokens_per_second, backbone.width) == (1, 32)
    assert backbone.frame_size(640, 360) == (398, 224)
    pictures = frames(3, 1, (64, 96))  # not square: nothing is cropped
    pixels = torch.from_numpy(pictures[:, 0]).permute(0, 3, 1, 2) / 255
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for channel in range(3):
        pixels[:, channel] = (pixels[:, channel] - mean[channel]) / deviation[channel]
    expected = F.normalize(resnet_by_hand(weights, pixels), dim=1).numpy()
    np.testing.assert_allclose(backbone.extract([pictures]), expected, atol=1e-5)


def test_published_2d_features_also_from_a_saved_model(folders):
    backbone = PublishedResNet(str(folders / "resnet"), "cpu")
    assert backbone.extract([frames(2, 1)]).shape == (2, 32)


def small_resnext() -> ResNeXt3D:
    torch.manual_seed(5)
    return ResNeXt3D((1, 1, 2, 1), (32, 32, 32, 64), stem=8).eval()


def test_published_3d_features_follow_the_papers_recipe(tmp_path):
    network = small_resnext()
    released = {f"module.{name}": value for name, value in network.state_dict().items()}
    released["module.fc.weight"] = torch.zeros(400, 128)
    checkpoint = {"arch": "resnext-101", "epoch": 1, "state_dict": released, "optimizer": {}}
    torch.save(checkpoint, tmp_path / "resnext.pth")
    backbone = load_picture_backbone(f"published-resnext101:{tmp_path / 'resnext.pth'}", "cpu")
    assert (backbone.tokens_per_second, backbone.window_seconds) == (1.5, 16 / 24)
    assert (len(backbone.frame_offsets), backbone.frame_size(640, 360)) == (16, (199, 112))
    np.testing.assert_allclose(np.diff(backbone.frame_offsets), 1 / 24)
    clips = frames(1, 16, (112, 199))
    middle = torch.from_numpy(clips[0, :, :, 43:155].astype(np.float32))
    middle -= torch.tensor([110.6, 103.2, 96.3])
    with torch.inference_mode():
        expected = F.normalize(network(middle.permute(3, 0, 1, 2)[None]), dim=1).numpy()
    np.testing.assert_allclose(backbone.extract([clips]), expected, atol=1e-5)


def test_the_3d_network_is_the_published_one():
    """Shapes and parameters counted by hand: 3, 4, 23, 3 blocks of 32 groups, 2048 at the end."""
    with torch.device("meta"):
        network = ResNeXt3D()
        assert network(torch.empty(1, 3, 16, 112, 112)).shape == (1, 2048)
    count, channels = 64 * 3 * 7**3 + 2 * 64, 64
    for blocks, planes in ((3, 128), (4, 256), (23, 512), (3, 1024)):
        for block in range(blocks):
            count += channels * planes + planes * (planes // 32) * 27 + planes * 2 * planes
            count += 2 * (planes + planes + 2 * planes)
            if block == 0:
                count += channels * 2 * planes + 2 * 2 * planes
            channels = 2 * planes
    assert sum(weight.numel() for weight in network.parameters()) == count
    assert set(network.state_dict()) >= {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv2.weight",
        "layer3.22.bn3.bias",
        "layer4.0.downsample.1.running_var",
    }


def test_weights_that_do_not_fit_or_hold_code_are_refused(tmp_path, folders):
    torch.save({"conv1.weight": torch.zeros(8, 3, 7, 7)}, tmp_path / "half.pth")
    with pytest.raises(ValueError, match="not weights of torchvision"):
        PublishedResNet(str(tmp_path / "half.pth"), "cpu")
    with pytest.raises(ValueError, match="not the weights of a 3D ResNeXt"):
        PublishedResNeXt(str(tmp_path / "half.pth"), "cpu")
    torch.save({"state_dict": logging.getLogger("anything")}, tmp_path / "code.pth")
    with pytest.raises(ValueError, match=r"code\.pth: cannot be read as weights"):
        read_weights(tmp_path / "code.pth")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        read_weights(tmp_path / "missing.pth")


# --- sound


def clap(fused: bool = False) -> Any:
    audio = {
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "enable_fusion": fused,
        "fusion_type": "aff_2d" if fused else None,
        "aff_block_r": 2,
    }
    text = TEXT | {"max_position_embeddings": 20}
    return transformers.ClapModel(
        transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    )


def ast(max_length: int = 324) -> Any:
    return transformers.ASTModel(
        transformers.ASTConfig(**LAYERS, max_length=max_length, num_mel_bins=32)
    )


SOUND_MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any], int]] = {
    "clap": (clap, lambda: transformers.ClapFeatureExtractor(truncation="rand_trunc"), 8),
    "clap-fused": (lambda: clap(fused=True), transformers.ClapFeatureExtractor, 8),
    "ast": (ast, lambda: transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=324), 16),
}


def noise(seconds: float, rate: int) -> np.ndarray:
    """Noise whose colour changes every second."""
    samples = np.random.default_rng(2).normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    time = np.arange(len(samples)) / rate
    return samples + 0.3 * np.sin(2 * np.pi * 300 * (1 + time // 1) * time).astype(np.float32)


@pytest.mark.parametrize("name", SOUND_MODELS)
def test_sound_tokens_do_not_depend_on_how_the_file_is_read(folders, name):
    backbone = load_sound_backbone(str(folders / name), "cpu")
    assert isinstance(backbone, SoundBackbone)
    assert backbone.width == SOUND_MODELS[name][2]
    sound = noise(7.3, backbone.sample_rate)
    whole = backbone.extract([sound])
    assert len(whole) == np.ceil(7.3 * backbone.tokens_per_second)
    assert (whole.dtype, np.isfinite(whole).all()) == (np.float32, True)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-5)
    assert np.abs(np.diff(whole, axis=0)).max(axis=1).min() > 1e-4
    generator = np.random.default_rng(4)
    for count in (1, 3, 40):
        cuts = np.sort(generator.integers(0, len(sound), count))
        np.testing.assert_array_equal(backbone.extract(np.split(sound, cuts)), whole)


@pytest.mark.parametrize("name", SOUND_MODELS)
def test_short_and_empty_sounds(folders, name):
    backbone = load_sound_backbone(str(folders / name), "cpu")
    rate, each = backbone.sample_rate, 1 / backbone.tokens_per_second
    assert backbone.extract([]).shape == (0, backbone.width)
    assert backbone.extract([np.zeros(0, np.float32)]).shape == (0, backbone.width)
    for seconds, expected in ((0.001, 1), (each, 1), (each + 0.05, 1), (each + 0.2, 2)):
        assert len(backbone.extract([noise(seconds, rate)])) == expected, seconds
    broken = np.full(rate, np.nan, np.float32)
    silent = np.zeros(rate, np.float32)
    np.testing.assert_array_equal(backbone.extract([broken]), backbone.extract([silent]))


def test_clap_hears_two_seconds_repeated_by_its_own_processor(folders):
    backbone = load_sound_backbone(str(folders / "clap"), "cpu")
    sound = noise(4, 48_000)
    model = transformers.ClapModel.from_pretrained(folders / "clap").eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folders / "clap")
    expected = []
    for start in (0, 2):
        part = sound[start * 48_000 : (start + 2) * 48_000]
        inputs = extractor(np.tile(part, 5), sampling_rate=48_000, return_tensors="pt")
        with torch.inference_mode():
            expected.append(model.get_audio_features(**inputs).pooler_output[0].numpy())
    np.testing.assert_allclose(backbone.extract([sound]), expected, atol=1e-4)


def test_ast_tokens_are_means_over_the_patches_of_each_second(folders):
    """Windows of 324 frames start every 3 s; a patch is 16 frames wide, one every 10 frames."""
    backbone = load_sound_backbone(str(folders / "ast"), "cpu")
    sound = noise(5, 16_000)
    model = transformers.ASTModel.from_pretrained(folders / "ast").eval()
    extractor = transformers.ASTFeatureExtractor.from_pretrained(folders / "ast")
    expected = []
    for start, seconds in ((0, 3), (3, 2)):
        window = sound[start * 16_000 : start * 16_000 + 323 * 160 + 400]
        inputs = extractor(window, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            patches = model(**inputs).last_hidden_state[0, 2:].reshape(2, 31, 16)
        for second in range(seconds):
            near = [i for i in range(31) if second <= (10 * i + 8) / 100 < second + 1]
            expected.append(F.normalize(patches[:, near].mean(dim=(0, 1)), dim=0).numpy())
    np.testing.assert_allclose(backbone.extract([sound]), expected, atol=1e-5)


def test_sound_windows_by_the_slow_definition():
    generator = np.random.default_rng(0)
    for _ in range(200):
        samples = generator.normal(size=generator.integers(0, 60)).astype(np.float32)
        hop, rest = int(generator.integers(1, 12)), int(generator.integers(0, 4))
        span = hop + int(generator.integers(0, 5))
        starts = [s for s in range(0, 60, hop) if len(samples) - s > (rest if s else 0)]
        expected = [samples[start : start + span] for start in starts]
        blocks = np.split(samples, np.sort(generator.integers(0, len(samples) + 1, 3)))
        windows = list(sound_windows(blocks, span, hop, rest))
        assert len(windows) == len(expected)
        for window, slow in zip(windows, expected, strict=True):
            np.testing.assert_array_equal(window, slow)


# --- what is asked for wrongly


def test_none_and_unknown_sources(folders, tmp_path):
    assert load_picture_backbone("none") is None
    assert load_sound_backbone("none") is None
    with pytest.raises(ValueError, match="'audio-spectrogram-transformer', not a known picture"):
        load_picture_backbone(str(folders / "ast"))
    with pytest.raises(ValueError, match="is a 'clip', not a known sound network"):
        load_sound_backbone(str(folders / "clip"))
    with pytest.raises(ValueError, match="there is no such folder"):
        load_picture_backbone(str(tmp_path / "missing"))
    (tmp_path / "config.json").write_text("{not json")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_picture_backbone(str(tmp_path))


def test_a_name_that_cannot_be_had_says_how_to_mend_it(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="nobody/nothing: cannot be loaded .*hf download"):
        load_picture_backbone("nobody/nothing")


def test_missing_weights_are_not_left_random(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in (folders / "dinov2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["layernorm.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"do not fit a Dinov2Model: layernorm\.weight"):
        load_picture_backbone(str(tmp_path))


def test_pickled_weights_and_damaged_files_are_refused(folders, tmp_path):
    for file in (folders / "dinov2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_picture_backbone(str(tmp_path))
    (tmp_path / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors"):
        load_picture_backbone(str(tmp_path))


def test_backbones_are_loaded_once(folders):
    source = str(folders / "clip")
    assert load_picture_backbone(source, "cpu") is load_picture_backbone(source, "cpu")


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="use 'auto' or 'cpu'"):
        choose_device("toaster")


def test_without_transformers_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'mmlab\[backbones\]'"):
        load_picture_backbone("openai/clip-vit-base-patch32")
