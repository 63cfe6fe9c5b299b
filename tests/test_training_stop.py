"""Stopping a training on purpose: it ends after the step, keeps everything, and can go on."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from mmlab.model import FusionModel
from mmlab.training import read_metrics, read_steps
from tests.training_cases import CONFIG, Told, lines, tiny_dataset, tiny_model, trained

STEPS = 12


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("stop"))


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole")
    trained(dataset, run)
    return run


def send(number: int):
    return lambda: os.kill(os.getpid(), number)


def when(step: int, act) -> Told:
    return Told(act=lambda record: record.step == step and act())


def check_stopped_after(run, outcome, step: int) -> None:
    assert (outcome.finished, outcome.stopped) == (False, "asked")
    assert (outcome.steps, outcome.epochs) == (step, step // 3)
    assert json.loads((run / "outcome.json").read_text())["stopped"] == "asked"
    assert [row["step"] for row in read_steps(run)] == list(range(1, step + 1))
    assert len(read_metrics(run)) == step // 3
    model = FusionModel.from_pretrained(run)  # of a stopped run, too
    assert not model.training
    assert (run / "checkpoints" / f"step-{step:08}").is_dir()


@pytest.mark.parametrize("step", [1, 3, 7, 11])
def test_a_watcher_stops_after_the_step(dataset, whole, tmp_path, step):
    run = tmp_path / "run"
    watcher = Told(stop_at=step)
    outcome = trained(dataset, run, watcher=watcher)
    check_stopped_after(run, outcome, step)
    assert watcher.outcomes == [outcome]
    assert trained(dataset, run).finished
    assert lines(run) == lines(whole)
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_after_the_step(dataset, whole, tmp_path, number):
    before = signal.getsignal(number)
    outcome = trained(dataset, tmp_path / "run", watcher=when(5, send(number)))
    check_stopped_after(tmp_path / "run", outcome, 5)
    assert signal.getsignal(number) is before
    assert trained(dataset, tmp_path / "run").finished
    assert lines(tmp_path / "run") == lines(whole)


def test_a_second_signal_does_not_wait(dataset, tmp_path):
    def impatient():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # for the handler

    # A job in the background is started with SIGINT ignored; here it is as in the foreground.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trained(dataset, tmp_path / "run", watcher=when(5, impatient))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert trained(dataset, tmp_path / "run").finished  # from the end of the first epoch


def test_a_stop_at_the_last_step_is_no_stop(dataset, whole, tmp_path):
    outcome = trained(dataset, tmp_path / "run", watcher=Told(stop_at=STEPS))
    assert (outcome.finished, outcome.stopped) == (True, "")
    assert lines(tmp_path / "run") == lines(whole)


def test_training_in_a_thread_can_be_stopped_from_another(dataset, whole, tmp_path):
    watcher, found = Told(), []
    thread = threading.Thread(
        target=lambda: found.append(trained(dataset, tmp_path / "run", watcher=watcher))
    )
    thread.start()
    while not watcher.steps:
        time.sleep(0.001)
    watcher.stop = True
    thread.join()
    assert found[0].steps == len(watcher.steps)
    if found[0].stopped:  # it may have been quicker than this thread
        check_stopped_after(tmp_path / "run", found[0], len(watcher.steps))
    trained(dataset, tmp_path / "run")
    assert lines(tmp_path / "run") == lines(whole)


def test_stopped_again_and_again(dataset, whole, tmp_path):
    outcomes = [trained(dataset, tmp_path / "run", watcher=Told(stop_at=n)) for n in (2, 3, 8, 9)]
    assert [one.steps for one in outcomes] == [2, 3, 8, 9]
    seconds = [one.seconds for one in outcomes]
    assert seconds == sorted(seconds)  # it counts all parts together
    assert trained(dataset, tmp_path / "run").finished
    assert lines(tmp_path / "run") == lines(whole)


def test_an_error_in_the_watcher_loses_no_checkpoint(dataset, whole, tmp_path):
    def fail():
        raise RuntimeError("a view that broke")

    with pytest.raises(RuntimeError, match="a view that broke"):
        trained(dataset, tmp_path / "run", watcher=when(8, fail))
    assert trained(dataset, tmp_path / "run").finished
    assert lines(tmp_path / "run") == lines(whole)


def test_with_monitoring_a_stopped_run_has_the_best_weights_so_far(dataset, tmp_path):
    config = replace(CONFIG, evaluate_every_epochs=1)
    run = tmp_path / "run"
    outcome = trained(dataset, run, config, model=tiny_model(), watcher=Told(stop_at=8))
    assert outcome.best_epoch == 1  # of eight clips every one is among the first ten
    best = (run / "best" / "model.safetensors").read_bytes()
    assert (run / "model.safetensors").read_bytes() == best
