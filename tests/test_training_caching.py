"""Gradient caching: a batch in chunks gives the gradient of the batch in one piece."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mmlab.losses import combinatorial_loss
from mmlab.model import FusionModel
from mmlab.model.embeddings import Embeddings, Encoded
from mmlab.training import TrainConfig, read_steps
from mmlab.training.step import compute_gradients, set_training
from mmlab.types import Tokens
from tests.small_models import VARIANTS, mixed_batch
from tests.training_cases import (
    CONFIG,
    WITHOUT_NETWORK,
    Recorded,
    gradients_at_steps,
    largest_difference,
    one_step,
    tiny_dataset,
    tiny_model,
    trained,
)

BLIND = "class token, depth 0"
"""Its class token looks at nothing, so all clips are the same to it and no gradient is left."""

COMPARING = {
    name: config
    for name, config in VARIANTS.items()
    if len(config.modalities) > 1 and name != BLIND
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("caching"), lacking=True)


@pytest.fixture(scope="module")
def batch(dataset):
    return dataset.batch(range(24))


def computed(model, batch, config: TrainConfig, step: int = 3):
    """The loss's terms and the gradient of each parameter; zeros where there is none."""
    set_training(model, config)
    model.zero_grad()
    terms = compute_gradients(model, batch, config, step=step)
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }
    return {name: term.item() for name, term in terms.items()}, gradients


def check_same(model, other, batch, chunked: TrainConfig, plain: TrainConfig) -> None:
    found, gradients = computed(model, batch, chunked)
    expected, true_gradients = computed(other, batch, plain)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert largest_difference(gradients, true_gradients) < 1e-5
    assert max(value.abs().max() for value in true_gradients.values()) > 1e-3


# Against the batch in one piece


@pytest.mark.parametrize("chunk_clips", [1, 3, 8, 23, 24, 100])
@pytest.mark.parametrize("case", ["running norms", "frozen norms", "without sound network"])
def test_chunks_give_the_gradient_of_the_whole_batch(batch, case, chunk_clips):
    config = replace(CONFIG, freeze_norm=case == "frozen norms")
    modalities = WITHOUT_NETWORK if case == "without sound network" else ()
    model, other = tiny_model(*modalities), tiny_model(*modalities)
    own = {name: batch[name] for name in model.config.names}
    check_same(model, other, own, replace(config, chunk_clips=chunk_clips), config)


@pytest.mark.parametrize("name", sorted(COMPARING))
def test_chunks_of_every_kind_of_model(name):
    model, other = FusionModel(COMPARING[name]), FusionModel(COMPARING[name])
    other.load_state_dict(model.state_dict())
    batch = mixed_batch(COMPARING[name])  # each clip with other modalities, some with one frame
    check_same(model, other, batch, replace(CONFIG, chunk_clips=2), CONFIG)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "margin", "margin": 0.1},
        {"loss_weights": {"text | video+audio": 1.0, "video | audio": 0.1}},
        {"loss_weights": {"text | video": 1.0, "text | audio": 0.0}},
        {"temperature": 0.5},
    ],
    ids=["margin", "two weights", "a weight of 0", "temperature"],
)
def test_chunks_with_every_kind_of_loss(batch, changes):
    config = replace(CONFIG, **changes)
    check_same(tiny_model(), tiny_model(), batch, replace(config, chunk_clips=5), config)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_chunks_in_mixed_precision(batch, precision):
    """Products are rounded as they come, so these agree as far as such numbers go."""
    config = replace(CONFIG, precision=precision)
    found, chunked = computed(tiny_model(), batch, replace(config, chunk_clips=5))
    expected, plain = computed(tiny_model(), batch, config)
    assert found["total"] == pytest.approx(expected["total"], rel=1e-3)
    assert largest_difference(chunked, plain) < 0.02


def test_double_numbers_agree_to_their_own_precision(batch):
    chunked = computed(tiny_model().double(), batch, replace(CONFIG, chunk_clips=7))[1]
    plain = computed(tiny_model().double(), batch, CONFIG)[1]
    single = computed(tiny_model(), batch, CONFIG)[1]
    assert largest_difference(chunked, plain) < 1e-11
    assert largest_difference({n: g.double() for n, g in single.items()}, plain) < 1e-4


