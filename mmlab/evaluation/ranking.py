"""The rank of a query's match among all candidates, without sorting and in little memory.

Ranks count from 1. How many candidates are better than the match, and how many tie with it, is
all that a rank needs; so similarities are compared in blocks and forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

MOST_SIMILARITIES = 2**22
"""So many are held at a time: 16 MB, which is counted about as fast as it is multiplied."""

NONE = -1
"""In a table of targets: this query has no further one."""


def rank_of_match(
    queries: Tensor,
    gallery: Tensor,
    targets: Tensor | Sequence[np.ndarray] | None = None,
    *,
    block: int | None = None,
) -> np.ndarray:
    """Rank every query's match among the gallery by dot product.

    Args:
        queries: (Q, P).
        gallery: (K, P).
        targets: (Q,) row of each query's match in the gallery; default: the same row. Or, where
            several candidates are right, an array of their rows for each query: then the rank is
            that of the best of them.
        block: queries compared at a time, so that Q x K never lies in memory whole; by default
            as many as `MOST_SIMILARITIES` allows.

    Returns:
        (Q,) ranks from 1. Candidates that tie with the match share their mean rank, k.5 of two;
        identical candidates tie exactly, whatever the rounding of the product.

    Raises:
        ValueError: NaN or infinite embeddings, which have no rank; targets that are no rows of
            the gallery.
    """
    queries, gallery = queries.detach(), gallery.detach()
    _check_finite("queries", queries)
    _check_finite("candidates", gallery)
    wanted = _targets(len(queries), len(gallery), targets).to(queries.device)  # (Q, C)
    if not len(queries):
        return np.empty(0)
    different, number = _distinct(gallery)
    wanted = number[wanted.clamp(min=0)].where(wanted != NONE, NONE)
    copies = torch.bincount(number)
    block = min(block or max(1, MOST_SIMILARITIES // len(different)), len(queries))
    similarity = queries.new_empty(block, len(different))
    flags = torch.empty_like(similarity, dtype=torch.bool)  # both serve every block
    ranks = torch.empty(len(queries), dtype=torch.float64, device=queries.device)
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        count = len(queries[rows])
        torch.mm(queries[rows], different.T, out=similarity[:count])
        ranks[rows] = _ranks(similarity[:count], wanted[rows], copies, flags[:count])
    return ranks.cpu().numpy()


def _ranks(similarity: Tensor, wanted: Tensor, copies: Tensor, flags: Tensor) -> Tensor:
    """(B, D) to each different candidate, (B, C) the right ones, (D,) how often each is there.

    Of t that tie, c of them right, the first right one stands on average at (t + 1) / (c + 1).
    """
    matches = similarity.gather(1, wanted.clamp(min=0))  # (B, C)
    matches = matches.masked_fill(wanted == NONE, -torch.inf)
    best = matches.amax(dim=1, keepdim=True)
    often = (copies > 1).nonzero()[:, 0]
    better = _count(torch.gt(similarity, best, out=flags), often, copies)
    tied = _count(torch.eq(similarity, best, out=flags), often, copies)
    right = (matches == best).sum(dim=1)
    return better + (tied + 1).double() / (right + 1)


def _count(flags: Tensor, often: Tensor, copies: Tensor) -> Tensor:
    """(B,) how many candidates are marked in (B, D), those that are there `often` each time."""
    if flags.is_cpu:  # torch counts along a dimension ten times as slowly
        count = torch.tensor([np.count_nonzero(row) for row in flags.numpy()])
    else:
        count = torch.count_nonzero(flags, dim=1)
    return count + (flags[:, often] * (copies[often] - 1)).sum(dim=1) if len(often) else count


def _targets(
    queries: int, candidates: int, targets: Tensor | Sequence[np.ndarray] | None
) -> Tensor:
    """(Q, C) rows of the gallery, filled up with NONE."""
    if targets is None and queries != candidates:
        raise ValueError(
            f"{queries} queries and {candidates} candidates are no pairs; give each query's targets"
        )
    if targets is None:
        return torch.arange(queries)[:, None]
    if len(targets) != queries:
        raise ValueError(f"{queries} queries need as many targets, found {len(targets)}")
    if not queries:
        return torch.empty(0, 1, dtype=torch.long)
    several = [torch.as_tensor(one, dtype=torch.long).reshape(-1) for one in targets]
    if empty := [number for number, one in enumerate(several) if not len(one)]:
        raise ValueError(f"queries {empty[:5]} have no target; leave them out")
    rows = torch.cat(several)
    if not 0 <= int(rows.min()) <= int(rows.max()) < candidates:
        raise ValueError(
            f"targets are rows 0 to {candidates - 1} of the gallery, found "
            f"{int(rows.min())} to {int(rows.max())}"
        )
    return pad_sequence(several, batch_first=True, padding_value=NONE)


def _distinct(gallery: Tensor) -> tuple[Tensor, Tensor]:
    """The different rows, (D, P), and which of them each row is, (K,).

    Copies of a candidate, such as one caption of two clips, have the same similarity; a matrix
    product does not promise to round it the same for all of them.
    """
    seen: dict[bytes, int] = {}
    rows = gallery.detach().cpu().contiguous().numpy()
    numbers = [seen.setdefault(blake2b(row, digest_size=16).digest(), len(seen)) for row in rows]
    number = torch.tensor(numbers, device=gallery.device)
    if len(seen) == len(gallery):
        return gallery, number
    first = np.unique(numbers, return_index=True)[1]
    return gallery[torch.from_numpy(first).to(gallery.device)], number


def _check_finite(name: str, embeddings: Tensor) -> None:
    if not embeddings.isfinite().all():
        broken = (~embeddings.isfinite()).any(dim=1).nonzero()[:, 0]
        raise ValueError(
            f"{len(broken)} of {len(embeddings)} {name} hold NaN or infinite values, so their "
            f"ranks are undefined; the first rows: {broken[:5].tolist()}"
        )


def best_rows(
    gallery: Tensor, vector: Tensor, top: int, allowed: Tensor
) -> tuple[list[int], list[float]]:
    """The rows of a gallery with the largest inner products, and these; ties in their order.

    Args:
        gallery: (n, P).
        vector: (P,).
        top: how many at most.
        allowed: (n,) bool, which may be found.
    """
    scores = (gallery @ vector).masked_fill(~allowed, -torch.inf)
    best = scores.argsort(descending=True, stable=True)[: min(top, int(allowed.sum()))]
    return best.tolist(), scores[best].tolist()
