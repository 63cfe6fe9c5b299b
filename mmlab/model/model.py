"""Any set of modalities to one embedding per combination (paper, section 3.2, figure 2).

tokens of each modality -> one transformer over the tokens of a combination -> mean over each
modality's own tokens -> projection -> unit length -> mean over the modalities -> unit length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mmlab.files import write_atomically
from mmlab.model.attention import TransformerBlock
from mmlab.model.audio_encoder import AudioEncoder
from mmlab.model.config import ModelConfig
from mmlab.model.heads import GatedProjection, TokenProjection
from mmlab.types import Batch, Combination, Modality, Tokens, all_combinations, parse_combination


@dataclass(frozen=True)
class Embeddings:
    """What a model says of a batch.

    Attributes:
        vectors: (B, P) of unit length for each combination; a zero row where an item has none
            of the combination's modalities.
        present: (B,) bool for each modality: which items have it.
    """

    vectors: dict[Combination, Tensor]
    present: dict[Modality, Tensor]


@dataclass(frozen=True)
class Attention:
    """The attention weights of one combination.

    Attributes:
        weights: (B, heads, N, N) for each block; row = the token that looks, rows sum to 1.
        modality: for each of the N tokens, its modality.
        position: for each of the N tokens, its number among its modality's tokens.
        mask: (B, N) bool, True = real token.
    """

    weights: list[Tensor]
    modality: list[Modality]
    position: list[int]
    mask: Tensor


class FusionModel(nn.Module):
    """The modality-agnostic fusion transformer.

    Example:
        >>> model = FusionModel(ModelConfig.sample(video_width=384, text_width=300))
        >>> model.embed(batch, ["text", "video+audio"]).vectors[("video", "audio")]  # (B, P)
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        encoders = {
            modality.name: AudioEncoder(modality.width, modality.encoder)
            for modality in config.modalities
            if modality.encoder
        }
        widths = {
            modality.name: encoders[modality.name].width if modality.encoder else modality.width
            for modality in config.modalities
        }
        width, projection = config.token_width, config.projection_width
        self.encoders = nn.ModuleDict(encoders)
        self.token_projections = nn.ModuleDict(
            {name: TokenProjection(widths[name], width, config.dropout) for name in config.names}
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(width, config.heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.projections = nn.ModuleDict(
            {name: GatedProjection(width, projection) for name in config.names}
        )
        if config.masking_token:
            self.masking_token = nn.Parameter(torch.randn(width) * 0.02)

    def forward(
        self, batch: Batch, combinations: Sequence[str | Combination] | None = None
    ) -> Embeddings:
        """Embed a batch in each asked-for combination (default: every one it has tokens for).

        Raises:
            ValueError: unknown modality, token width that the config does not have, NaN.
        """
        tokens = self._tokens(batch)
        present = {name: batch[name].present for name in tokens}
        asked = combinations or all_combinations([n for n in self.config.names if n in batch])
        chosen = [parse_combination(names, self.config.names) for names in asked]
        missing = {name for names in chosen for name in names} - set(tokens)
        if missing:
            raise ValueError(f"the batch has no {', '.join(sorted(missing))}; found {list(batch)}")
        vectors = {names: self._fuse({n: tokens[n] for n in names}, present) for names in chosen}
        return Embeddings(vectors, present)

    @torch.no_grad()
    def embed(
        self, batch: Batch, combinations: Sequence[str | Combination] | None = None
    ) -> Embeddings:
        """`forward` for use after training: no gradients, batch norm frozen."""
        with _eval_mode(self):
            return self(batch, combinations)

    @torch.no_grad()
    def attention(self, batch: Batch, combination: str | Combination) -> Attention:
        """The attention weights of every block when one combination is fused."""
        with _eval_mode(self):
            return self._attention(batch, combination)

    def _attention(self, batch: Batch, combination: str | Combination) -> Attention:
        names = parse_combination(combination, self.config.names)
        tokens = self._tokens({name: batch[name] for name in names})
        values, mask, readable = _concatenate([tokens[name] for name in names])
        weights = []
        for block in self.blocks:
            assert isinstance(block, TransformerBlock)  # a ModuleList forgets its type
            weights.append(block.attention.weights(block.norm1(values), readable))
            values = block(values, readable)
        counts = {name: tokens[name].mask.shape[1] for name in names}
        modality = [name for name in names for _ in range(counts[name])]
        position = [number for name in names for number in range(counts[name])]
        return Attention(weights, modality, position, mask)

    def _tokens(self, batch: Batch) -> dict[Modality, Tokens]:
        """Check, encode and project each modality to (B, N, D); never writes into the batch."""
        result = {}
        for modality in self.config.modalities:
            if modality.name not in batch:
                continue
            tokens = batch[modality.name]
            if tokens.values.shape[2] != modality.width:
                found = tokens.values.shape[2]
                raise ValueError(f"{modality.name} has width {found}, expected {modality.width}")
            values = tokens.values.masked_fill(~tokens.mask[..., None], 0).float()
            if not values.isfinite().all():
                raise ValueError(f"{modality.name} holds NaN or infinite features")
            tokens = Tokens(values, tokens.mask)
            if modality.encoder:
                tokens = self.encoders[modality.name](tokens)
            projected = self.token_projections[modality.name](tokens.values)
            result[modality.name] = self._fill_missing(Tokens(projected, tokens.mask))
        if unknown := set(batch) - set(self.config.names):
            raise ValueError(
                f"unknown modality {sorted(unknown)}, the model has {self.config.names}"
            )
        return result

    def _fill_missing(self, tokens: Tokens) -> Tokens:
        if not self.config.masking_token:
            return tokens
        first = torch.zeros_like(tokens.mask)
        first[:, 0] = ~tokens.present
        values = torch.where(first[..., None], self.masking_token, tokens.values)
        return Tokens(values, tokens.mask | first)

    def _fuse(self, tokens: dict[Modality, Tokens], present: dict[Modality, Tensor]) -> Tensor:
        """Fuse the tokens of one combination to (B, P)."""
        values, _, readable = _concatenate(list(tokens.values()))
        for block in self.blocks:
            values = block(values, readable)
        parts = values.split([part.mask.shape[1] for part in tokens.values()], dim=1)
        total = torch.zeros((), device=values.device)
        for (name, part), fused in zip(tokens.items(), parts, strict=True):
            weight = part.mask[..., None].to(fused.dtype)  # (B, N, 1)
            mean = (fused * weight).sum(1) / weight.sum(1).clamp(min=1)  # (B, D)
            unit = F.normalize(self.projections[name](mean), dim=-1)  # (B, P)
            total = total + unit * part.present[:, None]
        return F.normalize(total, dim=-1)

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json and model.safetensors, each atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        write_atomically(folder / "config.json", self.config.to_json().encode())
        write_atomically(folder / "model.safetensors", save(weights))

    @classmethod
    def from_pretrained(cls, folder: Path) -> FusionModel:
        """Read what `save_pretrained` wrote, in eval mode.

        Raises:
            FileNotFoundError: no model lies there.
            ValueError: the weights are damaged or of another configuration.
        """
        folder = Path(folder)
        if not (folder / "config.json").exists():
            raise FileNotFoundError(
                f"{folder} holds no model (config.json); train one: mmlab train"
            )
        model = cls(ModelConfig.from_json((folder / "config.json").read_text()))
        try:
            model.load_state_dict(load_file(folder / "model.safetensors"))
        except (SafetensorError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()
            raise ValueError(
                f"{folder / 'model.safetensors'} does not fit config.json beside it: "
                f"{' '.join(reason[:2])}; train again or restore both files"
            ) from error
        return model.eval()


def _concatenate(parts: list[Tokens]) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens of several modalities side by side.

    Returns:
        values (B, N, D), mask (B, N), and the mask of what attention may read: the same, but an
        item without any token reads its first slot, since a softmax over nothing is NaN.
    """
    values = torch.cat([part.values for part in parts], dim=1)
    mask = torch.cat([part.mask for part in parts], dim=1)
    readable = mask.clone()
    readable[:, 0] |= ~mask.any(dim=1)
    return values, mask, readable


@contextmanager
def _eval_mode(model: FusionModel) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
