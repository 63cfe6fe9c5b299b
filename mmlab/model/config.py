"""What a model is, as frozen dataclasses that print and reload as JSON.

Defaults are the paper's main model (section 4.1); every ablation of it is another value of a
field, and `ModelConfig.sample` is small enough for two cores. Modalities are entries of a list:
a fourth one is one more entry and nothing else.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from torch import nn

from mmlab.types import Modality

ProjectionKind = Literal["gated", "linear"]
Shortening = Literal["clip", "nearest", "max", "average"]

SHARED = "shared"
"""In place of a modality's name: the transformer or projection of all of them, a class token."""

RESERVED = {SHARED, "masking_token", *dir(nn.ModuleDict()), *dir(nn.ParameterDict())}
"""What a modality cannot be called: modules are kept under its name."""


@dataclass(frozen=True)
class AudioEncoderConfig:
    """The residual sound network DAVEnet, trained from scratch with the model.

    Attributes:
        widths: channels of the stem, then of each stage; every stage halves the frame rate.
        blocks: residual blocks in each stage.
        kernel_frames: width of every convolution in time, an odd number.
        mask_padding: zero the padding before each convolution and leave it out of the batch
            statistics, so that a clip gives the same tokens alone and in a batch. The published
            code does not (False): there, padding frames are read as sound, at the loudest level.
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
        widths = {f"widths[{number}]": width for number, width in enumerate(self.widths)}
        blocks = {f"blocks[{number}]": count for number, count in enumerate(self.blocks)}
        _check_least("encoder", 1, kernel_frames=self.kernel_frames, **widths, **blocks)
        if self.kernel_frames % 2 == 0:
            raise ValueError(f"kernel_frames must be odd, found {self.kernel_frames}")

    @classmethod
    def v1(cls) -> AudioEncoderConfig:
        """The smaller published network: 16 frames (0.16 s) to a token of width 1024."""
        return cls(widths=(128, 128, 256, 512, 1024), blocks=(2, 2, 2, 2))

    @classmethod
    def v2(cls) -> AudioEncoderConfig:
        """The network of the main model: 64 frames (0.64 s) to a token of width 4096."""
        return cls()

    @property
    def frames_per_token(self) -> int:
        """Frames (10 ms each) that one output token covers."""
        return 2 ** len(self.blocks)


@dataclass(frozen=True)
class ModalityConfig:
    """One modality.

    Attributes:
        name: a word; combinations are written with it.
        width: of the incoming tokens (with an encoder: of its frames, such as mel bands).
        encoder: turns frames into tokens; None where the tokens come as features.
        max_tokens: an item with more tokens is shortened to this many; also the number of
            positional embeddings, if the model has them.
        shorten: how: keep the first ("clip"), every so many ("nearest"), or the "max" or
            "average" over equal stretches.
    """

    name: Modality
    width: int
    encoder: AudioEncoderConfig | None = None
    max_tokens: int | None = None
    shorten: Shortening = "nearest"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w([\w -]*\w)?", self.name) or self.name in RESERVED:
            raise ValueError(f"a modality's name is a word that torch does not use: {self.name!r}")
        _check_choice(f"{self.name}: shorten", self.shorten, get_args(Shortening))
        _check_least(
            self.name,
            1,
            width=self.width,
            max_tokens=1 if self.max_tokens is None else self.max_tokens,
        )

    @property
    def token_width(self) -> int:
        """Width of the tokens before projection: the encoder's, or the features' own."""
        return self.encoder.widths[-1] if self.encoder else self.width


@dataclass(frozen=True)
class ModelConfig:
    """A fusion model.

    Attributes:
        modalities: in the order in which combinations are written.
        token_width: D, width of the tokens inside the transformer.
        depth: transformer blocks; 0 = the mean of the projected tokens.
        heads: attention heads; they share D.
        mlp_ratio: hidden width of a block's MLP in units of D.
        projection_width: P, width of the shared embedding space.
        dropout: share of the projected tokens' values left out in training; the paper has none.
        token_projection: into the transformer, "gated" as in the main model or "linear".
        projection: out of it, likewise.
        shared_projection: one projection out of the transformer for all modalities.
        class_token: embed a combination as one learned token that looks at all others, not as
            the mean of its modalities; needs shared_projection.
        positions: add a learned embedding of its position to each token; every modality then
            needs max_tokens. The main model has none.
        transformer_per_modality: no fusion: each modality has a transformer of its own, and a
            combination is the mean of its parts.
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
    token_projection: ProjectionKind = "gated"
    projection: ProjectionKind = "gated"
    shared_projection: bool = False
    class_token: bool = False
    positions: bool = False
    transformer_per_modality: bool = False
    masking_token: bool = False

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names) or not self.names:
            raise ValueError(f"modalities need different names, found {self.names}")
        sizes = {name: getattr(self, name) for name in ("token_width", "heads", "projection_width")}
        _check_least("model", 1, **sizes)
        _check_least("model", 0, depth=self.depth)
        if not self.token_width * self.mlp_ratio >= 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"mlp_ratio gives at least 1 hidden value, dropout is 0 or more and below 1; "
                f"found {self.mlp_ratio} and {self.dropout}"
            )
        if self.token_width % self.heads:
            raise ValueError(
                f"token_width {self.token_width} is not a multiple of heads {self.heads}"
            )
        _check_choice("token_projection", self.token_projection, get_args(ProjectionKind))
        _check_choice("projection", self.projection, get_args(ProjectionKind))
        if self.class_token and not self.shared_projection:
            raise ValueError("class_token needs shared_projection: it belongs to no modality")
        for modality in self.modalities:
            if self.positions and modality.max_tokens is None:
                raise ValueError(f"positions needs max_tokens of every modality: {modality.name}")

    @property
    def names(self) -> tuple[Modality, ...]:
        """The modalities' names, in order."""
        return tuple(modality.name for modality in self.modalities)

    @classmethod
    def paper(cls, video_width: int = 4096, text_width: int = 300) -> ModelConfig:
        """The main model: ResNet-152 + ResNeXt-101 features, word2vec, log-mel sound."""
        return cls(
            modalities=(
                ModalityConfig("text", text_width),
                ModalityConfig("video", video_width),
                ModalityConfig("audio", 40, AudioEncoderConfig.v2()),
            ),
            masking_token=True,
        )

    @classmethod
    def paper_s3d(cls) -> ModelConfig:
        """The paper's stronger backbone: S3D features of 1 token per second, word2vec."""
        return cls.paper(video_width=1024)

    @classmethod
    def paper_clip(cls) -> ModelConfig:
        """The paper's CLIP ViT-B/32 features for both frames and words."""
        return cls.paper(video_width=512, text_width=512)

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

    def as_published(self) -> ModelConfig:
        """The same model with the published code's treatment of what is missing.

        A learned token stands in for a missing modality, and padding frames are read as sound.
        Weights that were trained so have to be used so.
        """
        modalities = tuple(
            replace(modality, encoder=replace(modality.encoder, mask_padding=False))
            if modality.encoder
            else modality
            for modality in self.modalities
        )
        return replace(self, modalities=modalities, masking_token=True)

    def to_json(self) -> str:
        """Print as JSON; `from_json` reads it back."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read what `to_json` wrote.

        A field that is missing has its default; ValueError names one that is unknown.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            fields["modalities"] = tuple(_read_modality(entry) for entry in fields["modalities"])
            return cls(**fields)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"not a model configuration of this version: {error}") from error


def _read_modality(fields: dict[str, Any]) -> ModalityConfig:
    encoder: dict[str, Any] | None = fields.pop("encoder", None)
    if encoder is None:
        return ModalityConfig(**fields)
    lists = {key: tuple(encoder[key]) for key in ("widths", "blocks")}
    return ModalityConfig(**fields, encoder=AudioEncoderConfig(**{**encoder, **lists}))


def _check_least(owner: str, least: int, **found: int) -> None:
    for field, value in found.items():
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{owner}: {field} is a whole number from {least}, found {value}")


def _check_choice(field: str, found: str, choices: tuple[str, ...]) -> None:
    if found not in choices:
        raise ValueError(f"{field} is one of {', '.join(choices)}, found {found!r}")
