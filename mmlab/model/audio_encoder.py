"""Sound to tokens: the residual network DAVEnet over log-mel frames (paper, section 4.1).

One convolution looks at all mel bands of a single frame; then every stage of residual blocks
halves the frame rate, so six stages turn 64 frames (0.64 s) into one token.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.model.config import AudioEncoderConfig
from mmlab.types import Tokens


class TimeConvolution(nn.Conv1d):
    """A convolution over time without bias, (B, C, F) -> (B, C', F / stride).

    On a CPU a wide layer over few frames runs as one matrix product on the weight as it lies in
    memory: a convolution kernel would first reorder the weight, and its gradient again, which
    costs more than it saves as soon as the weight is larger than the windows of sound.
    """

    def __init__(self, width_in: int, width: int, kernel_frames: int, stride: int = 1) -> None:
        super().__init__(
            width_in, width, kernel_frames, stride, padding=kernel_frames // 2, bias=False
        )

    def forward(self, sound: Tensor) -> Tensor:
        """(B, C, F) -> (B, C', F / stride)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if not sound.is_cpu or self.weight[0].numel() * self.out_channels < (
            sound.numel() * kernel // stride
        ):
            return super().forward(sound)
        windows = F.pad(sound, (kernel // 2, kernel // 2)).unfold(2, kernel, stride)
        columns = windows.transpose(1, 2).flatten(2)  # (B, F / stride, C * kernel)
        return F.linear(columns, self.weight.flatten(1)).transpose(1, 2)  # (B, C', F / stride)


class FrameNorm(nn.BatchNorm1d):
    """Batch norm whose statistics come from real frames only."""

    def forward(self, sound: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, C, F), (B, F) bool or None where every frame is real -> (B, C, F)."""
        if keep is None or not self.training:
            return super().forward(sound)
        frames = sound.transpose(1, 2)  # (B, F, C)
        normal = super().forward(frames[keep])  # (real frames, C)
        return frames.masked_scatter(keep[..., None], normal).transpose(1, 2)


class ResidualBlock(nn.Module):
    """Two convolutions over time beside a shortcut."""

    def __init__(self, width_in: int, width: int, kernel_frames: int, stride: int) -> None:
        super().__init__()
        self.conv1 = TimeConvolution(width_in, width, kernel_frames, stride)
        self.bn1 = FrameNorm(width)
        self.conv2 = TimeConvolution(width, width, kernel_frames)
        self.bn2 = FrameNorm(width)
        self.downsample = (
            nn.Sequential(TimeConvolution(width_in, width, 1, stride), FrameNorm(width))
            if stride != 1 or width_in != width
            else None
        )
        self.stride = stride

    def forward(self, sound: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, C, F), (B, F) -> (B, C', F'), (B, F'); `keep` is False on padding frames."""
        if keep is not None:
            keep = keep[:, :: self.stride]
        hidden = silence(F.relu(self.bn1(self.conv1(sound), keep)), keep)
        hidden = self.bn2(self.conv2(hidden), keep)
        if self.downsample is not None:
            sound = self.downsample[1](self.downsample[0](sound), keep)
        return silence(F.relu(hidden + sound), keep), keep


class AudioEncoder(nn.Module):
    """Log-mel frames (B, F, mel bands) to tokens (B, ceil(F / 64), widths[-1])."""

    def __init__(self, mel_bands: int, config: AudioEncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.conv1 = TimeConvolution(mel_bands, widths[0], kernel_frames=1)
        self.bn1 = FrameNorm(widths[0])
        self.blocks = nn.ModuleList(
            ResidualBlock(
                widths[stage] if first else widths[stage + 1],
                widths[stage + 1],
                config.kernel_frames,
                stride=2 if first else 1,
            )
            for stage, count in enumerate(config.blocks)
            for first in [True] + [False] * (count - 1)
        )

    def forward(self, frames: Tokens) -> Tokens:
        """Encode a batch; a token is real if any of its frames is."""
        keep = None if not self.config.mask_padding or frames.mask.all() else frames.mask
        sound = self.conv1(frames.values.transpose(1, 2))  # (B, C, F)
        sound = silence(F.relu(self.bn1(sound, keep)), keep)
        for block in self.blocks:
            sound, keep = block(sound, keep)
        span = self.config.frames_per_token
        mask = F.max_pool1d(frames.mask[:, None].float(), span, span, ceil_mode=True)[:, 0] > 0
        return Tokens(sound.transpose(1, 2), mask)  # (B, N, C), (B, N)


def silence(sound: Tensor, keep: Tensor | None) -> Tensor:
    """(B, C, F) with zeros in the padding, so that the next convolution reads none of it."""
    return sound if keep is None else sound * keep[:, None]
