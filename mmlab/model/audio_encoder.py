"""Sound to tokens: the residual network DAVEnet over log-mel frames (paper, section 4.1).

One convolution looks at all mel bands of a single frame; then every stage of residual blocks
halves the frame rate, so six stages turn 64 frames (0.64 s) into one token.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.model.config import AudioEncoderConfig
from mmlab.types import Tokens


class ResidualBlock(nn.Module):
    """Two convolutions over time beside a shortcut."""

    def __init__(self, width_in: int, width: int, kernel_frames: int, stride: int) -> None:
        super().__init__()
        padding = kernel_frames // 2
        self.conv1 = nn.Conv1d(width_in, width, kernel_frames, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, width, kernel_frames, 1, padding, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.downsample = (
            nn.Sequential(nn.Conv1d(width_in, width, 1, stride, bias=False), nn.BatchNorm1d(width))
            if stride != 1 or width_in != width
            else None
        )
        self.stride = stride

    def forward(self, sound: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, C, F), (B, 1, F) -> (B, C', F'), (B, 1, F'); `keep` is 0 on padding frames."""
        if keep is not None:
            keep = keep[..., :: self.stride]
        hidden = F.relu(self.bn1(self.conv1(sound)))
        hidden = self.bn2(self.conv2(hidden if keep is None else hidden * keep))
        shortcut = sound if self.downsample is None else self.downsample(sound)
        out = F.relu(hidden + shortcut)
        return (out if keep is None else out * keep), keep


class AudioEncoder(nn.Module):
    """Log-mel frames (B, F, mel bands) to tokens (B, ceil(F / 64), widths[-1])."""

    def __init__(self, mel_bands: int, config: AudioEncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.conv1 = nn.Conv1d(mel_bands, widths[0], 1, bias=False)
        self.bn1 = nn.BatchNorm1d(widths[0])
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

    @property
    def width(self) -> int:
        """Width of the tokens that come out."""
        return self.config.widths[-1]

    def forward(self, frames: Tokens) -> Tokens:
        """Encode a batch; a token is real if any of its frames is."""
        real = frames.mask[:, None].to(frames.values.dtype)  # (B, 1, F)
        sound = F.relu(self.bn1(self.conv1(frames.values.transpose(1, 2))))  # (B, C, F)
        keep = real if self.config.mask_padding else None
        sound = sound if keep is None else sound * keep
        for block in self.blocks:
            sound, keep = block(sound, keep)
        span = self.config.frames_per_token
        mask = F.max_pool1d(real, span, span, ceil_mode=True)[:, 0] > 0  # (B, N)
        return Tokens(sound.transpose(1, 2), mask)  # (B, N, C)
