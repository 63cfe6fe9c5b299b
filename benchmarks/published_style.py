"""The baseline of `mmlab bench model`: the paper's model computed as its published code does.

Written for comparison only; nothing of mmlab is used here, and nothing is shared or left out:

- DAVEnet's convolutions over time are 4-D, kernels of 1 x 9 on (B, C, 1, F);
- a batch is padded, and padding goes through every layer;
- six separate passes: text, video, audio, text+video, text+audio, video+audio, whatever is asked;
- attention is written out: scores, minus infinity where padding is, softmax, product;
- every pass pools and projects its own tokens;
- Adam visits one parameter after the other, as torch 1.7 did.

Parameters and buffers have the published names, so a published checkpoint, or the state of
`tests/data/reference/base.npz`, loads as it is. Two things differ: masks of the caller are copied
before they are changed, and gradients are dropped, not zeroed, before a step, which is what the
published line `optimizer.zero_grad()` means since torch 2.0.

Shape letters: B clips, N tokens of a modality, L tokens of a pass, D token width, P projection
width, F audio frames, H heads, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LETTERS = {"t": "text", "v": "video", "a": "audio"}
PAIRS = {"tv": ("text", "video"), "ta": ("text", "audio"), "va": ("video", "audio")}
"""The fused passes; the three single ones come before them."""

LOSS_TERMS = (("t", "v"), ("t", "a"), ("v", "a"), ("t", "va"), ("v", "ta"), ("a", "tv"))


class GatedEmbedding(nn.Module):
    """A linear map and its context gating."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width_in, width_out)
        self.cg = ContextGating(width_out)

    def forward(self, values: Tensor) -> Tensor:
        """(..., width_in) -> (..., width_out)."""
        return self.cg(self.fc(values))


