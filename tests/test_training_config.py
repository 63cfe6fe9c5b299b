"""How to train as one dataclass: printed and read back, wrong values named, schedules."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import pytest

from mmlab.losses import disjoint_pairs, pair_name
from mmlab.training import TrainConfig, read_steps
from mmlab.training.config import schedule_factor
from tests.training_cases import CONFIG, tiny_dataset, trained

EVERYTHING = TrainConfig(
    epochs=3,
    batch_clips=12,
    chunk_clips=5,
    learning_rate=2e-4,
    schedule="exponential",
    decay_per_epoch=0.8,
    warmup_share=0.1,
    clip_gradient_norm=1.5,
    freeze_norm=True,
    precision="float16",
    temperature=0.07,
    loss="margin",
    margin=0.002,
    loss_weights={"text | video": 1.0, "text | video+audio": 0.25},
    clips="corrected",
    clips_per_video=4,
    jitter_seconds=0.5,
    word_dropout=0.1,
    audio_shift_seconds=4.0,
    evaluate_every_epochs=2,
    evaluation_split="held out",
    monitor_query="video",
    monitor_gallery="text",
    monitor_measure="R@5",
    patience_epochs=3,
    checkpoint_every_steps=7,
    device="cpu",
    deterministic=True,
    loaders=2,
    seed=11,
)


def test_this_file_sets_every_field_to_another_value_than_its_default():
    default = TrainConfig()
    same = [
        f.name for f in fields(default) if getattr(default, f.name) == getattr(EVERYTHING, f.name)
    ]
    assert not same


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        EVERYTHING,
        TrainConfig.paper(),
        TrainConfig.finetune_msrvtt(),
        TrainConfig.finetune_youcook2(),
    ],
    ids=["default", "everything", "paper", "msrvtt", "youcook2"],
)
def test_json_gives_the_same_configuration_back(config):
    assert TrainConfig.from_json(config.to_json()) == config
    assert set(json.loads(config.to_json())) == {field.name for field in fields(config)}


def test_a_missing_field_has_its_default():
    assert TrainConfig.from_json('{"epochs": 3}') == TrainConfig(epochs=3)
    assert TrainConfig.from_json("{}") == TrainConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"epoch": 3}', "epoch"),
        ('{"epochs": 3, "learning_rates": 1}', "learning_rates"),
        ("[]", "not a training configuration"),
        ("3", "not a training configuration"),
        ("null", "not a training configuration"),
        ('{"epochs": "many"}', "epochs"),
        ('{"learning_rate": "fast"}', "learning_rate"),
        ('{"jitter_seconds": null}', "jitter_seconds"),
        ('{"loss_weights": [1, 2]}', "loss_weights"),
        ('{"freeze_norm": "no"}', "freeze_norm"),
    ],
)
def test_json_that_is_no_configuration_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.from_json(text)


def test_text_that_is_no_json_is_called_no_configuration():
    with pytest.raises(ValueError, match="not a training configuration"):
        TrainConfig.from_json("{epochs: 3")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_clips", 1),
        ("chunk_clips", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("schedule", "linear"),
        ("decay_per_epoch", 0.0),
        ("decay_per_epoch", -0.5),
        ("warmup_share", -0.1),
        ("warmup_share", 1.0),
        ("clip_gradient_norm", 0.0),
        ("clip_gradient_norm", math.nan),
        ("precision", "float8"),
        ("temperature", 0.0),
        ("loss", "triplet"),
        ("margin", -0.1),
        ("margin", math.nan),
        ("loss_weights", {"text | video": -1.0}),
        ("loss_weights", {"text | video": math.nan}),
        ("clips", "all"),
        ("clips_per_video", 0),
        ("jitter_seconds", -1.0),
        ("jitter_seconds", math.inf),
        ("word_dropout", 1.0),
        ("word_dropout", -0.1),
        ("audio_shift_seconds", -1.0),
        ("evaluate_every_epochs", 0),
        ("monitor_measure", "R@3"),
        ("patience_epochs", 0),
        ("patience_epochs", 3),  # and nothing is evaluated
        ("checkpoint_every_steps", 0),
        ("loaders", -1),
        ("seed", -1),
    ],
)
def test_a_value_that_cannot_be_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        TrainConfig(**{field: value})


def test_random_clips_fill_whole_videos():
    with pytest.raises(ValueError, match="batch_clips 128 .* clips_per_video 10"):
        TrainConfig(clips="published")
    TrainConfig(clips="published", batch_clips=120)


def test_the_recipes_are_the_published_ones():
    paper = TrainConfig.paper()
    assert (paper.epochs, paper.batch_clips, paper.learning_rate) == (15, 2240, 5e-5)
    assert (paper.schedule, paper.decay_per_epoch, paper.warmup_share) == ("exponential", 0.9, 0.0)
    assert (paper.clips, paper.clips_per_video, paper.temperature) == ("published", 10, 0.05)
    weights = dict.fromkeys(map(pair_name, disjoint_pairs(["text", "video", "audio"])), 0.1)
    assert paper.loss_weights == weights | {"text | video": 1.0}
    msrvtt, youcook2 = TrainConfig.finetune_msrvtt(), TrainConfig.finetune_youcook2()
    assert (msrvtt.epochs, msrvtt.batch_clips, msrvtt.learning_rate) == (25, 128, 5e-5)
    assert (youcook2.epochs, youcook2.batch_clips, youcook2.learning_rate) == (5, 256, 1e-5)
    for recipe in (msrvtt, youcook2):
        assert (recipe.schedule, recipe.decay_per_epoch) == ("exponential", 0.9)
        assert recipe.freeze_norm
        assert recipe.loss_weights is None


# Schedules


def slow_rates(config: TrainConfig, steps: int, steps_per_epoch: int) -> list[float]:
    """Step by step, as one would by hand."""
    warming = round(config.warmup_share * steps)
    rates, rate = [], config.learning_rate
    for step in range(steps):
        if config.schedule == "exponential" and step and step % steps_per_epoch == 0:
            rate = rate * config.decay_per_epoch
        if step < warming:
            rates.append(config.learning_rate * (step + 1) / warming)
        elif config.schedule == "exponential":
            rates.append(rate)
        else:
            angle = 180 * (step - warming) / (steps - warming)
            rates.append(config.learning_rate * (1 + math.cos(math.radians(angle))) / 2)
    return rates


@pytest.mark.parametrize("schedule", ["cosine", "exponential"])
@pytest.mark.parametrize("warmup_share", [0.0, 0.05, 0.5, 0.95])
@pytest.mark.parametrize(("epochs", "steps_per_epoch"), [(1, 1), (4, 3), (7, 10), (1, 40)])
def test_schedules_against_a_slow_version(schedule, warmup_share, epochs, steps_per_epoch):
    config = TrainConfig(schedule=schedule, warmup_share=warmup_share, decay_per_epoch=0.7)
    steps = epochs * steps_per_epoch
    found = [
        config.learning_rate * schedule_factor(config, step, steps, steps_per_epoch)
        for step in range(steps)
    ]
    assert found == pytest.approx(slow_rates(config, steps, steps_per_epoch), rel=1e-9, abs=1e-15)
    assert all(0 < rate <= config.learning_rate for rate in found)  # no step is for nothing
    rising = round(warmup_share * steps)
    assert found[:rising] == sorted(found[:rising])
    assert found[rising:] == sorted(found[rising:], reverse=True)


def test_a_run_follows_its_schedule(tmp_path):
    dataset = tiny_dataset(tmp_path / "dataset")
    for schedule in ("cosine", "exponential"):
        config = replace(CONFIG, schedule=schedule, warmup_share=0.25, decay_per_epoch=0.5)
        trained(dataset, tmp_path / schedule, config)
        found = [step["learning_rate"] for step in read_steps(tmp_path / schedule)]
        assert found == pytest.approx(slow_rates(config, 12, 3), rel=1e-9)
