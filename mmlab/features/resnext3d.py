"""The 3D ResNeXt-101 whose features the paper uses (Hara et al., CVPR 2018; trained on Kinetics).

Weights are not part of mmlab: `load_resnext3d` reads a file in the layout of the authors'
release (keys `conv1.weight`, `layer1.0.conv1.weight`, `layer1.0.downsample.0.weight`, ...).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CARDINALITY = 32
EXPANSION = 2
STAGE_PLANES = (128, 256, 512, 1024)
STAGE_BLOCKS = (3, 4, 23, 3)


class ResNeXt3D(nn.Module):
    """Clips to one vector each: (B, 3, 16, 112, 112) -> (B, 2048) after global average pooling.

    Args:
        blocks: residual blocks in each of the four stages.
        planes: width of each stage; its output has twice as many channels.
    """

    def __init__(
        self,
        blocks: tuple[int, ...] = STAGE_BLOCKS,
        planes: tuple[int, ...] = STAGE_PLANES,
        stem: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, stem, 7, stride=(1, 2, 2), padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(stem)
        self.pool = nn.MaxPool3d(3, stride=2, padding=1)
        channels = stem
        for stage, (count, width) in enumerate(zip(blocks, planes, strict=True), start=1):
            parts = []
            for index in range(count):
                stride = 2 if stage > 1 and index == 0 else 1
                parts.append(_Block(channels, width, stride))
                channels = width * EXPANSION
            self.add_module(f"layer{stage}", nn.Sequential(*parts))
        self.width = channels

    def forward(self, clips: Tensor) -> Tensor:
        """See the class."""
        features = self.pool(torch.relu(self.bn1(self.conv1(clips))))  # (B, 64, 8, 28, 28)
        for name, stage in self.named_children():
            if name.startswith("layer"):
                features = stage(features)
        return features.mean(dim=(2, 3, 4))


class _Block(nn.Module):
    """1x1x1, grouped 3x3x3, 1x1x1, each with batch norm, around a shortcut."""

    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        middle, out = CARDINALITY * (planes // CARDINALITY), planes * EXPANSION
        self.conv1 = nn.Conv3d(channels, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(middle)
        self.conv2 = nn.Conv3d(
            middle, middle, 3, stride=stride, padding=1, groups=CARDINALITY, bias=False
        )
        self.bn2 = nn.BatchNorm3d(middle)
        self.conv3 = nn.Conv3d(middle, out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            projection = nn.Conv3d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm3d(out))

    def forward(self, features: Tensor) -> Tensor:
        inner = torch.relu(self.bn1(self.conv1(features)))
        inner = torch.relu(self.bn2(self.conv2(inner)))
        return torch.relu(self.bn3(self.conv3(inner)) + self.downsample(features))


def load_resnext3d(weights: dict[str, Tensor]) -> ResNeXt3D:
    """The network for these weights, whose shapes tell its depth and widths.

    Raises:
        ValueError: keys or shapes are not those of such a network.
    """
    try:
        blocks = tuple(_count(weights, f"layer{stage}.") for stage in range(1, 5))
        planes = tuple(
            len(weights[f"layer{stage}.0.conv3.weight"]) // EXPANSION for stage in range(1, 5)
        )
        network = ResNeXt3D(blocks, planes, stem=len(weights["conv1.weight"]))
        used = {name: value for name, value in weights.items() if not name.startswith("fc.")}
        network.load_state_dict(used)
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"these are not the weights of a 3D ResNeXt with shortcut type B ({reason}); "
            "give the released resnext-101-kinetics.pth"
        ) from error
    return network.eval().requires_grad_(False)


def _count(weights: dict[str, Tensor], stage: str) -> int:
    return 1 + max(int(name.split(".")[1]) for name in weights if name.startswith(stage))
