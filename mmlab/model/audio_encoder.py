"""Sound to tokens: the residual network DAVEnet over log-mel frames (paper, section 4.1).

One convolution looks at all mel bands of a single frame; then every stage of residual blocks
halves the frame rate, so six stages turn 64 frames (0.64 s) into one token.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmlab.model.config import AudioEncoderConfig
from mmlab.model.frame_norm import FrameNorm
from mmlab.types import Tokens


class TimeConvolution(nn.Module):
    """A convolution over time without bias.

    Sound is (B, C, 1, F) with the channels last in memory, as frames come: convolutions and
    batch norm run faster so. On a CPU a wide layer over few frames is one matrix product with
    the weight as it lies in memory: a convolution would first reorder the weight, and then its
    gradient, which costs more than it saves once the weight is larger than the windows of sound.
    """

    def __init__(self, width_in: int, width: int, kernel_frames: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(width, width_in, kernel_frames))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # as torch's own convolutions

    def forward(self, sound: Tensor) -> Tensor:
        """(B, C, 1, F) -> (B, C', 1, F / stride)."""
        kernel, stride = self.weight.shape[2], self.stride
        if kernel == 1:
            frames = sound.squeeze(2).transpose(1, 2)[:, ::stride]  # (B, F / stride, C)
        elif sound.is_cpu and sound.numel() * kernel <= self.weight.numel() * stride:
            padded = F.pad(sound.squeeze(2), (kernel // 2, kernel // 2))
            windows = padded.unfold(2, kernel, stride)  # (B, C, F / stride, kernel)
            frames = windows.transpose(1, 2).flatten(2)  # (B, F / stride, C kernel)
        else:
            weight = self.weight[:, :, None].contiguous(memory_format=torch.channels_last)
            return F.conv2d(sound, weight, stride=(1, stride), padding=(0, kernel // 2))
        frames = F.linear(frames, self.weight.flatten(1))  # (B, F / stride, C')
        return frames.transpose(1, 2)[:, :, None]


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
        """(B, C, 1, F), (B, F) -> (B, C', 1, F'), (B, F'); `keep` is False on padding frames."""
        if keep is not None:
            keep = any_of(keep, self.stride)
        hidden = F.relu(self.bn1(self.conv1(sound), keep))
        hidden = self.bn2(self.conv2(hidden), keep)
        if self.downsample is not None:
            sound = self.downsample[1](self.downsample[0](sound), keep)
        return F.relu(hidden + sound), keep


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

    def forward(self, frames: Tokens, *, recompute: bool = False) -> Tokens:
        """Encode a batch; a token is real if any of its frames is.

        With `recompute` the way back computes each block's activations again in place of keeping
        them: less memory, more time.
        """
        keep = None if not self.config.mask_padding or frames.mask.all() else frames.mask
        sound = frames.values.transpose(1, 2)[:, :, None]  # (B, C, 1, F)
        for layer in (self._stem, *self.blocks):
            if recompute:
                sound, keep = checkpoint(layer, sound, keep, use_reentrant=False)
            else:
                sound, keep = layer(sound, keep)
        mask = any_of(frames.mask, self.span(frames.mask.shape[1]))
        return Tokens(sound.squeeze(2).transpose(1, 2), mask)  # (B, N, C), (B, N)

    def _stem(self, sound: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return F.relu(self.bn1(self.conv1(sound), keep)), keep

    def span(self, frames: int) -> int:
        """How many frames a token stands for; as published, they share padded sound equally."""
        span = self.config.frames_per_token
        return span if self.config.mask_padding else math.ceil(frames / math.ceil(frames / span))


def any_of(mask: Tensor, span: int) -> Tensor:
    """(B, F) bool -> (B, F / span) bool: whether any of `span` frames is real."""
    return F.max_pool1d(mask[:, None].float(), span, ceil_mode=True)[:, 0] > 0