def test_a_run_in_chunks_makes_the_steps_of_a_plain_run(dataset, tmp_path):
    gradients = []
    for name, chunk_clips in (("chunks", 5), ("plain", None)):
        config = one_step(chunk_clips=chunk_clips, epochs=3)
        model = tiny_model()
        with gradients_at_steps(model) as found:
            trained(dataset, tmp_path / name, config, model=model)
        gradients.append(found)
    assert [len(found) for found in gradients] == [3, 3]
    assert largest_difference(gradients[0][0], gradients[1][0]) < 1e-5
    one, other = (
        [row["terms"]["total"] for row in read_steps(tmp_path / n)] for n in ("chunks", "plain")
    )
    assert one == pytest.approx(other, rel=1e-4)


def test_running_statistics_follow_once_a_step_whatever_the_chunks(batch):
    whole, model, frozen = tiny_model(), tiny_model(), tiny_model()
    before = {name: value.clone() for name, value in frozen.named_buffers()}
    assert len(before) > 10
    computed(whole, batch, CONFIG)
    computed(model, batch, replace(CONFIG, chunk_clips=10))
    computed(frozen, batch, replace(CONFIG, chunk_clips=10, freeze_norm=True))
    expected = dict(whole.named_buffers())
    for name, value in model.named_buffers():
        torch.testing.assert_close(value, expected[name], rtol=1e-6, atol=1e-7)
        if name.endswith("num_batches_tracked"):
            assert value == 1
    assert all(value.equal(before[name]) for name, value in frozen.named_buffers())


# Against the same chunks with the graph kept


def graph_kept(model, recorded: Recorded, config: TrainConfig):
    """The obvious way: the same chunks, every activation kept, one loss, back at once."""
    set_training(model, config)
    (batch,), rest = recorded.batches, list(recorded.passes)
    wanted = [("text",), ("video",), ("audio",)]
    wanted += [("text", "video"), ("text", "audio"), ("video", "audio")]
    encoded, parts, start = model.encode(batch, wanted), [], 0
    for one in rest[: len(rest) // 2]:
        torch.set_rng_state(one.random_state)
        parts.append(model.fuse(_clips(encoded, start, start + one.clips), wanted))
        start += one.clips
    joined = Embeddings(
        {names: torch.cat([part.raw[names] for part in parts]) for names in wanted},
        encoded.present,
    )
    loss = combinatorial_loss(joined, temperature=config.temperature)
    loss.total.backward()
    return loss, {name: parameter.grad for name, parameter in model.named_parameters()}


def _clips(encoded: Encoded, start: int, end: int) -> Encoded:
    return Encoded(
        {
            name: Tokens(one.values[start:end], one.mask[start:end])
            for name, one in encoded.tokens.items()
        },
        {name: whole[start:end] for name, whole in encoded.whole.items()},
        {name: present[start:end] for name, present in encoded.present.items()},
    )


@pytest.mark.parametrize("chunk_clips", [3, 8, 23])
def test_chunks_with_dropout_give_the_gradient_with_the_graph_kept(batch, chunk_clips):
    config = replace(CONFIG, chunk_clips=chunk_clips)
    model, other = tiny_model(kind=Recorded, dropout=0.3), tiny_model(dropout=0.3)
    terms, gradients = computed(model, batch, config)
    loss, expected = graph_kept(other, model, config)
    assert terms["total"] == pytest.approx(loss.total.item(), rel=1e-5)
    assert largest_difference(gradients, expected) < 1e-5


def test_every_clip_passes_twice_in_chunks_and_once_whole(batch):
    model = tiny_model(kind=Recorded)
    computed(model, batch, replace(CONFIG, chunk_clips=10))
    found = [(one.graph, one.clips) for one in model.passes]
    assert found == [*[(False, 10), (False, 10), (False, 4)], *[(True, 10), (True, 10), (True, 4)]]
    states = [one.random_state for one in model.passes]
    assert all(states[number].equal(states[number + 3]) for number in range(3))  # same dropout
    assert not states[0].equal(states[1])
    model.passes.clear()
    computed(model, batch, CONFIG)
    assert [(one.graph, one.clips) for one in model.passes] == [(True, 24)]


def test_dropout_differs_from_step_to_step(batch):
    losses = [
        computed(tiny_model(dropout=0.3), batch, CONFIG, step=step)[0]["total"]
        for step in (0, 1, 0)
    ]
    assert losses[0] == losses[2] != losses[1]
