"""A fourth modality is one more entry in the configuration: it trains, and it is found."""

from dataclasses import replace

import torch

from mmlab.losses import combinatorial_loss
from mmlab.model import FusionModel
from mmlab.types import Tokens, all_combinations, pad_tokens
from tests.small_models import AUDIO, DEPTH, SHALLOW, TEXT, VIDEO, small

CONFIG = small(TEXT, VIDEO, replace(AUDIO, encoder=SHALLOW), DEPTH, projection_width=16)
UNSEEN = ("video", "audio", "depth")
"""What the clips are searched by: nobody in training had these three and a text as well."""


class World:
    """Clips that are points in five dimensions, of which each modality has its own noisy view."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(0)
        self.views = {m.name: self.noise(5, m.width) for m in CONFIG.modalities}

    def noise(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.random)

    def batch(self, size: int, *, whole: bool) -> dict[str, Tokens]:
        """As many clips; unless they are whole, each lacks a modality or two of its own."""
        points, items = self.noise(size, 5), {name: [] for name in CONFIG.names}
        for number, point in enumerate(points):
            lacking = {CONFIG.names[number % 4], CONFIG.names[number // 4 % 4]}
            for name, view in self.views.items():
                length = int(torch.randint(1, 4, (), generator=self.random))
                length = length * 5 if name == "audio" else length
                if not whole and name in lacking:
                    length = 0
                items[name].append(point @ view + 0.2 * self.noise(length, view.shape[1]))
        return {m.name: pad_tokens(items[m.name], m.width) for m in CONFIG.modalities}


def share_found(model: FusionModel, clips: dict[str, Tokens]) -> float:
    """How many of the clips their own text finds first, by all else they have."""
    vectors = model.embed(clips, ["text", UNSEEN]).vectors
    ranking = vectors[("text",)] @ vectors[UNSEEN].T
    return float((ranking.argmax(dim=1) == torch.arange(len(ranking))).float().mean())


def test_four_modalities_learn_to_find_each_other_whatever_is_missing():
    torch.manual_seed(0)
    world, model = World(), FusionModel(CONFIG)
    clips = world.batch(32, whole=True)
    before = share_found(model, clips)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = combinatorial_loss(model.train()(world.batch(24, whole=False)), temperature=0.2)
        assert len(loss.terms) == 25
        assert loss.terms["text | video+audio+depth"].item() == 0
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    after = share_found(model, clips)
    assert before < 0.2
    assert after > 0.5


def test_the_loss_covers_all_25_pairs_and_reaches_every_parameter():
    torch.manual_seed(0)
    model = FusionModel(CONFIG).train()
    embeddings = model(World().batch(6, whole=True))
    assert list(embeddings.raw) == all_combinations(CONFIG.names)
    loss = combinatorial_loss(embeddings)
    assert len(loss.terms) == 25
    assert all(term.item() > 0 for term in loss.terms.values())
    assert "text+video | audio+depth" in loss.terms
    loss.total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
