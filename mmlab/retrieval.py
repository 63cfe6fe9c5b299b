"""Ask a collection of clips: any modalities in, the best clips of any combination out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlab.dataset import ClipDataset
from mmlab.evaluation.embedding import ClipEmbeddings, embed_present, embed_rows, has_any
from mmlab.evaluation.items import ClipItems, Matches
from mmlab.evaluation.long_clips import LongClips
from mmlab.evaluation.matrix import Side, SideName, direction_row, directions, parse_side
from mmlab.evaluation.ranking import best_rows, rank_of_match
from mmlab.evaluation.seconds import Tell, video_seconds
from mmlab.evaluation.segments import find_segments
from mmlab.model import FusionModel
from mmlab.origin import Origin, origin_of
from mmlab.question.parts import quoted, refuse_top
from mmlab.selection import rows_where
from mmlab.types import Combination, Modality, all_combinations, pad_tokens

if TYPE_CHECKING:
    from mmlab.index import VectorIndex


class Retriever:
    """A model and the clips it answers with.

    Args:
        model: on any device; what comes back lies on the CPU.
        dataset: the clips; of a modality that the model does not have, nothing is read.
        long_clips: how clips longer than those of the training are read; default: whole.
        index: finds the nearest clips instead of comparing with all of them, see `mmlab.index`.

    Raises:
        ValueError: no clips, no modality in common, or the index is of another model or dataset.

    Example:
        >>> retriever = Retriever(model, dataset.select(split="test"))
        >>> retriever.search(text="slice the tomato", among="video+audio", top=5)
    """

    def __init__(
        self,
        model: FusionModel,
        dataset: ClipDataset,
        long_clips: LongClips | None = None,
        *,
        index: VectorIndex | None = None,
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
        self._origin: tuple[object, Origin] | None = None
        self.index = index
        if index is not None:
            index.about.refuse_another(self.origin)

    @property
    def origin(self) -> Origin:
        """What model and clips these are, by their hashes; looked up when the weights change."""
        weights = self.model.state_dict().values()
        state = [(weight.data_ptr(), weight._version) for weight in weights]
        if self._origin is None or self._origin[0] != state:
            self._origin = state, origin_of(self)
        return self._origin[1]

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
        side = self.side(combination)
        self._embed(self.combinations)
        return self._vectors(side)

    def side(self, name: SideName) -> Side:
        """What asks or answers, from its name; a ValueError if there is nothing of it here."""
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
        names = self.side(tuple(given)).names if given else ()
        if not names:
            raise ValueError("an empty question: give text, a clip's picture or a clip's sound")
        batch = {}
        for name in names:
            tokens = self.tokens(name, given[name])
            batch[name] = pad_tokens([tokens], tokens.shape[1])
        return F.normalize(embed_present(self.model, batch, [names])[names][0], dim=-1)

    def tokens(self, modality: Modality, source: str | Path) -> Tensor:
        """What a question gives the model of one modality.

        Args:
            modality: of which `source` has something.
            source: as `query` takes it.

        Returns:
            (N, D) float32, at least one token.

        Raises:
            ValueError: no word is known, there is no such medium, or it lacks that modality.
        """
        if modality == "text":
            tokens = torch.from_numpy(self.dataset.text_encoder.encode(str(source))[1])
        elif (self.dataset.manifest.clip_id == str(source)).any():
            tokens = self.dataset[self.dataset.row_of(str(source))].tokens[modality]
        elif not os.path.exists(source):  # False, and no error, for a name that is too long
            raise ValueError(
                f"{quoted(str(source))} is neither in this selection (another split?) nor a file"
            )
        else:
            extracted = self.dataset.extract(source).tensor(modality)
            tokens = torch.zeros(0, 1) if extracted is None else extracted.float()
        if not len(tokens):
            what = "no word that the model knows" if modality == "text" else f"no {modality}"
            raise ValueError(f"{quoted(str(source))} holds {what}; ask with something else")
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
        return self.nearest(self.query(**parts), among, top=top)

    def nearest(
        self,
        vector: Tensor,
        among: SideName | None = None,
        *,
        top: int = 10,
        where: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """The clips whose embeddings have the largest inner product with a vector.

        Args:
            vector: (P,), of any length.
            among: as of `search`, or a late fusion such as "video+audio late".
            top: how many.
            where: a value, or a list of values, that a column of the manifest must have.

        Returns:
            As `search`; a clip that has nothing of `among` is no answer, nor is one that somebody
            added to the index by hand and the dataset has not.

        Raises:
            ValueError: no such column or combination; `top` is not a whole number from 1 up.
        """
        refuse_top(top)
        side = self.side(among or self.all_but_text)
        if self.index is not None:
            rows, scores = self._ask_index(self.index, side.name, vector, top, where)
        else:
            allowed = torch.from_numpy(rows_where(self.dataset.manifest, where or {}))
            gallery = self.embeddings(side.name)
            rows, scores = best_rows(gallery, vector, top, allowed & has_any(gallery))
        hits = self.dataset.manifest.iloc[rows].reset_index(drop=True)
        ranked = pd.DataFrame({"rank": range(1, len(hits) + 1), "score": scores})
        return pd.concat([ranked, hits], axis=1)

    def _ask_index(
        self,
        index: VectorIndex,
        name: str,
        vector: Tensor,
        top: int,
        where: Mapping[str, Any] | None,
    ) -> tuple[list[int], list[float]]:
        """Rows of the dataset and their scores; what it has not takes up nobody's place."""
        there = max(len(index), 1)
        asked = min(top, there)
        while True:
            found = index.search(name, vector[None].numpy(), asked, where=where)
            here = np.array([self.dataset.has(one) for one in found.clip_ids[0]], bool)
            if here.sum() >= top or asked == there or "" in found.clip_ids[0]:
                break
            asked = min(2 * asked, there)
        rows = [self.dataset.row_of(one) for one in found.clip_ids[0][here][:top]]
        return rows, found.scores[0][here][:top].tolist()

    def ranks(self, query: SideName, gallery: SideName) -> np.ndarray:
        """(n,) rank of each clip's own gallery embedding, asked with its query embedding.

        Only what has something of both sides takes part, as a query and as a candidate. A side
        with text is one item for each caption, one without is one item for each clip: a clip with
        several captions is looked for with each of them, and has found its captions with the best.
        """
        return self._rank(self.side(query), self.side(gallery))[1]

    def rank_table(self, pairs: Sequence[tuple[SideName, SideName]]) -> pd.DataFrame:
        """`ranks` of several directions, (query, gallery) each, with who asked.

        Returns:
            One row for each direction and query: query, gallery, clip_id (of the manifest's row
            that asks, of a clip that asks without text the first) and rank.
        """
        sides = [(self.side(query), self.side(gallery)) for query, gallery in pairs]
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
        both = (has_any(queries) & has_any(candidates)).numpy()
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

    def localize(
        self,
        media: str | Path,
        steps: Sequence[str],
        *,
        among: str | Combination | None = None,
        tell: Tell = lambda doing, share: None,
    ) -> pd.DataFrame:
        """When each of some ordered steps is in a long video; of one sentence, its best moments.

        Args:
            media: the id of a video of the dataset, or a media file.
            steps: sentences.
            among: what of the video is fused; default: `all_but_text`.
            tell: see `mmlab.evaluation.seconds.video_seconds`.

        Returns:
            See `mmlab.evaluation.segments.find_segments`.

        Raises:
            ValueError: as `score_seconds`; or more steps than seconds.
        """
        texts = self._texts(steps)
        found = video_seconds(self, media, among, tell=tell)
        return find_segments(steps, found.scores(texts), found.duration_seconds)

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
            (T, K) cosine similarities, 0 where there is nothing of `among`; second t is the
            window [t - radius, t + 1 + radius].

        Raises:
            ValueError: no sentence, or none of its words is known; text in `among`; a radius that
                is no length; a video that has nothing of `among` at all.
        """
        texts = self._texts(sentences)
        return video_seconds(self, media, among, radius_seconds=radius_seconds).scores(texts)

    def _texts(self, sentences: Sequence[str]) -> Tensor:
        """(K, P)."""
        if not sentences:
            raise ValueError("no sentence to compare the video with; give one or more")
        texts = {sentence: self.query(text=sentence) for sentence in dict.fromkeys(sentences)}
        return torch.stack([texts[sentence] for sentence in sentences])
