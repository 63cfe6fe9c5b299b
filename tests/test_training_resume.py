"""Exact resume: killed at any moment, a run goes on as if nothing had been, bit for bit."""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from mmlab.training import TrainConfig, read_metrics, read_steps
from tests.training_cases import CONFIG, Told, lines, tiny_dataset, tiny_model, trained
from tests.training_child import Moment, train_killed

STEPS, DROPOUT = 12, 0.2
PRECISIONS = ("float32", "bfloat16", "float16")
RESUMABLE = replace(CONFIG, checkpoint_every_steps=2, evaluate_every_epochs=1)
KEPT = ("model.safetensors", "optimizer.safetensors", "state.json")


class Undisturbed:
    """A dataset and, for each precision, a run that nobody stops."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = tiny_dataset(folder / "dataset", lacking=True)

    def config(self, precision: str) -> TrainConfig:
        return replace(RESUMABLE, precision=precision)

    def run(self, precision: str = "float32") -> Path:
        run = self.folder / precision
        if not run.exists():
            self.go_on(run, precision)
        return run

    def go_on(self, run: Path, precision: str = "float32", **options) -> Told:
        watcher = options.pop("watcher", Told())
        model = tiny_model(dropout=DROPOUT)
        config = options.pop("config", self.config(precision))
        trained(self.dataset, run, config, model=model, watcher=watcher, **options)
        return watcher

    def killed(self, run: Path, precision: str, moment: Moment) -> bool:
        """Whether the process died."""
        config = asdict(self.config(precision))
        return not train_killed(self.dataset.folder, run, config, moment, DROPOUT)

    def check_same(self, run: Path, precision: str = "float32") -> None:
        """All losses, rates, gradient norms, means, evaluations and weights, to the last bit."""
        whole = self.run(precision)
        assert lines(run) == lines(whole)
        assert [row["step"] for row in read_steps(run)] == list(range(1, STEPS + 1))
        assert told_of_epochs(run) == told_of_epochs(whole)
        for name in ("model.safetensors", "best/model.safetensors", "best/evaluation.json"):
            assert (run / name).read_bytes() == (whole / name).read_bytes(), name
        last = f"checkpoints/step-{STEPS:08}"
        for name in ("model.safetensors", "optimizer.safetensors"):
            assert (run / last / name).read_bytes() == (whole / last / name).read_bytes(), name


def told_of_epochs(run: Path) -> list[str]:
    return [json.dumps(row | {"seconds": 0}, sort_keys=True) for row in read_metrics(run)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("resume"))


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


# Killed


def test_the_same_run_twice_is_the_same(undisturbed, tmp_path):
    undisturbed.go_on(tmp_path / "again")
    undisturbed.check_same(tmp_path / "again")
    losses = [row["terms"]["total"] for row in read_steps(tmp_path / "again")]
    assert len(set(losses)) == STEPS  # equal ones would not tell one step from another


@pytest.mark.parametrize(
    ("precision", "moment"),
    [("float32", ("step", 5)), ("bfloat16", ("pass", 11)), ("float16", ("file", 30))],
)
def test_a_killed_run_goes_on_bit_for_bit(undisturbed, tmp_path, precision, moment):
    run = tmp_path / "run"
    assert undisturbed.killed(run, precision, moment)
    watcher = undisturbed.go_on(run, precision)
    assert watcher.plans[0].first_step + len(watcher.steps) == STEPS
    assert 0 < watcher.plans[0].first_step < STEPS
    undisturbed.check_same(run, precision)


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
def test_kill_and_resume_at_twenty_random_steps(undisturbed, tmp_path, precision):
    generator, killed = random.Random(precision), 0
    for number in range(20):
        run, step = tmp_path / f"kill{number}", generator.randint(1, STEPS - 1)
        killed += undisturbed.killed(run, precision, ("step", step))
        undisturbed.go_on(run, precision)
        undisturbed.check_same(run, precision)
    assert killed == 20


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_one_run_killed_again_and_again(undisturbed, tmp_path, precision):
    generator, run, kills = random.Random(5), tmp_path / "run", 0
    for _ in range(30):
        kind = generator.choice(("step", "pass", "file"))
        number = generator.randint(1, {"step": STEPS - 1, "pass": 6, "file": 40}[kind])
        kills += undisturbed.killed(run, precision, (kind, number))
    undisturbed.go_on(run, precision)
    undisturbed.check_same(run, precision)
    assert kills >= 5


@pytest.mark.slow
def test_a_run_killed_at_every_third_change_of_a_file(undisturbed, tmp_path):
    left = []
    for number in range(1, 500, 3):
        run = tmp_path / f"change{number}"
        killed = undisturbed.killed(run, "float32", ("file", number))
        undisturbed.go_on(run)
        undisturbed.check_same(run)
        left += [(number, path.name) for path in run.rglob("*.part")]
        shutil.rmtree(run)
        if not killed:
            break
    assert 30 < number < 490
    assert not left  # by a killed process; the next one clears them away


# Checkpoints


def test_the_last_two_checkpoints_are_kept(undisturbed, tmp_path):
    undisturbed.run()
    assert checkpoints(undisturbed.run()) == ["step-00000010", "step-00000012"]
    seen = []
    watcher = Told(act=lambda record: seen.append(checkpoints(run) if record.step > 1 else []))
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    undisturbed.go_on(run, watcher=watcher)
    assert max(len(names) for names in seen) <= 2
    for step, names in enumerate(seen, start=1):
        # every second step and every third, which ends an epoch; the watcher may hear first
        due = [n for n in range(1, step + 1) if n % 2 == 0 or n % 3 == 0]
        assert names in ([f"step-{n:08}" for n in some[-2:]] for some in (due, due[:-1]))
    for name in KEPT:
        assert (run / "checkpoints" / "step-00000012" / name).stat().st_size > 0


def test_a_checkpoint_holds_the_weights_of_its_step(undisturbed, tmp_path):
    run = tmp_path / "run"
    undisturbed.go_on(run, watcher=Told(stop_at=STEPS))
    state = load_file(run / "checkpoints" / "step-00000012" / "model.safetensors")
    fresh = tiny_model(dropout=DROPOUT).state_dict()
    assert state.keys() == fresh.keys()
    assert any(not state[name].equal(fresh[name]) for name in state)


def test_a_finished_run_is_finished(undisturbed, tmp_path):
    run = shutil.copytree(undisturbed.run(), tmp_path / "run")
    watcher = undisturbed.go_on(run)
    assert not watcher.steps
    assert watcher.outcomes[0].finished
    assert watcher.outcomes[0].steps == STEPS
    undisturbed.check_same(run)


def test_without_resume_nothing_that_is_there_is_overwritten(undisturbed, tmp_path):
    run = tmp_path / "run"
    undisturbed.go_on(run, resume=False, watcher=Told(stop_at=7))  # nothing is there yet
    before = lines(run), checkpoints(run)
    with pytest.raises(ValueError, match="resume"):
        undisturbed.go_on(run, resume=False)
    assert (lines(run), checkpoints(run)) == before
    undisturbed.go_on(run)
    undisturbed.check_same(run)


# Damage


@pytest.fixture(scope="module")
def stopped(undisturbed) -> Path:
    """A run that was stopped after step 7: checkpoints of the steps 6 and 7."""
    run = undisturbed.folder / "stopped"
    undisturbed.go_on(run, watcher=Told(stop_at=7))
    assert checkpoints(run) == ["step-00000006", "step-00000007"]
    return run


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(share: float):
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(share * (len(content) - 1))] ^= 1
        path.write_bytes(content)

    damage.__name__ = f"flipped at {share:.0%}"
    return damage


FLIPS = [flip(share) for share in (0.0, 0.003, 0.1, 0.37, 0.5, 0.73, 0.98, 1.0)]


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize(
    "damage", [truncate, empty, Path.unlink, *FLIPS[2:7:2]], ids=lambda d: d.__name__
)
def test_a_damaged_checkpoint_is_said_and_the_one_before_is_taken(
    undisturbed, stopped, tmp_path, name, damage
):
    run = shutil.copytree(stopped, tmp_path / "run")
    damage(run / "checkpoints" / "step-00000007" / name)
    watcher = undisturbed.go_on(run)
    said = " ".join(watcher.messages)
    assert re.search("step-00000007 .*damaged.*step-00000006", said), watcher.messages
    assert watcher.plans[0].first_step == 6
    undisturbed.check_same(run)


@pytest.mark.slow
@pytest.mark.parametrize("name", KEPT)
def test_no_flipped_bit_of_a_checkpoint_goes_unnoticed(undisturbed, stopped, tmp_path, name):
    generator = random.Random(name)
    for damage in [*FLIPS, *(flip(generator.random()) for _ in range(40))]:
        run = shutil.copytree(stopped, tmp_path / "run")
        damage(run / "checkpoints" / "step-00000007" / name)
        watcher = undisturbed.go_on(run, watcher=Told(stop_at=8))
        assert watcher.plans[0].first_step == 6, damage.__name__
        shutil.rmtree(run)


def test_another_spelling_of_the_same_state_is_damage_too(undisturbed, stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    path = run / "checkpoints" / "step-00000007" / "state.json"
    path.write_text(path.read_text().replace('"progress"', r'"p\u0072ogress"'))
    watcher = undisturbed.go_on(run, watcher=Told(stop_at=8))
    assert watcher.plans[0].first_step == 6


def test_without_any_whole_checkpoint_training_says_so(undisturbed, stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    for number, step in enumerate((6, 7)):
        truncate(run / "checkpoints" / f"step-{step:08}" / KEPT[number])
    before = lines(run)
    with pytest.raises(ValueError, match="step-00000006") as raised:
        undisturbed.go_on(run)
    assert str(run) in str(raised.value)
    assert lines(run) == before  # nothing is lost that a person could still want


def test_what_a_killed_process_left_behind_does_not_matter(undisturbed, stopped, tmp_path):
    run = shutil.copytree(stopped, tmp_path / "run")
    (run / "checkpoints" / "step-00000008.host-1.part").mkdir()
    (run / "checkpoints" / "step-00000008.host-1.part" / "model.safetensors").write_bytes(b"half")
    (run / "model.safetensors.host-1.part").write_bytes(b"half")
    with (run / "steps.jsonl").open("a") as file:
        file.write('{"step": 8, "epo')  # a line that the kill cut off
    undisturbed.go_on(run)
    undisturbed.check_same(run)


def test_a_stopped_run_without_checkpoints_every_few_steps_goes_on(undisturbed, tmp_path):
    config = replace(RESUMABLE, checkpoint_every_steps=None)
    run = tmp_path / "run"
    undisturbed.go_on(run, config=config, watcher=Told(stop_at=5))
    watcher = undisturbed.go_on(run, config=config)
    assert watcher.plans[0].first_step == 5
    assert lines(run) == lines(undisturbed.run())  # checkpoints change nothing
