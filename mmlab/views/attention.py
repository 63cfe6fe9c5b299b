"""Which word attends to which second of picture and sound, on one time axis.

`word_attention` is the data: it needs weights, a layout and the tokens' seconds, no model of
ours. `AttentionView` shows it beside the playing clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import matplotlib
import numpy as np
import pandas as pd

from mmlab.types import MODALITIES, Combination, Modality, parse_combination
from mmlab.views.attention_picture import attention_picture, links_table
from mmlab.views.lanes import Lane, TimeLanes
from mmlab.views.player import ClipPlayer
from mmlab.views.posters import Span, film_strip
from mmlab.views.static import Picture, StandsStill
from mmlab.views.theme import FUSED, MODALITY_COLOURS, MODALITY_WORDS, MUTED

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

MEAN_OF_HEADS = "mean of all heads"

LINK: dict[str, type] = {
    "word_number": int,
    "word": str,
    "modality": str,
    "start_seconds": float,
    "end_seconds": float,
    "weight": float,
}
"""The columns of a table of links between words and seconds."""


@dataclass(frozen=True)
class ClipAttention:
    """One clip's attention, with all that is needed to draw it.

    Attributes:
        weights: (heads, N, N), row = the token that looks.
        layout: for each of the N tokens its modality and its number within it.
        words: the text tokens.
        token_seconds: (n, 2) start and end of each token, for every modality but text.
        span: start and end of the clip in seconds of its media file.
        media_path: the clip's file.
        caption: the clip's text.
        log_mel: (F, bands) decibels in [-80, 0]; (0, bands) without sound.
    """

    weights: np.ndarray
    layout: Sequence[tuple[Modality, int]]
    words: Sequence[str]
    token_seconds: Mapping[Modality, np.ndarray]
    span: Span
    media_path: Path
    caption: str
    log_mel: np.ndarray


def word_attention(
    weights: np.ndarray,
    layout: Sequence[tuple[Modality, int]],
    token_seconds: Mapping[Modality, np.ndarray],
    words: Sequence[str],
    *,
    head: int | None = None,
) -> pd.DataFrame:
    """How much each word takes from each second of picture and sound.

    Args:
        weights: (heads, N, N) attention of one clip; row = the token that looks, rows sum to 1.
        layout: for each of the N tokens its modality and its number within it.
        token_seconds: for each modality that has seconds, (n, 2) start and end of its tokens.
        words: the text tokens, in order.
        head: one head, or None for their mean.

    Returns:
        One row per word and token: word_number, word, modality, start_seconds, end_seconds,
        weight. Padding (tokens without a word or without seconds) is left out.
    """
    chosen = weights.mean(axis=0) if head is None else weights[head]  # (N, N)
    looking = [
        (row, number)
        for row, (modality, number) in enumerate(layout)
        if modality == "text" and number < len(words)
    ]
    seen = [
        (column, modality, *map(float, token_seconds[modality][number]))
        for column, (modality, number) in enumerate(layout)
        if number < len(token_seconds.get(modality, ()))
    ]
    links = [
        (number, words[number], modality, start, end, float(chosen[row, column]))
        for row, number in looking
        for column, modality, start, end in seen
    ]
    return pd.DataFrame(links, columns=list(LINK)).astype(LINK)  # its types also where empty


def clip_attention(
    retriever: Retriever,
    clip_id: str,
    combination: str | Combination = MODALITIES,
    *,
    block: int = -1,
) -> ClipAttention:
    """Run the model on one clip and gather its attention and the seconds of its tokens.

    Args:
        retriever: a model and its clips.
        clip_id: which clip.
        combination: what is fused; without "text" there are no words to look from.
        block: which transformer block, counted from the last if negative.
    """
    dataset, model = retriever.dataset, retriever.model
    row = dataset.row_of(clip_id)
    clip = dataset[row]
    names = parse_combination(combination, model.config.names)
    attention = model.attention(dataset.batch([row]), names)
    spans = {modality.name: modality.encoder for modality in model.config.modalities}
    token_seconds = {
        name: _merge(
            clip.token_seconds(name), encoder.frames_per_token if (encoder := spans[name]) else 1
        )
        for name in names
        if name != "text"
    }
    return ClipAttention(
        weights=attention.weights[block][0].numpy(),
        layout=list(zip(attention.modality, attention.position, strict=True)),
        words=clip.words,
        token_seconds=token_seconds,
        span=(clip.start_seconds, clip.end_seconds),
        media_path=dataset.media_path(row),
        caption=clip.text,
        log_mel=clip.tokens["audio"].float().numpy()
        if "audio" in clip.tokens
        else np.zeros((0, 1)),
    )


def word_links(
    retriever: Retriever,
    clip_id: str,
    combination: str | Combination = MODALITIES,
    *,
    head: int | None = None,
) -> pd.DataFrame:
    """`word_attention` of one clip: what each of its words takes from each second."""
    found = clip_attention(retriever, clip_id, combination)
    return word_attention(found.weights, found.layout, found.token_seconds, found.words, head=head)


class AttentionView(StandsStill, ipywidgets.VBox):
    """Choose a word and see which seconds of picture and sound it takes from; watch them.

    Attributes:
        table: `word_attention` of all words, for the chosen head.

    Example:
        >>> AttentionView(retriever, "video0007.mp4#3.00-7.12")
    """

    def __init__(
        self,
        retriever: Retriever,
        clip_id: str,
        combination: str | Combination = MODALITIES,
        *,
        word: str | None = None,
    ) -> None:
        self.attention = clip_attention(retriever, clip_id, combination)
        attention = self.attention
        self.player = ClipPlayer(attention.media_path, *attention.span, caption=attention.caption)
        self.player.layout.width = "360px"
        heads = [MEAN_OF_HEADS, *(f"head {n + 1}" for n in range(len(attention.weights)))]
        self.head = ipywidgets.Dropdown(options=heads, description="Weights")
        options = [(text, number) for number, text in enumerate(attention.words)]
        self.word = ipywidgets.ToggleButtons(options=options)
        self.word.add_class("mmlab-words")
        self.links = ipywidgets.HTML()
        self.links.add_class("mmlab-links")
        self.strip = film_strip(attention.media_path, attention.span)
        self.table = self._weigh()
        if options:
            self.word.value = self._first_word(word)
        self.lanes = TimeLanes(self._lanes(), attention.span, self.player)
        self._tell_links()
        self.word.observe(self._redraw, "value")
        self.head.observe(self._reweigh, "value")
        below = ipywidgets.HBox([self.player, self.links], layout={"flex_flow": "row wrap"})
        super().__init__([self.word, self.lanes, self.head, below])
        self.add_class("mmlab-attention")

    def choose(self, word: str) -> None:
        """Choose a word of the caption from Python.

        Raises:
            ValueError: the caption has no such word.
        """
        if word not in self.attention.words:
            raise ValueError(f"the caption has no word {word!r}: {', '.join(self.attention.words)}")
        self.word.value = list(self.attention.words).index(word)

    def still(self) -> Picture:
        """All words against all seconds, the chosen word marked."""
        strip = film_strip(self.attention.media_path, self.attention.span, height=140)
        return attention_picture(
            self.table,
            chosen=self.word.value,
            span=self.attention.span,
            caption=self.attention.caption,
            strip=strip,
            log_mel=self.attention.log_mel,
        )

    def _first_word(self, word: str | None) -> int:
        """The wanted word, or the one with the strongest link."""
        if word in self.attention.words:
            return list(self.attention.words).index(str(word))
        return int(self.table.word_number[self.table.weight.idxmax()]) if len(self.table) else 0

    def _weigh(self) -> pd.DataFrame:
        head = None if self.head.value == MEAN_OF_HEADS else self.head.index - 1
        attention = self.attention
        seconds, words = attention.token_seconds, attention.words
        return word_attention(attention.weights, attention.layout, seconds, words, head=head)

    def _reweigh(self, change: Any) -> None:
        self.table = self._weigh()
        self._redraw(change)

    def _redraw(self, _: Any) -> None:
        self.lanes.draw(self._lanes())
        self._tell_links()

    def _lanes(self) -> list[Lane]:
        """For picture and sound: what is there, and below it the heat of the chosen word."""
        lanes = []
        shown = {"video": Lane("picture", MUTED, self.strip, height=0)}
        sound = spectrogram_image(self.attention.log_mel)
        shown["audio"] = Lane("sound, low to high", MUTED, sound, height=70)
        for modality in self.attention.token_seconds:
            lane = shown.get(modality)
            if lane is not None and lane.image is not None and lane.image.size:
                lanes.append(lane)
            lanes.append(self._heat_lane(modality))
        return lanes

    def _heat_lane(self, modality: Modality) -> Lane:
        all_words = self.table[self.table.modality == modality]
        mine = all_words[all_words.word_number == self.word.value]
        low, high = all_words.weight.min(), all_words.weight.max()
        return Lane(
            f"heat over {MODALITY_WORDS.get(modality, modality)}",
            MODALITY_COLOURS.get(modality, FUSED),
            cells=mine[["start_seconds", "end_seconds"]].to_numpy(),
            heat=((mine.weight - low) / max(high - low, 1e-12)).to_numpy(),
        )

    def _tell_links(self) -> None:
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>"
            for line in links_table(self.table)
        )
        self.links.value = f"<table><caption>Strongest links of all words</caption>{rows}</table>"


def spectrogram_image(log_mel: np.ndarray) -> np.ndarray:
    """(F, bands) decibels to an image (bands, F, 3) uint8, low sounds at the bottom."""
    bright = np.clip((log_mel.T[::-1] + 80) / 80, 0, 1)
    return (matplotlib.colormaps["magma"](bright)[..., :3] * 255).astype(np.uint8)


def _merge(seconds: np.ndarray, count: int) -> np.ndarray:
    """Seconds of tokens that each cover `count` of the given spans; the last may cover fewer."""
    ends = seconds[count - 1 :: count, 1]
    starts = seconds[::count, 0]
    if len(ends) < len(starts):
        ends = np.append(ends, seconds[-1, 1])
    return np.stack([starts, ends], axis=1) if len(starts) else np.zeros((0, 2))
