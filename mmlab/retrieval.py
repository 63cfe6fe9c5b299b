"""Ask a collection of clips: any modalities in, the best clips of any combination out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmlab.cutting import Get, cut
from mmlab.dataset import ClipDataset
from mmlab.evaluation.retrieval import (
    CUTOFFS,
    bootstrap_interval,
    median_rank,
    rank_of_match,
    recall_at,
    retrieval_scores,
)
from mmlab.features.video import SHORT_REST_SECONDS
from mmlab.media_features import MediaFeatures
from mmlab.model import FusionModel
from mmlab.types import (
    Batch,
    Combination,
    Modality,
    Tokens,
    all_combinations,
    combination_name,
    pad_tokens,
    parse_combination,
)

BATCH_CLIPS = 64


class Retriever:
    """A model and the clips it answers with.

    Example:
        >>> retriever = Retriever(model, dataset.select(split="test"))
        >>> retriever.search(text="slice the tomato", among="video+audio", top=5)
    """

    def __init__(self, model: FusionModel, dataset: ClipDataset) -> None:
        if not len(dataset):
            raise ValueError(f"no clips to search in {dataset.folder}: the selection is empty")
        self.model = model.eval()
        self.dataset = dataset
        self._embeddings: dict[Combination, Tensor] = {}

    def embeddings(self, combination: str | Combination) -> Tensor:
        """(clips, P) of unit length, one row per clip of the dataset; computed once."""
        names = parse_combination(combination, self.model.config.names)
        if not self._embeddings:
            rows = range(len(self.dataset))
            batches = [rows[start : start + BATCH_CLIPS] for start in rows[::BATCH_CLIPS]]
            every = all_combinations(self.model.config.names)
            parts = [self._embed(self.dataset.batch(batch), every) for batch in batches]
            self._embeddings = {one: torch.cat([part[one] for part in parts]) for one in every}
        return self._embeddings[names]

    def query(self, **parts: str | Path | None) -> Tensor:
        """Embed a question made of any modalities, fused in one pass.

        Args:
            **parts: `text`, a sentence; every other modality (`video`, `audio`), the id of a
                clip of the dataset or a media file.

        Returns:
            (P,) of unit length.

        Raises:
            ValueError: nothing was asked, no word is known, or a medium lacks that modality.
        """
        given = {name: part for name, part in parts.items() if part is not None}
        names = parse_combination(given, self.model.config.names) if given else ()
        if not names:
            raise ValueError("an empty question: give text, a clip's picture or a clip's sound")
        batch = {}
        for name in names:
            tokens = self._tokens(name, given[name])
            batch[name] = pad_tokens([tokens], tokens.shape[1])
        return self._embed(batch, [names])[names][0]

    def _embed(
        self, batch: Batch, combinations: Sequence[Combination]
    ) -> dict[Combination, Tensor]:
        """(B, P) of unit length for each combination; zeros where an item has nothing of it."""
        present = {name: tokens.present for name, tokens in batch.items()}
        result = {
            names: torch.zeros(
                len(next(iter(present.values()))), self.model.config.projection_width
            )
            for names in combinations
        }
        some = torch.stack(list(present.values())).any(dim=0)  # the model refuses the others
        if not some.any():
            return result
        kept = {
            name: Tokens(tokens.values[some], tokens.mask[some]) for name, tokens in batch.items()
        }
        for names, vectors in self.model.embed(kept, combinations).vectors.items():
            there = torch.stack([present[name] for name in names]).any(dim=0)
            result[names][there] = vectors[there[some]]
        return result

    def _tokens(self, modality: Modality, source: str | Path) -> Tensor:
        if modality == "text":
            tokens = torch.from_numpy(self.dataset.text_encoder.encode(str(source))[1])
        elif (self.dataset.manifest.clip_id == str(source)).any():
            tokens = self.dataset[self.dataset.row_of(str(source))].tokens[modality]
        else:
            extracted = self._extracted(source).tensor(modality)
            tokens = torch.zeros(0, 1) if extracted is None else extracted.float()
        if not len(tokens):
            what = "no word that the model knows" if modality == "text" else f"no {modality}"
            raise ValueError(f"{str(source)!r} holds {what}; ask with something else")
        return tokens

    def search(
        self,
        *,
        among: str | Combination = "video+audio",
        top: int = 10,
        **parts: str | Path | None,
    ) -> pd.DataFrame:
        """The clips whose embedding in the combination `among` is nearest to the question.

        Returns:
            One row per hit, best first: rank, score (cosine), then the clip's manifest columns.
        """
        if top < 1:
            raise ValueError(f"top is how many answers to give, at least 1, found {top}")
        gallery = self.embeddings(among)
        scores = gallery @ self.query(**parts)
        scores[~_present(gallery)] = -torch.inf  # a clip without any of it is no answer
        best = scores.argsort(descending=True, stable=True)[:top]
        best = best[scores[best] > -torch.inf]
        hits = self.dataset.manifest.iloc[best.tolist()].reset_index(drop=True)
        hits.insert(0, "score", scores[best].tolist())
        hits.insert(0, "rank", range(1, len(hits) + 1))
        return hits

    def ranks(self, query: str | Combination, gallery: str | Combination) -> np.ndarray:
        """(n,) rank of each clip's own gallery embedding, asked with its query embedding.

        Only the n clips that have something of both sides take part.
        """
        queries, candidates = self.embeddings(query), self.embeddings(gallery)
        both = _present(queries) & _present(candidates)
        return rank_of_match(queries[both], candidates[both])

    def evaluate(self) -> pd.DataFrame:
        """Recall and median rank of every direction between disjoint combinations.

        Returns:
            One row per direction: query, gallery, clips (those that have both sides), R@1, R@5,
            R@10, MedR, MeanR, and the ends of their 95 % bootstrap intervals as `R@1 low`,
            `R@1 high`, …; recalls in percent.
        """
        every = all_combinations(self.model.config.names)
        pairs = [(one, other) for one in every for other in every if not set(one) & set(other)]
        return pd.DataFrame([self._direction(one, other) for one, other in pairs])

    def _direction(self, query: Combination, gallery: Combination) -> dict[str, object]:
        ranks = self.ranks(query, gallery)
        row: dict[str, object] = {
            "query": combination_name(query),
            "gallery": combination_name(gallery),
            "clips": len(ranks),
            **retrieval_scores(ranks),
        }
        statistics = {f"R@{k}": recall_at(k) for k in CUTOFFS} | {"MedR": median_rank}
        for name, statistic in statistics.items():
            row[f"{name} low"], row[f"{name} high"] = bootstrap_interval(ranks, statistic)
        return row

    def score_seconds(
        self,
        media: str | Path,
        sentences: Sequence[str],
        *,
        among: str | Combination = "video+audio",
        radius_seconds: float = 2.0,
    ) -> np.ndarray:
        """Compare every second of a whole video with sentences, for step localisation.

        Args:
            media: the id of a video of the dataset, or a media file.
            sentences: K of them.
            among: what of the video is fused.
            radius_seconds: a second is seen and heard with this much before and after it.

        Returns:
            (T, K) cosine similarities; second t is the window [t - radius, t + 1 + radius].
        """
        names = parse_combination(among, self.model.config.names)
        duration, get = self._whole(media)
        batch = {name: self._windows(name, get, duration, radius_seconds) for name in names}
        seconds = self._embed(batch, [names])[names]  # (T, P)
        texts = torch.stack([self.query(text=sentence) for sentence in sentences])  # (K, P)
        return (seconds @ texts.T).numpy()

    def _whole(self, media: str | Path) -> tuple[float, Get]:
        """The seconds and all tokens of a video of the dataset, or of a file."""
        listed = self.dataset.media[self.dataset.media.media_id == str(media)]
        if len(listed):
            return float(listed.duration_seconds.iloc[0]), self.dataset.tensors_of(str(media))
        features = self._extracted(media)
        return features.duration_seconds, features.tensor

    def _windows(self, modality: Modality, get: Get, duration: float, radius: float) -> Tokens:
        """Every second of a medium, with `radius` seconds before and after it, as one item."""
        info = self.dataset.features[modality]
        items = [
            cut(modality, info, get, max(0.0, t - radius), min(duration, t + 1 + radius))
            for t in range(max(1, math.ceil(duration - SHORT_REST_SECONDS)))
        ]
        return pad_tokens([item.tokens for item in items], info.width)

    def _extracted(self, source: str | Path) -> MediaFeatures:
        path = Path(source)
        if not path.exists():
            raise ValueError(
                f"{str(source)!r} is neither in this selection (another split?) nor a file"
            )
        return self.dataset.extract(path)


def _present(embeddings: Tensor) -> Tensor:
    """(clips,) bool: clips without any of a combination's modalities have a zero vector."""
    return embeddings.any(dim=1)
