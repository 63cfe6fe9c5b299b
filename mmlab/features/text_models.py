"""Sentences to tokens with a network: CLIP's word pieces as the paper uses them, or one vector.

Sentences that were encoded before are remembered: in training each is asked for every epoch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch

from mmlab.features import pretrained
from mmlab.features.text import MAX_WORDS, TextEncoder, words

REMEMBERED_BYTES = 512 << 20
"""Memory for the tokens of sentences that were encoded before."""

SENTENCE_TYPES = (
    "albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert",
    "mpnet", "nomic_bert", "roberta", "xlm-roberta",
)  # fmt: skip
"""The `model_type`s whose tokens are averaged to one vector of a sentence."""

Encoding = tuple[list[str], np.ndarray]


class _RememberingEncoder:
    """What both encoders share: a memory of sentences, and travelling to other processes."""

    name: str
    width: int

    def __init__(self, source: str, device: str, most_tokens: int) -> None:
        self._made_with = (source, device)
        self._device = pretrained.choose_device(device)
        self._most_tokens = most_tokens

    def __reduce__(self) -> tuple[Callable[..., TextEncoder], tuple[str, str]]:
        """Another process loads the network itself, with an empty memory."""
        return load_text_model, self._made_with

    def encode(self, text: str) -> Encoding:
        """See `TextEncoder`. The vectors are shared: they cannot be written to."""
        found, vectors = self._remembered(text)
        return list(found), vectors

    def _remember(self, encode: Callable[[str], Encoding]) -> None:
        each = self._most_tokens * self.width * 4

        def frozen(text: str) -> Encoding:
            found, vectors = encode(text)
            vectors.flags.writeable = False
            return found, vectors

        self._remembered = lru_cache(maxsize=REMEMBERED_BYTES // each)(frozen)


class ClipText(_RememberingEncoder):
    """The paper's CLIP variant: each word piece's feature times the text projection.

    As in its code, the text is first reduced to the words that `words` finds, the start token
    is dropped and the first 20 tokens are kept, up to but without the end token. They are not
    scaled to unit length. A text without words has no tokens.
    """

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the text half; `source` and errors as `pretrained.load_part`."""
        super().__init__(source, device, MAX_WORDS)
        transformers = pretrained.transformers_package()
        is_whole = pretrained.read_config(source).model_type == "clip"
        kind = transformers.CLIPModel if is_whole else transformers.CLIPTextModelWithProjection
        network = pretrained.load_model(kind, source, unused=pretrained.PICTURE_PARTS)
        self._tokenizer = pretrained.load_part(transformers.AutoTokenizer, source)
        self.name = f"{pretrained.describe_model(source, network)}-words"
        self.width = int(network.text_projection.out_features)
        self._network = network.to(self._device)
        self._remember(self._encode)

    def _encode(self, text: str) -> Encoding:
        joined = " ".join(words(text))
        pieces = self._tokenizer(joined, add_special_tokens=False)["input_ids"][:MAX_WORDS]
        if not pieces:
            return [], np.zeros((0, self.width), dtype=np.float32)
        # Attention is causal: what follows the twentieth token changes nothing before it.
        ids = torch.tensor([[self._tokenizer.bos_token_id, *pieces]], device=self._device)
        with pretrained.computing(self._device):
            features = self._network.text_model(input_ids=ids).last_hidden_state[0, 1:]
            tokens = self._network.text_projection(features)
        shown = self._tokenizer.convert_ids_to_tokens(pieces)
        return [piece.removesuffix("</w>") for piece in shown], pretrained.plain_rows(
            tokens, self.name
        )


class SentenceEncoder(_RememberingEncoder):
    """One token of unit length for a whole sentence: the mean over its word pieces.

    A model of `sentence-transformers` that was trained on its first token is read there.
    """

    def __init__(self, source: str, device: str = "auto") -> None:
        """Load the network; `source` and errors as `pretrained.load_part`."""
        super().__init__(source, device, 1)
        transformers = pretrained.transformers_package()
        network = pretrained.load_model(transformers.AutoModel, source, unused=("pooler",))
        self._tokenizer = pretrained.load_part(transformers.AutoTokenizer, source)
        self._reads_first_token = _reads_first_token(source)
        # RoBERTa and its kin keep two positions for themselves.
        positions = int(network.config.max_position_embeddings) - 2
        self._longest = min(self._tokenizer.model_max_length, positions)
        reading = "first" if self._reads_first_token else "mean"
        self.name = f"{pretrained.describe_model(source, network)}-{reading}"
        self.width = int(network.config.hidden_size)
        self._network = network.to(self._device)
        self._remember(self._encode)

    def _encode(self, text: str) -> Encoding:
        if not text.strip():
            return [], np.zeros((0, self.width), dtype=np.float32)
        inputs = self._tokenizer(
            text, truncation=True, max_length=self._longest, return_tensors="pt"
        ).to(self._device)
        with pretrained.computing(self._device):
            features = self._network(**inputs).last_hidden_state[0]
            sentence = features[:1] if self._reads_first_token else features.mean(0, keepdim=True)
            return [text.strip()], pretrained.unit_rows(sentence, self.name)


def load_text_model(source: str, device: str = "auto") -> TextEncoder:
    """The encoder of a Hugging Face name or folder.

    Raises:
        ValueError: it cannot be loaded, or is neither CLIP nor a sentence encoder.
        ImportError: `transformers` is not installed.
    """
    model_type = pretrained.read_config(source).model_type
    if model_type in ("clip", "clip_text_model"):
        return ClipText(source, device)
    if model_type in SENTENCE_TYPES:
        return SentenceEncoder(source, device)
    raise ValueError(
        f"{source}: is a {model_type!r}, not a known text network; give CLIP or a sentence "
        f"encoder ({', '.join(SENTENCE_TYPES)})"
    )


def _reads_first_token(source: str) -> bool:
    """Whether the model's `sentence-transformers` settings name the first token, not the mean."""
    path = pretrained.find_file(source, "1_Pooling/config.json")
    return bool(path and json.loads(path.read_text()).get("pooling_mode_cls_token"))
