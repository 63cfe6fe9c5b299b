"""Ask a collection of clips: any modalities in, the best clips of any combination out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.cutting import Get
from mmlab.dataset import ClipDataset
from mmlab.evaluation.embedding import ClipEmbeddings, embed_present, embed_rows
from mmlab.evaluation.items import ClipItems, Matches
from mmlab.evaluation.long_clips import LongClips
from mmlab.evaluation.matrix import Side, SideName, direction_row, directions, parse_side
from mmlab.evaluation.ranking import rank_of_match
from mmlab.evaluation.seconds import second_windows
from mmlab.media_features import MediaFeatures
from mmlab.model import FusionModel
from mmlab.types import Batch, Combination, Modality, all_combinations, pad_tokens


class Retriever:
    """A model and the clips it answers with.

    Args:
        model: on any device; what comes back lies on the CPU.
        dataset: the clips; of a modality that the model does not have, nothing is read.
        long_clips: how clips longer than those of the training are read; default: whole.

    Example:
        >>> retriever = Retriever(model, dataset.select(split="test"))
        >>> retriever.search(text="slice the tomato", among="video+audio", top=5)
    """

    def __init__(
        self, model: FusionModel, dataset: ClipDataset, long_clips: LongClips | None = None
    ) -> None:
        if not len(dataset):
            raise ValueError(f"no clips to search in {dataset.folder}: the selection is empty")
        self.model, self.dataset, self.long_clips = model, dataset, long_clips
        self.modalities = tuple(name for name in model.config.names if name in dataset.features)
        if not self.modalities:
            raise ValueError(
                f"{dataset.folder} has {', '.join(dataset.features)}, the model takes "
                f"{', '.join(model.config.names)}: they have no modality in common"
            )
        self._known, self._items = ClipEmbeddings({}, {}), ClipItems(dataset.manifest)

    @property
    def combinations(self) -> list[Combination]:
        """Every combination of the modalities that both the model and the dataset have."""
        return all_combinations(self.modalities)

    @property
    def all_but_text(self) -> Combination:
        """What a question in words looks through: ("video", "audio") if there is sound.

        Raises:
            ValueError: the model and the dataset share nothing but text.
        """
        if names := tuple(name for name in self.modalities if name != "text"):
            return names
        raise ValueError(f"{self.dataset.folder} and the model share nothing but text")

    def embeddings(self, combination: SideName) -> Tensor:
        """(clips, P) of unit length, one row per clip of the dataset; computed once.

        Args:
            combination: such as "video+audio", or "video+audio late" for late fusion.

        Raises:
            ValueError: unknown modalities, or one that the dataset does not have; embeddings that
                are NaN.
        """
        side = self._side(combination)
        self._embed(self.combinations)
        return self._vectors(side)

    def _side(self, name: SideName) -> Side:
        side = parse_side(name, self.model.config.names)
        if absent := [one for one in side.names if one not in self.modalities]:
            raise ValueError(
                f"{self.dataset.folder} has no {' and no '.join(absent)}, so nothing of it is "
                f"{side.name}; it has {', '.join(self.modalities)}"
            )
        return side

    def _vectors(self, side: Side) -> Tensor:
        return self._known.late(side.names) if side.late else self._known.joint[side.names]

    def _embed(self, combinations: Sequence[Combination]) -> None:
        """Embed the clips in those combinations that are not known yet."""
        wanted = [one for one in dict.fromkeys(combinations) if one not in self._known.joint]
        if wanted:
            found = embed_rows(self.model, self.dataset, wanted, long_clips=self.long_clips)
            joint, alone = self._known.joint | found.joint, self._known.alone | found.alone
            self._known = ClipEmbeddings(joint, alone)

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
        names = self._side(tuple(given)).names if given else ()
        if not names:
            raise ValueError("an empty question: give text, a clip's picture or a clip's sound")
        batch = {}
        for name in names:
            tokens = self._tokens(name, given[name])
            batch[name] = pad_tokens([tokens], tokens.shape[1])
        return self._fused(batch, names)[0]

    def _fused(self, batch: Batch, names: Combination) -> Tensor:
        """(B, P) of unit length; zeros where an item has nothing of it."""
        return F.normalize(embed_present(self.model, batch, [names])[names], dim=-1)

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
        among: str | Combination | None = None,
        top: int = 10,
        **parts: str | Path | None,
    ) -> pd.DataFrame:
        """The clips whose embedding in the combination `among` is nearest to the question.

        Args:
            among: such as "video+audio"; default: `all_but_text`.
            top: how many.
            **parts: see `query`.

        Returns:
            One row per hit, best first: rank, score (cosine), then the clip's manifest columns.
        """
        if top < 1:
            raise ValueError(f"top is how many answers to give, at least 1, found {top}")
        gallery = self.embeddings(among or self.all_but_text)
        scores = gallery @ self.query(**parts)
        scores[~_present(gallery)] = -torch.inf  # a clip without any of it is no answer
        best = scores.argsort(descending=True, stable=True)[:top]
        best = best[scores[best] > -torch.inf]
        hits = self.dataset.manifest.iloc[best.tolist()].reset_index(drop=True)
        hits.insert(0, "score", scores[best].tolist())
        hits.insert(0, "rank", range(1, len(hits) + 1))
        return hits

    def ranks(self, query: SideName, gallery: SideName) -> np.ndarray:
        """(n,) rank of each clip's own gallery embedding, asked with its query embedding.

        Only what has something of both sides takes part, as a query and as a candidate. A side
        with text is one item for each caption, one without is one item for each clip: a clip with
        several captions is looked for with each of them, and has found its captions with the best.
        """
        return self._rank(self._side(query), self._side(gallery))[1]

    def rank_table(self, pairs: Sequence[tuple[SideName, SideName]]) -> pd.DataFrame:
        """`ranks` of several directions, (query, gallery) each, with who asked.

        Returns:
            One row for each direction and query: query, gallery, clip_id (of the manifest's row
            that asks, of a clip that asks without text the first) and rank.
        """
        sides = [(self._side(query), self._side(gallery)) for query, gallery in pairs]
        self._embed(self.combinations)
        ids, tables = self.dataset.manifest["clip_id"].to_numpy(), []
        for query, gallery in sides:
            matches, ranks = self._rank(query, gallery)
            row = {"query": query.name, "gallery": gallery.name}
            tables.append(pd.DataFrame(row | {"clip_id": ids[matches.queries], "rank": ranks}))
        return pd.concat(tables, ignore_index=True)

    def _rank(self, query: Side, gallery: Side) -> tuple[Matches, np.ndarray]:
        sides = (query, gallery)
        self._embed([one for side in sides for one in side.needed])
        queries, candidates = (self._vectors(side) for side in sides)
        both = (_present(queries) & _present(candidates)).numpy()
        found = self._items.matches(query.names, gallery.names, both)
        vectors = queries[found.queries], candidates[found.candidates]
        return found, rank_of_match(*vectors, found.targets)

    def evaluate(self, *, late: bool = False, total: int | None = None) -> pd.DataFrame:
        """Retrieval in every direction between disjoint combinations; see `matrix`."""
        return self._table(directions(self.combinations, late=late), total)

    def matrix(self, *, late: bool = False, total: int | None = None) -> pd.DataFrame:
        """Retrieval in every direction between any two combinations, 7 x 7 for three modalities.

        Args:
            late: each direction with a fused side also with late fusion, as "video+audio late".
            total: clips of the complete benchmark, of which the dataset may have fewer: each one
                that it does not have is one more missing query in every direction, whatever the
                captions of a clip. Default: the clips that it has.

        Returns:
            One row per direction: query; gallery; shared, whether they have modalities in common;
            late; clips, the queries that take part; candidates; missing, the queries that do not,
            as they or what they ask for is not there; repeated captions, of those that take part
            which also stand for another clip; the measures of `retrieval_scores`, for which
            missing queries count as misses; and the ends of their 95 % bootstrap intervals as
            `R@1 low`, `R@1 high`, …. Where no clip has both sides the measures are NaN.

        Raises:
            ValueError: embeddings that are NaN; more clips than `total`.
        """
        return self._table(directions(self.combinations, shared=True, late=late), total)

    def _table(self, pairs: Sequence[tuple[Side, Side]], total: int | None) -> pd.DataFrame:
        self._embed([one for pair in pairs for side in pair for one in side.needed])
        rows = []
        for query, gallery in pairs:
            matches, ranks = self._rank(query, gallery)
            rows.append(direction_row(query, gallery, matches, ranks, self._items, total))
        if not any(row["clips"] for row in rows):
            raise ValueError(
                f"{self.dataset.folder}: of the {', '.join(self.modalities)} that the model takes "
                "none of these clips has two, so nothing can be looked for"
            )
        return pd.DataFrame(rows)

    def score_seconds(
        self,
        media: str | Path,
        sentences: Sequence[str],
        *,
        among: str | Combination | None = None,
        radius_seconds: float = 2.0,
    ) -> np.ndarray:
        """Compare every second of a whole video with sentences, for step localisation.

        Args:
            media: the id of a video of the dataset, or a media file.
            sentences: K of them.
            among: what of the video is fused; default: `all_but_text`.
            radius_seconds: a second is seen and heard with this much before and after it.

        Returns:
            (T, K) cosine similarities; second t is the window [t - radius, t + 1 + radius]. A
            second that has nothing of `among` scores 0.

        Raises:
            ValueError: no sentence, or one without a word that the model knows; text in `among`;
                a radius that is no length; a video that has nothing of `among` at all.
        """
        names = self._side(among or self.all_but_text).names
        if not sentences:
            raise ValueError("no sentence to compare the video with; give one or more")
        duration, get = self._whole(media)
        batch = second_windows(self.dataset.features, names, get, duration, radius_seconds)
        if not any(tokens.mask.any() for tokens in batch.values()):
            raise ValueError(f"{media} has no {' and no '.join(names)}: nothing to compare")
        seconds = self._fused(batch, names)  # (T, P)
        texts = torch.stack([self.query(text=sentence) for sentence in sentences])  # (K, P)
        return (seconds @ texts.T).numpy()

    def _whole(self, media: str | Path) -> tuple[float, Get]:
        """The seconds and all tokens of a video of the dataset, or of a file."""
        listed = self.dataset.media[self.dataset.media.media_id == str(media)]
        if len(listed):
            return float(listed.duration_seconds.iloc[0]), self.dataset.tensors_of(str(media))
        features = self._extracted(media)
        return features.duration_seconds, features.tensor

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
