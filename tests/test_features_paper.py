"""The paper's own picture networks against their recipes, written out."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmlab.features.paper import PublishedResNet, PublishedResNeXt, read_weights
from mmlab.features.registry import load_picture_backbone
from mmlab.features.resnext3d import ResNeXt3D
from tests.tiny_models import frames, resnet


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


def test_published_2d_features_also_from_a_saved_model(tmp_path):
    resnet().save_pretrained(tmp_path)
    backbone = PublishedResNet(str(tmp_path), "cpu")
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


def test_weights_that_do_not_fit_or_hold_code_are_refused(tmp_path):
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
