"""The grid: each variant changes what it says, and every one can be trained."""

from dataclasses import asdict, replace

import pytest
import torch

from mmlab.ablation.variants import GRID, MAIN, Setup, choose_variants, single_pairs
from mmlab.losses import combinatorial_loss
from mmlab.model import FusionModel
from mmlab.training import TrainConfig
from mmlab.types import Tokens
from tests.small_models import mixed_batch, small

SETUP = Setup(small(heads=4, dropout=0.1), TrainConfig(), clip_seconds=5.0)

CHANGES = {
    "main": set(),
    "no-transformer": {"depth", "loss_weights"},
    "per-modality": {"transformer_per_modality", "loss_weights"},
    "no-combinatorial": {"loss_weights"},
    "class-token": {"class_token", "shared_projection"},
    "shared-projection": {"shared_projection"},
    "positions": {"modalities", "positions"},
    "shifted-sound": {"audio_shift_seconds"},
    "published-weights": {"loss_weights"},
    "shifted-and-weighted": {"audio_shift_seconds", "loss_weights"},
    "two-blocks": {"depth"},
    "half-as-wide": {"token_width", "heads"},
    "twice-as-wide": {"token_width", "heads"},
    "text-video": {"modalities"},
}


def test_every_variant_changes_exactly_what_it_is_for():
    before = asdict(SETUP.model) | asdict(SETUP.train)
    found = {}
    for variant in GRID:
        after = variant.change(SETUP)
        fields = asdict(after.model) | asdict(after.train)
        found[variant.name] = {name for name in fields if fields[name] != before[name]}
    assert found == CHANGES


def test_names_and_labels_are_different():
    assert len({variant.name for variant in GRID}) == len(GRID)
    assert len({variant.label for variant in GRID}) == len(GRID)
    assert GRID[0].name == MAIN


@pytest.mark.parametrize("variant", GRID, ids=lambda variant: variant.name)
def test_every_variant_can_be_trained(variant):
    setup = variant.change(SETUP)
    torch.manual_seed(0)
    model = FusionModel(setup.model)
    batch = mixed_batch(setup.model)
    loss = combinatorial_loss(model(batch), weights=setup.train.loss_weights)
    loss.total.backward()
    assert loss.total.isfinite()
    assert all(p.grad is not None for p in model.transformers.parameters())


def test_single_pairs_leave_out_all_that_is_fused():
    assert single_pairs(("text", "video", "audio")) == {
        "text | video": 1.0,
        "text | audio": 1.0,
        "video | audio": 1.0,
    }


def test_half_a_clip_is_the_published_shift():
    shifted = next(one for one in GRID if one.name == "shifted-sound").change(SETUP)
    assert shifted.train.audio_shift_seconds == 2.5


def test_heads_keep_their_width():
    for name in ("half-as-wide", "twice-as-wide"):
        model = next(one for one in GRID if one.name == name).change(SETUP).model
        assert model.token_width / model.heads == SETUP.model.token_width / SETUP.model.heads


def test_positions_shorten_what_is_longer_than_in_training():
    config = next(one for one in GRID if one.name == "positions").change(SETUP).model
    model = FusionModel(config).eval()
    values = torch.randn(1, 30, config.modalities[1].width)
    long = {"video": Tokens(values, torch.ones(1, 30, dtype=torch.bool))}
    picked = [int(place * 30 / 12) for place in range(12)]
    short = {"video": Tokens(values[:, picked], torch.ones(1, 12, dtype=torch.bool))}
    vectors = [model.embed(batch).vectors[("video",)] for batch in (long, short)]
    assert torch.allclose(*vectors, atol=1e-6)


def test_the_main_variant_is_always_chosen():
    assert [one.name for one in choose_variants(["positions"])] == [MAIN, "positions"]
    assert choose_variants() == list(GRID)
    with pytest.raises(ValueError, match=r"unknown variants nonsense; there are main, no-trans"):
        choose_variants(["nonsense", "main"])


def test_a_variant_of_a_changed_main_keeps_its_changes():
    setup = replace(SETUP, train=replace(SETUP.train, epochs=3, temperature=0.1))
    changed = choose_variants(["no-combinatorial"])[1].change(setup).train
    assert (changed.epochs, changed.temperature) == (3, 0.1)
