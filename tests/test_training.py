"""Training: it learns, it repeats, and its folder tells everything about it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file

import mmlab
from mmlab.model import FusionModel
from mmlab.training import Outcome, read_metrics, read_steps
from tests.training_cases import (
    CONFIG,
    Told,
    lines,
    tiny_dataset,
    tiny_model,
    trained,
)

STEPS = 12
TERMS = {
    *("text | video", "text | audio", "video | audio", "text | video+audio"),
    *("video | text+audio", "audio | text+video", "total"),
}
MEASURED = replace(CONFIG, evaluate_every_epochs=2, monitor_measure="R@1")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """A run with evaluation after every second epoch, and who was told of it."""
    folder, watcher = tmp_path_factory.mktemp("run"), Told()
    outcome = trained(dataset, folder, MEASURED, watcher=watcher)
    return folder, watcher, outcome


def test_the_loss_falls_and_the_same_seed_gives_the_same_losses(dataset, tmp_path):
    config = replace(CONFIG, epochs=8, jitter_seconds=0.2)
    trained(dataset, tmp_path / "one", config)
    trained(dataset, tmp_path / "two", config)
    trained(dataset, tmp_path / "other", replace(config, seed=1))
    totals = [row["terms"]["total"] for row in read_metrics(tmp_path / "one")]
    assert totals[-1] < 0.8 * totals[0]
    assert lines(tmp_path / "one") == lines(tmp_path / "two") != lines(tmp_path / "other")


def test_without_anything_random_the_first_loss_is_that_of_the_batch(dataset, tmp_path):
    config = replace(CONFIG, epochs=1, batch_clips=24, jitter_seconds=0.0, word_dropout=0.0)
    trained(dataset, tmp_path / "run", config)
    model = tiny_model().train()
    loss = mmlab.combinatorial_loss(model(dataset.batch(range(24))), temperature=0.05)
    found = read_steps(tmp_path / "run")[0]["terms"]
    assert found["total"] == pytest.approx(loss.total.item(), rel=1e-5)
    assert set(found) == TERMS
    for name, term in loss.terms.items():
        assert found[name] == pytest.approx(term.item(), rel=1e-5)


def test_adam_makes_the_steps_that_a_plain_loop_makes(dataset, tmp_path):
    config = replace(CONFIG, epochs=3, batch_clips=24, jitter_seconds=0.0, word_dropout=0.0)
    config = replace(config, clip_gradient_norm=0.5, schedule="exponential", warmup_share=0.0)
    model = tiny_model()
    trained(dataset, tmp_path / "run", config, model=model)
    plain = tiny_model().train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=config.learning_rate)
    for epoch in range(3):
        optimizer.param_groups[0]["lr"] = config.learning_rate * 0.9**epoch
        loss = mmlab.combinatorial_loss(plain(dataset.batch(range(24))), temperature=0.05).total
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
        noted = read_steps(tmp_path / "run")[epoch]
        # the clips come in another order, and Adam makes much of what rounding leaves
        assert noted["terms"]["total"] == pytest.approx(loss.item(), rel=1e-3)
        assert noted["gradient_norm"] == pytest.approx(norm.item(), rel=1e-2)
        assert norm > 0.5


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_nearly_the_same(dataset, tmp_path, precision):
    for name in ("float32", precision):
        config = replace(CONFIG, epochs=6, precision=name)
        model = tiny_model()
        trained(dataset, tmp_path / name, config, model=model)
        assert all(weight.dtype == torch.float32 for weight in model.parameters())
    plain, mixed = (read_steps(tmp_path / name) for name in ("float32", precision))
    assert mixed[0]["terms"]["total"] == pytest.approx(plain[0]["terms"]["total"], rel=0.05)
    assert mixed[0]["terms"] != plain[0]["terms"]
    assert mixed[-1]["terms"]["total"] < 0.9 * mixed[0]["terms"]["total"]


def test_a_deterministic_run_is_the_same_and_changes_nothing_else(dataset, tmp_path):
    before = torch.are_deterministic_algorithms_enabled()
    for name, deterministic in (("plain", False), ("deterministic", True)):
        trained(dataset, tmp_path / name, replace(CONFIG, deterministic=deterministic))
    assert lines(tmp_path / "plain") == lines(tmp_path / "deterministic")
    assert torch.are_deterministic_algorithms_enabled() == before


def test_frozen_norms_keep_their_statistics_and_learn_their_weights(dataset, tmp_path):
    model = tiny_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained(dataset, tmp_path / "run", replace(CONFIG, freeze_norm=True), model=model)
    after = model.state_dict()
    assert all(value.equal(before[name]) for name, value in model.named_buffers())
    norms = [name for name in before if "bn1.weight" in name]
    assert norms
    assert all(not after[name].equal(before[name]) for name in norms)


def test_the_weighted_loss_is_made_of_the_weighted_terms_only(dataset, tmp_path):
    weights = {"text | video": 1.0, "text | video+audio": 0.5, "video | audio": 0.0}
    trained(dataset, tmp_path / "run", replace(CONFIG, epochs=1, loss_weights=weights))
    for row in read_steps(tmp_path / "run"):
        terms = row["terms"]
        assert set(terms) == {"total", "text | video", "text | video+audio"}
        mean = (terms["text | video"] + 0.5 * terms["text | video+audio"]) / 1.5
        assert terms["total"] == pytest.approx(mean, rel=1e-5)


# The run folder


def test_the_watcher_is_told_everything_in_order(run):
    folder, watcher, outcome = run
    (plan,) = watcher.plans
    assert (plan.epochs, plan.steps_per_epoch, plan.first_step, plan.steps) == (4, 3, 0, STEPS)
    assert [record.step for record in watcher.steps] == list(range(1, STEPS + 1))
    assert [record.epoch for record in watcher.steps] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert [record.epoch for record in watcher.epochs] == [1, 2, 3, 4]
    assert watcher.outcomes == [outcome]
    assert [asdict(record) for record in watcher.steps] == read_steps(folder)
    assert [asdict(record) for record in watcher.epochs] == read_metrics(folder)


def test_steps_say_what_they_cost(run):
    for record in run[1].steps:
        assert record.clips == 8
        assert 0 <= record.waiting_seconds <= record.seconds
        assert record.gradient_norm > 0
        assert not record.skipped


def test_an_epochs_terms_are_the_means_of_its_steps(run):
    folder = run[0]
    for row in read_metrics(folder):
        steps = [step["terms"] for step in read_steps(folder) if step["epoch"] == row["epoch"]]
        for name in TERMS:
            mean = sum(terms[name] for terms in steps) / len(steps)
            assert row["terms"][name] == pytest.approx(mean, rel=1e-12)


def test_the_outcome_sums_up(run):
    folder, watcher, outcome = run
    assert json.loads((folder / "outcome.json").read_text()) == asdict(outcome)
    assert isinstance(outcome, Outcome)
    assert (outcome.finished, outcome.stopped, outcome.skipped_steps) == (True, "", 0)
    assert (outcome.steps, outcome.epochs) == (STEPS, 4)
    seconds = sum(record.seconds for record in watcher.steps)
    waiting = sum(record.waiting_seconds for record in watcher.steps)
    assert outcome.seconds == pytest.approx(seconds)
    assert outcome.clips_per_second == pytest.approx(8 * STEPS / seconds)
    assert outcome.waiting_share == pytest.approx(waiting / seconds)


def test_tensorboard_reads_the_events(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run[0]
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    for name in TERMS:
        found = events.Scalars(f"loss/{name}")
        assert [event.step for event in found] == list(range(1, STEPS + 1))
        expected = [row["terms"][name] for row in read_steps(folder)]
        assert [event.value for event in found] == pytest.approx(expected, rel=1e-6)
    rates = [event.value for event in events.Scalars("learning_rate")]
    assert rates == pytest.approx([row["learning_rate"] for row in read_steps(folder)], rel=1e-6)
    recalls = events.Scalars("evaluation/R@1")
    assert [event.step for event in recalls] == [6, 12]


def test_evaluation_is_that_of_the_weights_at_that_time(run, dataset):
    folder, watcher, outcome = run
    assert [bool(record.evaluation) for record in watcher.epochs] == [False, True, False, True]
    assert watcher.epochs[1].best
    best = max(
        (record for record in watcher.epochs if record.evaluation),
        key=lambda r: r.evaluation["R@1"],
    )
    assert outcome.best_epoch == best.epoch
    model = FusionModel.from_pretrained(folder / "best")
    clips = dataset.select(split="validation")
    embeddings = model.embed(clips.batch(range(len(clips))))
    text, fused = (embeddings.vectors[one] for one in [("text",), ("video", "audio")])
    ranks = []
    for number, similarities in enumerate((text @ fused.T).tolist()):
        ranks.append(sum(other > similarities[number] for other in similarities) + 1)
    expected = {f"R@{k}": 100 * sum(r <= k for r in ranks) / len(ranks) for k in (1, 5, 10)}
    expected["MeanR"] = sum(ranks) / len(ranks)
    noted = json.loads((folder / "best" / "evaluation.json").read_text())
    for name, value in expected.items():
        assert best.evaluation[name] == pytest.approx(value)
        assert noted[name] == pytest.approx(value)
    assert noted["epoch"] == best.epoch


def test_with_monitoring_the_best_weights_are_the_runs(run):
    folder = run[0]
    kept, best = (load_file(one / "model.safetensors") for one in (folder, folder / "best"))
    assert all(kept[name].equal(best[name]) for name in best)
    assert (folder / "config.json").read_text() == (folder / "best" / "config.json").read_text()


def test_without_monitoring_the_last_weights_are_the_runs(dataset, tmp_path):
    model = tiny_model()
    outcome = trained(dataset, tmp_path / "run", replace(CONFIG, epochs=2), model=model)
    assert outcome.best_epoch is None
    assert not (tmp_path / "run" / "best").exists()
    assert not model.training
    written = FusionModel.from_pretrained(tmp_path / "run")
    for name, value in written.state_dict().items():
        assert value.equal(model.state_dict()[name])


def test_training_stops_when_patience_runs_out(dataset, tmp_path):
    # of eight clips every one is among the first ten: no epoch is better than the first
    config = replace(CONFIG, epochs=9, evaluate_every_epochs=1, patience_epochs=2)
    watcher = Told()
    outcome = trained(dataset, tmp_path / "run", config, watcher=watcher)
    assert (outcome.stopped, outcome.finished) == ("patience", True)
    assert (outcome.epochs, outcome.best_epoch) == (3, 1)
    assert [record.evaluation["R@10"] for record in watcher.epochs] == [100.0] * 3
    assert [record.best for record in watcher.epochs] == [True, False, False]
    first = load_file(tmp_path / "run" / "model.safetensors")
    trained(dataset, tmp_path / "short", replace(CONFIG, epochs=9), watcher=Told(stop_at=3))
    expected = load_file(tmp_path / "short" / "model.safetensors")
    assert all(value.equal(first[name]) for name, value in expected.items())
    again = Told()
    assert trained(dataset, tmp_path / "run", config, watcher=again).stopped == "patience"
    assert not again.steps
