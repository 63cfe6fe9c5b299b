"""What goes wrong in training: numbers that are not finite, and input that does not fit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch.amp import GradScaler

import mmlab
from mmlab.model import FusionModel, ModelConfig
from mmlab.model.embeddings import Embeddings, Encoded
from mmlab.training import Trainer, TrainingError, read_metrics, read_steps, train_step
from mmlab.training.step import make_optimizer, set_training
from mmlab.types import Combination
from tests.training_cases import (
    CONFIG,
    MODALITIES,
    WITHOUT_NETWORK,
    Told,
    lines,
    tiny_config,
    tiny_dataset,
    tiny_model,
    trained,
)

STEPS, BROKEN_MEDIUM = 12, 5
CLIP_ID = r"medium\d\d#\d+\.\d\d-\d+\.\d\d"


class Breaking(FusionModel):
    """Its embeddings, or their gradient, are not finite when it is told so."""

    value, of_gradient = math.nan, False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.passes = 0
        self.breaks: Callable[[Encoded], bool] = has_broken_medium

    def fuse(self, encoded: Encoded, chosen: Sequence[Combination]) -> Embeddings:
        found = super().fuse(encoded, chosen)
        self.passes += self.training
        if not self.training or not self.breaks(encoded):
            return found
        raw = {names: self._broken(rows) for names, rows in found.raw.items()}
        return Embeddings(raw, found.present)

    def _broken(self, rows: torch.Tensor) -> torch.Tensor:
        if not self.of_gradient:
            return rows * self.value
        if rows.requires_grad:
            rows.register_hook(lambda gradient: gradient * self.value)
        return rows


def has_broken_medium(encoded: Encoded) -> bool:
    video = encoded.tokens["video"]
    return bool(((video.values[..., 0] == BROKEN_MEDIUM / 8) & video.mask).any())


def breaking(value: float = math.nan, *, of_gradient: bool = False) -> Breaking:
    model = tiny_model(kind=Breaking)
    model.value, model.of_gradient = value, of_gradient
    return model


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("failures"))


def snapshot(trainer: Trainer) -> list[torch.Tensor]:
    state = trainer.optimizer.state_dict()["state"]
    moments = [value.clone() for one in state.values() for value in one.values()]
    return [value.clone() for value in trainer.model.state_dict().values()] + moments


# Numbers


@pytest.mark.parametrize(
    ("value", "of_gradient"), [(math.nan, False), (math.inf, False), (math.inf, True)]
)
@pytest.mark.parametrize("chunk_clips", [None, 3])
def test_a_broken_step_is_skipped_counted_and_reported(
    dataset, tmp_path, value, of_gradient, chunk_clips
):
    states, watcher = [], Told(act=lambda _: states.append(snapshot(trainer)))
    config = replace(CONFIG, chunk_clips=chunk_clips, epochs=2)
    trainer = Trainer(
        breaking(value, of_gradient=of_gradient),
        dataset.select(split="train"),
        config,
        run_folder=tmp_path / "run",
        watcher=watcher,
    )
    states.append(snapshot(trainer))
    outcome = trainer.fit()
    skipped = [record.step for record in watcher.steps if record.skipped]
    assert 2 <= len(skipped) <= 4  # the medium's two clips are in one or two batches an epoch
    assert outcome.skipped_steps == len(skipped)
    assert outcome.finished
    assert [row["step"] for row in read_steps(tmp_path / "run") if row["skipped"]] == skipped
    for step in skipped:
        assert any(f"step {step}" in message for message in watcher.messages)
    for before, after, record in zip(states[:-1], states[1:], watcher.steps, strict=True):
        if before and len(before) == len(after):
            same = all(one.equal(other) for one, other in zip(before, after, strict=True))
            assert same == record.skipped, record.step
        finite = math.isfinite(record.terms["total"]) and math.isfinite(record.gradient_norm)
        assert finite != record.skipped
    weights = load_weights(tmp_path / "run")
    assert all(value.isfinite().all() for value in weights.values())


def load_weights(run) -> dict[str, torch.Tensor]:
    return FusionModel.from_pretrained(run).state_dict()


def test_an_epochs_means_leave_skipped_steps_out(dataset, tmp_path):
    trained(dataset, tmp_path / "run", model=breaking())
    for row in read_metrics(tmp_path / "run"):
        totals = [
            step["terms"]["total"]
            for step in read_steps(tmp_path / "run")
            if step["epoch"] == row["epoch"] and not step["skipped"]
        ]
        assert totals
        assert row["terms"]["total"] == pytest.approx(sum(totals) / len(totals))


def test_a_run_with_skipped_steps_goes_on_exactly(dataset, tmp_path):
    whole = trained(dataset, tmp_path / "whole", model=breaking())
    first = next(row["step"] for row in read_steps(tmp_path / "whole") if row["skipped"])
    trained(dataset, tmp_path / "run", model=breaking(), watcher=Told(stop_at=first))
    outcome = trained(dataset, tmp_path / "run", model=breaking())
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")
    assert outcome.skipped_steps == whole.skipped_steps > 1


@pytest.mark.parametrize("of_gradient", [False, True])
def test_ten_broken_steps_in_a_row_stop_with_the_clips(dataset, tmp_path, of_gradient):
    model, watcher = breaking(of_gradient=of_gradient), Told()
    model.breaks = lambda _: True
    with pytest.raises(TrainingError, match="10 steps") as raised:
        trained(dataset, tmp_path / "run", model=model, watcher=watcher)
    named = re.findall(CLIP_ID, str(raised.value))
    train = dataset.manifest[dataset.manifest.split == "train"]
    assert len(set(named)) == len(named) == CONFIG.batch_clips
    assert set(named) <= set(train.clip_id)
    assert [row["skipped"] for row in read_steps(tmp_path / "run")] == [True] * 10
    assert isinstance(raised.value, ValueError)


def test_nine_broken_steps_in_a_row_are_borne(dataset, tmp_path):
    model = breaking()
    model.breaks = lambda _: model.passes != 10
    config = replace(CONFIG, epochs=7)
    watcher = Told(stop_at=19)
    outcome = trained(dataset, tmp_path / "run", config, model=model, watcher=watcher)
    assert [record.skipped for record in watcher.steps] == [True] * 9 + [False] + [True] * 9
    assert outcome.skipped_steps == 18


def test_broken_steps_are_counted_across_a_stop(dataset, tmp_path):
    def broken() -> Breaking:
        model = breaking()
        model.breaks = lambda _: True
        return model

    trained(dataset, tmp_path / "run", model=broken(), watcher=Told(stop_at=6))
    with pytest.raises(TrainingError, match="10 steps"):
        trained(dataset, tmp_path / "run", model=broken())
    assert len(read_steps(tmp_path / "run")) == 10


def test_a_gradient_that_float16_cannot_hold_changes_nothing_but_the_scale(dataset):
    config = replace(CONFIG, precision="float16")
    model = tiny_model()
    set_training(model, config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer, scaler = make_optimizer(model, 1e-3), GradScaler("cpu", init_scale=2.0**120)
    batch = dataset.batch(range(8))
    result = train_step(model, optimizer, batch, config, step=0, scaler=scaler)
    assert result.skipped
    assert math.isfinite(result.terms["total"])
    assert scaler.get_scale() == 2.0**119
    for name, value in model.state_dict().items():
        assert value.equal(before[name]), name
    moments = [value for state in optimizer.state.values() for value in state.values()]
    assert not any(value.any() for value in moments)  # nor is a step counted


def test_a_gradient_that_no_scale_mends_stops_float16_too(dataset, tmp_path):
    model = breaking(math.nan, of_gradient=True)
    model.breaks = lambda _: True
    config = replace(CONFIG, precision="float16", epochs=14)
    with pytest.raises(TrainingError, match="in a row"):
        trained(dataset, tmp_path / "run", config, model=model)


# Checkpoints of something else


@pytest.fixture(scope="module")
def stopped(dataset, tmp_path_factory):
    run = tmp_path_factory.mktemp("stopped")
    trained(dataset, run, watcher=Told(stop_at=4))
    return run


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 99),
        ("batch_clips", 6),
        ("learning_rate", 1e-5),
        ("schedule", "exponential"),
        ("precision", "bfloat16"),
        ("seed", 1),
        ("word_dropout", 0.0),
        ("chunk_clips", 4),
        ("loss_weights", {"text | video": 1.0}),
    ],
)
def test_a_checkpoint_of_another_configuration_names_the_field(dataset, stopped, field, value):
    with pytest.raises(ValueError, match=rf"(?s)step-00000004.*another configuration.*{field}"):
        trained(dataset, stopped, replace(CONFIG, **{field: value}))


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (lambda: tiny_model(token_width=32), "token_width"),
        (lambda: tiny_model(class_token=True, shared_projection=True), "shared_projection"),
        (lambda: tiny_model(*WITHOUT_NETWORK), "modalities"),
        (lambda: tiny_model(replace(MODALITIES[0], max_tokens=3), *MODALITIES[1:]), "max_tokens"),
    ],
)
def test_a_checkpoint_of_another_model_names_the_field(dataset, stopped, model, field):
    with pytest.raises(ValueError, match=rf"another configuration.*{field}"):
        trained(dataset, stopped, model=model())


def test_a_checkpoint_of_other_clips_is_refused(dataset, stopped):
    fewer = dataset.select(rows=range(22))
    with pytest.raises(ValueError, match="clips"):
        trained(fewer, stopped)
    reordered = dataset.select(rows=[1, 0, *range(2, len(dataset))])
    with pytest.raises(ValueError, match="clips"):
        trained(reordered, stopped)


def test_what_changes_no_number_may_change(dataset, stopped, tmp_path):
    import shutil

    run = shutil.copytree(stopped, tmp_path / "run")
    trained(dataset, run, replace(CONFIG, loaders=3, checkpoint_every_steps=1, device="auto"))
    trained(dataset, tmp_path / "whole")
    assert lines(run) == lines(tmp_path / "whole")


def test_a_refused_run_keeps_its_files(dataset, tmp_path):
    run = tmp_path / "run"
    mmlab.train_run(dataset, run, CONFIG, model=tiny_config(), watcher=Told(stop_at=4))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="epochs"):
        mmlab.train_run(dataset, run, replace(CONFIG, epochs=99), model=tiny_config())
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert json.loads((run / "run.json").read_text())["train"]["epochs"] == CONFIG.epochs
