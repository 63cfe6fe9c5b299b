"""Any set of modalities to one embedding per combination (paper, section 3.2, figure 2).

tokens of each modality -> one transformer over the tokens of a combination -> mean over each
modality's own tokens -> projection -> unit length -> mean over the modalities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlab.model.attention import Attention, TransformerBlock
from mmlab.model.audio_encoder import AudioEncoder
from mmlab.model.checks import check_batch
from mmlab.model.config import SHARED, ModelConfig
from mmlab.model.embeddings import Embeddings, Encoded
from mmlab.model.fusion import FusionTransformer, Parts
from mmlab.model.heads import EmbeddingProjections, TokenProjection
from mmlab.model.packing import PackedTokens, pack, renumber
from mmlab.model.shortening import shorten
from mmlab.model.storage import fit_state, load_model, save_model
from mmlab.types import Batch, Combination, Modality, Tokens, parse_combination


class FusionModel(nn.Module):
    """The modality-agnostic fusion transformer.

    Example:
        >>> model = FusionModel(ModelConfig.sample(video_width=384, text_width=300))
        >>> model.embed(batch, ["text", "video+audio"]).vectors[("video", "audio")]  # (B, P)
    """

    folder: Path | None = None
    """Where the weights were read from or saved to last."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.token_width
        self.encoders = nn.ModuleDict(
            {m.name: AudioEncoder(m.width, m.encoder) for m in config.modalities if m.encoder}
        )
        self.token_projections = nn.ModuleDict(
            {
                m.name: TokenProjection(
                    config.token_projection, m.token_width, width, config.dropout
                )
                for m in config.modalities
            }
        )
        self.positions = nn.ParameterDict(
            {
                m.name: nn.Parameter(torch.randn(m.max_tokens, width) * 0.02)
                for m in config.modalities
                if config.positions and m.max_tokens
            }
        )
        self.transformers = nn.ModuleDict(
            {
                name: FusionTransformer(config)
                for name in (config.names if config.transformer_per_modality else [SHARED])
            }
        )
        self.projections = EmbeddingProjections(config)

    def forward(
        self,
        batch: Batch,
        combinations: Sequence[str | Combination] | None = None,
        *,
        check: bool = True,
    ) -> Embeddings:
        """Embed a batch in each asked-for combination (default: every one it has tokens for).

        Args:
            batch: padded tokens of each modality; never written to.
            combinations: such as ["text", "video+audio"]; only these are computed.
            check: False where the batch is known to fit; training does so, it notices itself when
                the loss is not finite.

        Raises:
            ValueError: unknown modality or combination, one asked for twice, tokens that do not
                fit the configuration, NaN, or an item without anything.
        """
        if check or combinations is None:
            return self.compute(batch, check_batch(batch, self.config, combinations))
        return self.compute(
            batch, [parse_combination(names, self.config.names) for names in combinations]
        )

    def compute(self, batch: Batch, chosen: Sequence[Combination]) -> Embeddings:
        """`forward` without its checks, for combinations in canonical form.

        The published code embeds also an item without anything, as masking tokens only.
        """
        return self.fuse(self.encode(batch, chosen), chosen)

    def encode(
        self, batch: Batch, chosen: Sequence[Combination], *, recompute: bool = False
    ) -> Encoded:
        """The first half of `compute`: what comes before the projection of single tokens.

        Only here does an item depend on the others of its batch, by the norms of the sound
        network in training.

        Args:
            batch: padded tokens of each modality.
            chosen: combinations that are going to be fused.
            recompute: keep fewer activations for the way back, see `AudioEncoder`.
        """
        names = [name for name in self.config.names if any(name in one for one in chosen)]
        encoded = {name: self._encode(name, batch[name], recompute) for name in names}
        present = {name: batch[name].present for name in self.config.names if name in batch}
        tokens = {name: tokens for name, (tokens, _) in encoded.items()}
        return Encoded(tokens, {name: whole for name, (_, whole) in encoded.items()}, present)

    def fuse(self, encoded: Encoded, chosen: Sequence[Combination]) -> Embeddings:
        """The second half of `compute`; each item by itself."""
        tokens = {name: self._project(name, encoded) for name in encoded.tokens}
        raw = self.projections(self._fuse(tokens, chosen), chosen, encoded.present)
        return Embeddings(raw, encoded.present)

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
        if self.config.transformer_per_modality and len(names) > 1:
            raise ValueError(f"{names} never look at each other: transformer_per_modality is set")
        check_batch(batch, self.config, [names])
        if not any(batch[name].mask.any() for name in names):
            raise ValueError(f"no item has any of {names}, so nothing looks at anything")
        encoded = self.encode(batch, [names])
        tokens = {name: self._project(name, encoded) for name in names}
        transformer = self._transformer(names[0])
        rows, sequences = transformer.arrange(tokens, [names])
        weights = []
        for block in transformer.blocks:
            assert isinstance(block, TransformerBlock)  # a ModuleList forgets its type
            weights.append(block.attention.weights(block.norm1(rows), sequences[0]))
            rows, sequences = block(rows, sequences), renumber(sequences)
        counts = {name: tokens[name].mask.shape[1] for name in names}
        if transformer.class_token is not None:
            counts = {SHARED: 1, **counts}
        modality = [name for name, count in counts.items() for _ in range(count)]
        position = [number for count in counts.values() for number in range(count)]
        return Attention(weights, modality, position, sequences[0].mask)

    def _encode(self, name: Modality, tokens: Tokens, recompute: bool) -> tuple[Tokens, Tensor]:
        """One modality's tokens as its encoder gives them, and how many of each item are whole."""
        modality = self.config.modalities[self.config.names.index(name)]
        values, mask = tokens.values, tokens.mask
        if not mask.shape[1]:  # no column: nobody has it
            values, mask = F.pad(values, (0, 0, 0, 1)), F.pad(mask, (0, 1))
        values = values.to(next(self.parameters()).dtype)  # sums of float16 features overflow
        if not mask.all():  # what stands in the padding is nobody's business
            values = values.masked_fill(~mask[..., None], 0)
        tokens, whole = Tokens(values, mask), mask.sum(dim=1)
        if modality.encoder:
            encoder = self.encoders[name]
            assert isinstance(encoder, AudioEncoder)  # a ModuleDict forgets its type
            whole = whole // encoder.span(mask.shape[1])
            tokens = encoder(tokens, recompute=recompute)
        return tokens, whole

    def _project(self, name: Modality, encoded: Encoded) -> PackedTokens:
        """Shorten, pack and project one modality's tokens."""
        modality = self.config.modalities[self.config.names.index(name)]
        tokens, whole = encoded.tokens[name], encoded.whole[name]
        if modality.max_tokens:
            tokens = shorten(tokens, whole, modality.max_tokens, modality.shorten)
        packed = pack(tokens)
        packed = PackedTokens(self.token_projections[name](packed.rows), packed.slots, packed.mask)
        if self.config.masking_token:
            packed = self._transformer(name).stand_in(packed)
        if self.config.positions:
            places = self.positions[name].index_select(0, packed.positions)
            packed = replace(packed, rows=packed.rows + places)
        return packed

    def _transformer(self, name: Modality) -> FusionTransformer:
        chosen = self.transformers[name if self.config.transformer_per_modality else SHARED]
        assert isinstance(chosen, FusionTransformer)  # a ModuleDict forgets its type
        return chosen

    def _fuse(
        self, tokens: Mapping[Modality, PackedTokens], chosen: Sequence[Combination]
    ) -> list[Parts]:
        """For each combination the pooled tokens (B, D) of its modalities, or its class token."""
        if not self.config.transformer_per_modality:
            return self._transformer(self.config.names[0])(tokens, chosen)
        alone = {
            name: next(iter(self._transformer(name)({name: own}, [(name,)])[0].values()))
            for name, own in tokens.items()
        }
        return [{name: alone[name] for name in names} for names in chosen]

    def save_pretrained(self, folder: Path) -> None:
        """Write config.json and model.safetensors, each atomically."""
        save_model(folder, self.config, self.state_dict())
        self.folder = Path(folder)

    @classmethod
    def from_pretrained(cls, folder: Path) -> FusionModel:
        """Read what `save_pretrained` wrote, in eval mode.

        Raises:
            FileNotFoundError: no model lies there.
            ValueError: the weights are damaged or of another configuration.
        """
        config, state = load_model(folder)
        model = cls(config)
        fit_state(model, state, origin=str(Path(folder) / "model.safetensors"))
        model.folder = Path(folder)
        return model.eval()


@contextmanager
def _eval_mode(model: FusionModel) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