class ContextGating(nn.Module):
    """Values weighted by gates: joined along axis 1, then a gated linear unit over it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)

    def forward(self, values: Tensor) -> Tensor:
        """(B, ..., width) -> the same shape."""
        return F.glu(torch.cat((values, self.fc(values)), 1), 1)


class Block(nn.Module):
    """DAVEnet's residual block: two 1 x 9 convolutions beside a shortcut."""

    def __init__(self, width_in: int, width: int, kernel_frames: int, stride: int) -> None:
        super().__init__()
        kernel, padding = (1, kernel_frames), (0, kernel_frames // 2)
        self.conv1 = nn.Conv2d(width_in, width, kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel, 1, padding, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = nn.Sequential()
        if stride != 1 or width_in != width:
            shortcut = nn.Conv2d(width_in, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))

    def forward(self, sound: Tensor) -> Tensor:
        """(B, C, 1, F) -> (B, C', 1, F / stride)."""
        hidden = F.relu(self.bn1(self.conv1(sound)), inplace=True)
        hidden = self.bn2(self.conv2(hidden))
        hidden += self.downsample(sound)
        return F.relu(hidden, inplace=True)


class DaveNet(nn.Module):
    """The sound network: log-mel (B, mel bands, F) to (B, C, F / 2 ** stages)."""

    def __init__(
        self, mel_bands: int, widths: Sequence[int], blocks: Sequence[int], kernel_frames: int
    ) -> None:
        super().__init__()
        self.stages = len(blocks)
        self.batchnorm1 = nn.BatchNorm2d(1)  # in the checkpoints, in no computation
        self.conv1 = nn.Conv2d(1, widths[0], (mel_bands, 1), bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        for stage, (width_in, width, count) in enumerate(
            zip(widths, widths[1:], blocks, strict=False), start=1
        ):
            first = Block(width_in, width, kernel_frames, stride=2)
            others = [Block(width, width, kernel_frames, stride=1) for _ in range(count - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(first, *others))

    def forward(self, audio: Tensor) -> Tensor:
        """(B, mel bands, F) -> (B, C, N)."""
        sound = self.bn1(self.conv1(audio.unsqueeze(1)))  # (B, C, 1, F)
        sound = F.relu(sound, inplace=True)
        for stage in range(1, self.stages + 1):
            sound = getattr(self, f"layer{stage}")(sound)
        return sound.squeeze(2)


class Attention(nn.Module):
    """Multi-head self-attention written out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, L, D), (B, L) -> (B, L, D)."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, L, D / H)
        scores = (query @ key.transpose(-2, -1)) * (width // self.heads) ** -0.5  # (B, H, L, L)
        padding = (mask == 0).view(batch, 1, 1, count).expand_as(scores)
        weights = scores.masked_fill_(padding, float("-inf")).softmax(dim=-1)
        return self.proj((weights @ value).transpose(1, 2).reshape(batch, count, width))


class Mlp(nn.Module):
    """Two linear maps and a GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.fc2(F.gelu(self.fc1(tokens)))


class FusionBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, L, D), (B, L) -> (B, L, D)."""
        tokens = tokens + self.attn(self.norm1(tokens), mask)
        return tokens + self.mlp(self.norm2(tokens))


class FusionTransformer(nn.Module):
    """The transformer that all passes share."""

    def __init__(self, width: int, depth: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.masking_token = nn.Parameter(torch.zeros(width))
        self.blocks = nn.Sequential(*(FusionBlock(width, heads, mlp_ratio) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)  # in the checkpoints, in no computation

    def forward(self, parts: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """For each part, (B, N, D) and its mask (B, N), the mean of its tokens (B, D)."""
        tokens = torch.cat([values for values, _ in parts], dim=1)  # (B, L, D)
        mask = torch.cat([mask for _, mask in parts], dim=1)
        for block in self.blocks:
            tokens = block(tokens, mask)
        result, start = [], 0
        for values, part in parts:
            own = tokens[:, start : start + values.shape[1]]  # (B, N, D)
            weight = part.unsqueeze(2).expand_as(own)
            result.append((own * weight).sum(1) / weight.sum(1))
            start += values.shape[1]
        return result


class PublishedStyleModel(nn.Module):
    """The paper's main model; the arguments are those that its sizes differ in."""

    def __init__(
        self,
        *,
        text_width: int,
        video_width: int,
        mel_bands: int,
        davenet_widths: Sequence[int],
        davenet_blocks: Sequence[int],
        kernel_frames: int = 9,
        token_width: int,
        depth: int = 1,
        heads: int,
        mlp_ratio: float = 1.0,
        projection_width: int,
    ) -> None:
        super().__init__()
        widths = {"text": text_width, "video": video_width, "audio": davenet_widths[-1]}
        self.fusion = FusionTransformer(token_width, depth, heads, mlp_ratio)
        self.davenet = DaveNet(mel_bands, davenet_widths, davenet_blocks, kernel_frames)
        for name, width in widths.items():
            setattr(self, f"{name}_token_proj", GatedEmbedding(width, token_width))
            setattr(self, f"{name}_norm_layer", nn.LayerNorm(token_width, eps=1e-6))
            setattr(self, f"{name}_proj", GatedEmbedding(token_width, projection_width))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """All six passes.

        Args:
            batch: "text" and "video" (B, N, width), "audio" (B, mel bands, F), and for each
                "..._mask", (B, N) or (B, F), floats, 1 = real.

        Returns:
            "t", "v", "a" as they leave their projection, "tv", "ta", "va" the mean of their two
            parts at unit length, all (B, P); "text_nonempty" and so on, (B,) bool.
        """
        tokens, result = {}, {}
        for name in LETTERS.values():
            values, mask = batch[name], batch[f"{name}_mask"]
            if name == "audio":
                values = self.davenet(values).permute(0, 2, 1)  # (B, N, C)
                kernel = -(-mask.shape[1] // values.shape[1])
                mask = F.max_pool1d(mask.unsqueeze(1), kernel).squeeze(1)  # (B, N)
            values = getattr(self, f"{name}_token_proj")(values)
            values = getattr(self, f"{name}_norm_layer")(values)  # (B, N, D)
            tokens[name], result[f"{name}_nonempty"] = self._fill_empty(values, mask)
        for letter, name in LETTERS.items():
            (pooled,) = self.fusion([tokens[name]])
            result[letter] = getattr(self, f"{name}_proj")(pooled)
        for letters, (one, other) in PAIRS.items():
            pooled = self.fusion([tokens[one], tokens[other]])
            left = F.normalize(getattr(self, f"{one}_proj")(pooled[0]), dim=-1)
            right = F.normalize(getattr(self, f"{other}_proj")(pooled[1]), dim=-1)
            result[letters] = (left + right) / 2
        return result

    def _fill_empty(self, values: Tensor, mask: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Put the masking token into the first slot of items without any token."""
        nonempty = mask.sum(dim=1) != 0
        mask = mask.clone()
        values[~nonempty, 0] = self.fusion.masking_token.to(values.dtype)
        mask[~nonempty, 0] = 1
        return (values, mask), nonempty


def norm_softmax(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """InfoNCE in both directions between matching rows, (B, P) each."""
    one, other = F.normalize(one, dim=-1), F.normalize(other, dim=-1)
    logits = one @ other.t() / temperature  # (B, B)
    rows = F.log_softmax(logits, dim=1).diag().mean()
    columns = F.log_softmax(logits.t(), dim=1).diag().mean()
    return -rows - columns


def six_pair_loss(
    output: dict[str, Tensor], temperature: float = 0.05, weights: dict[str, float] | None = None
) -> Tensor:
    """The weighted mean of the six pairs' losses, each over the items that have both sides.

    Args:
        output: of the model.
        temperature: of the softmax.
        weights: by published name, "tv", "t_va"; default: 1 each.
    """
    total, total_weight = torch.zeros((), device=output["t"].device), 0.0
    for one, other in LOSS_TERMS:
        weight = 1.0 if weights is None else weights[one + ("_" if len(other) > 1 else "") + other]
        items = torch.stack([output[f"{LETTERS[x]}_nonempty"] for x in one + other]).all(dim=0)
        if items.any():
            loss = norm_softmax(output[one][items], output[other][items], temperature)
            total, total_weight = total + weight * loss, total_weight + weight
    return total / max(total_weight, 1e-12)


def make_optimizer(model: nn.Module, learning_rate: float = 5e-5) -> torch.optim.Adam:
    """Adam with a Python loop over the parameters, as the only one torch 1.7 had."""
    return torch.optim.Adam(model.parameters(), lr=learning_rate, foreach=False, fused=False)


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor], temperature: float
) -> float:
    """One step of training; returns the loss."""
    optimizer.zero_grad()
    loss = six_pair_loss(model(batch), temperature)
    loss.backward()
    optimizer.step()
    return loss.item()
