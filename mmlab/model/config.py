"""What a model is, as frozen dataclasses that print and reload as JSON.

Defaults are the paper's main model (section 4.1); `ModelConfig.sample` is small enough for two
cores. Modalities are entries of a list: a fourth one is one more entry and nothing else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from mmlab.types import Modality


@dataclass(frozen=True)
class AudioEncoderConfig:
    """The residual sound network DAVEnet, trained from scratch with the model.

    Attributes:
        widths: channels of the stem, then of each stage; every stage halves the frame rate.
        blocks: residual blocks in each stage.
        kernel_frames: width of every convolution in time.
        mask_padding: zero the padding before each convolution, so that a clip gives the same
            tokens alone and in a batch. The published code does not (False): there, padding
            frames are read as sound.
    """

    widths: tuple[int, ...] = (128, 128, 256, 512, 1024, 2048, 4096)
    blocks: tuple[int, ...] = (2, 2, 1, 1, 1, 1)
    kernel_frames: int = 9
    mask_padding: bool = True

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) + 1:
            raise ValueError(
                f"widths names the stem and each of the {len(self.blocks)} stages in blocks, "
                f"found {len(self.widths)} widths"
            )

    @property
    def frames_per_token(self) -> int:
        """Frames (10 ms each) that one output token covers."""
        return 2 ** len(self.blocks)


@dataclass(frozen=True)
class ModalityConfig:
    """One modality: its name, the width of its incoming tokens, and an encoder if it has one."""

    name: Modality
    width: int
    encoder: AudioEncoderConfig | None = None


@dataclass(frozen=True)
class ModelConfig:
    """A fusion model.

    Attributes:
        modalities: in the order in which combinations are written.
        token_width: D, width of the tokens inside the transformer.
        depth: transformer blocks.
        heads: attention heads; they share D.
        mlp_ratio: hidden width of a block's MLP in units of D.
        projection_width: P, width of the shared embedding space.
        dropout: share of the projected tokens' values left out in training; the paper has none.
        masking_token: let a learned token stand in for a missing modality, as published; else a
            missing modality takes no part in the fusion.
    """

    modalities: tuple[ModalityConfig, ...]
    token_width: int = 4096
    depth: int = 1
    heads: int = 64
    mlp_ratio: float = 1.0
    projection_width: int = 6144
    dropout: float = 0.0
    masking_token: bool = False

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names) or not self.names:
            raise ValueError(f"modalities need different names, found {self.names}")
        if self.token_width % self.heads:
            raise ValueError(f"token_width {self.token_width} is not a multiple of {self.heads=}")

    @property
    def names(self) -> tuple[Modality, ...]:
        """The modalities' names, in order."""
        return tuple(modality.name for modality in self.modalities)

    @classmethod
    def sample(cls, video_width: int, text_width: int, mel_bands: int = 40) -> ModelConfig:
        """The configuration for the sample corpus: trains in minutes on two cores.

        A thousand clips are few, so the sound network looks at shorter stretches than the
        paper's, and some token values are left out in training.
        """
        widths = (48, 48, 64, 96, 128, 160, 192)
        encoder = AudioEncoderConfig(widths=widths, blocks=(1,) * 6, kernel_frames=3)
        return cls(
            modalities=(
                ModalityConfig("text", text_width),
                ModalityConfig("video", video_width),
                ModalityConfig("audio", mel_bands, encoder),
            ),
            token_width=256,
            heads=8,
            projection_width=256,
            dropout=0.2,
        )

    def to_json(self) -> str:
        """Print as JSON; `from_json` reads it back."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read what `to_json` wrote; an unknown or missing field is a TypeError naming it."""
        fields: dict[str, Any] = json.loads(text)
        fields["modalities"] = tuple(_read_modality(entry) for entry in fields["modalities"])
        return cls(**fields)


def _read_modality(fields: dict[str, Any]) -> ModalityConfig:
    encoder: dict[str, Any] | None = fields.pop("encoder", None)
    if encoder is None:
        return ModalityConfig(**fields)
    lists = {key: tuple(encoder[key]) for key in ("widths", "blocks")}
    return ModalityConfig(**fields, encoder=AudioEncoderConfig(**{**encoder, **lists}))
