"""Sound networks: CLAP (one token for every two seconds) and AST (one for every second).

Both look at windows that lie on a fixed grid from the file's first sample, so the blocks in
which sound is read change nothing. Neither hears anything beyond its own window:

* CLAP was trained on 10 s and on shorter sounds repeated to 10 s. It gets two seconds at a
  time, repeated by its own processor, so that tokens belong to the clip they are cut for.
* AST reads windows of 10.24 s as patches of time and frequency. Windows start every 10 s; the
  patches whose middle lies in a second are averaged, over all frequencies, to its token.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlab.features import pretrained

SHORT_REST_SECONDS = 0.1
"""A last rest shorter than this gets no token of its own, as with pictures."""

WINDOW_SAMPLES, HOP_SAMPLES = 400, 160
"""AST's spectrogram: fixed in its processor."""


class ClapSound:
    """CLAP in the space it shares with text: unit length. See `SoundBackbone`."""

    tokens_per_second = 0.5
    window_seconds = 2.0

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the model; `source` and errors as `pretrained.load_part`."""
        self._device = pretrained.choose_device(device)
        transformers = pretrained.transformers_package()
        network = pretrained.load_model(
            transformers.ClapModel, source, unused=pretrained.TEXT_PARTS
        )
        self._processor = pretrained.load_part(transformers.AutoFeatureExtractor, source)
        self.sample_rate = int(self._processor.sampling_rate)
        self.width = int(network.config.projection_dim)
        self.name = pretrained.describe_model(source, network)
        self._network = network.to(self._device)

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(samples,) blocks -> (N, width) float32 of unit length, one for every two seconds."""
        span = int(self.window_seconds * self.sample_rate)
        windows = sound_windows(blocks, span, span, _short_rest(self.sample_rate))
        size = pretrained.batch_size(self._device, on_cpu=4, on_gpu=64)
        return pretrained.in_batches(self._encode, windows, self.width, size)

    def _encode(self, windows: list[np.ndarray]) -> np.ndarray:
        inputs = self._processor(windows, sampling_rate=self.sample_rate, return_tensors="pt")
        mel = inputs["input_features"].to(self._device, torch.float32)
        # The processor calls one short sound of a batch "longer" by chance; none is.
        longer = torch.zeros(len(windows), 1, dtype=torch.bool, device=self._device)
        with pretrained.computing(self._device):
            output = self._network.get_audio_features(input_features=mel, is_longer=longer)
            return pretrained.unit_rows(output.pooler_output, self.name)


class AstSound:
    """AST's patches, averaged over each second: unit length. See `SoundBackbone`."""

    tokens_per_second = 1.0
    window_seconds = 1.0

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the model; `source` and errors as `pretrained.load_part`.

        Raises:
            ValueError: as there; or it reads less than a second at a time.
        """
        self._device = pretrained.choose_device(device)
        transformers = pretrained.transformers_package()
        network = pretrained.load_model(transformers.ASTModel, source)
        self._processor = pretrained.load_part(transformers.AutoFeatureExtractor, source)
        self.sample_rate = int(self._processor.sampling_rate)
        self.width = int(network.config.hidden_size)
        self.name = pretrained.describe_model(source, network)
        self._network = network.to(self._device)
        self._second_of_patch = _patch_seconds(network.config, self.sample_rate)
        self._seconds = network.config.max_length * HOP_SAMPLES // self.sample_rate
        if not self._seconds:
            raise ValueError(f"{source}: reads less than one second; use an AST of 1 s or more")

    def extract(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """(samples,) blocks -> (N, width) float32 of unit length, one for every second."""
        span = (self._network.config.max_length - 1) * HOP_SAMPLES + WINDOW_SAMPLES
        hop = self._seconds * self.sample_rate
        windows = sound_windows(blocks, span, hop, _short_rest(self.sample_rate))
        size = pretrained.batch_size(self._device, on_cpu=2, on_gpu=32)
        return pretrained.in_batches(self._encode, windows, self.width, size)

    def _encode(self, windows: list[np.ndarray]) -> np.ndarray:
        padded = [np.pad(sound, (0, max(0, WINDOW_SAMPLES - len(sound)))) for sound in windows]
        inputs = self._processor(padded, sampling_rate=self.sample_rate, return_tensors="pt")
        mel = inputs["input_values"].to(self._device, torch.float32)
        with pretrained.computing(self._device):
            patches = self._network(input_values=mel).last_hidden_state[:, 2:]
            patches = patches.unflatten(1, (-1, len(self._second_of_patch))).mean(dim=1)
            kept = torch.cat([self._tokens(*pair) for pair in zip(patches, windows, strict=True)])
            return pretrained.unit_rows(kept, self.name)

    def _tokens(self, patches: Tensor, window: np.ndarray) -> Tensor:
        """(patches in time, width) of one window -> (seconds that it has sound for, width)."""
        sounding = math.ceil((len(window) - _short_rest(self.sample_rate)) / self.sample_rate)
        seconds = range(min(max(sounding, 1), self._seconds))
        return torch.stack([patches[self._second_of_patch == i].mean(dim=0) for i in seconds])


def sound_windows(
    blocks: Iterable[np.ndarray], span: int, hop: int, rest: int
) -> Iterator[np.ndarray]:
    """Windows of `span` samples every `hop` samples from the first on; at the end shorter ones.

    Args:
        blocks: consecutive (samples,) of any lengths; NaN and infinity count as silence.
        span: at least `hop`.
        hop: between the starts of windows.
        rest: no window starts when this many samples or fewer are left, except the first.
    """
    waiting, is_first = np.zeros(0, dtype=np.float32), True
    for block in blocks:
        clean = np.nan_to_num(block.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        waiting = np.concatenate([waiting, clean])
        while len(waiting) >= max(span, rest + 1):
            yield waiting[:span]
            waiting, is_first = waiting[hop:], False
    while len(waiting) > (0 if is_first else rest):
        yield waiting[:span]
        waiting, is_first = waiting[hop:], False


def _short_rest(sample_rate: int) -> int:
    return round(SHORT_REST_SECONDS * sample_rate)


def _patch_seconds(config: Any, sample_rate: int) -> Tensor:
    """(patches in time,): the second in which the middle of each patch lies."""
    size = config.patch_size if isinstance(config.patch_size, int) else config.patch_size[-1]
    starts = torch.arange(0, config.max_length - size + 1, config.time_stride)
    return ((starts + size / 2) * HOP_SAMPLES / sample_rate).floor()
