"""kill -9 at any moment of a change: the index is the old one or the new one, and goes on."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import mmlab
from mmlab.index import FolderIndex, building, open_index
from tests.index_cases import ABOUT, Slow, clips, questions, same

CHANGES = ((os, "replace"), (os, "fsync"), (os, "unlink"), (os, "rmdir"), (Path, "mkdir"))
"""What an index does to files, beside writing them."""

MOST_CHANGES = 120
"""More than one change of a tiny index makes."""


def killed_at(operation: int, work: Callable[..., None], *arguments) -> bool:
    """Work in a process that dies at its nth change of a file; whether it lived to the end."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_dying, args=(operation, work, *arguments))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def _dying(operation: int, work: Callable[..., None], *arguments) -> None:
    torch.set_num_threads(1)  # the others were not forked, and would be waited for
    left = [operation]
    for owner, name in CHANGES:
        setattr(owner, name, _deadly(getattr(owner, name), left))
    work(*arguments)


def _deadly(real: Callable, left: list[int]) -> Callable:
    def change(*arguments, **options):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    return change


def add(folder: Path) -> None:
    FolderIndex(folder).add(*clips(50, 130, seed=1))


def delete(folder: Path) -> None:
    FolderIndex(folder).delete([f"clip {number}" for number in range(90)])


@pytest.mark.parametrize(("work", "clips_after"), [(add, 130), (delete, 10)])
def test_a_change_that_is_killed_happened_or_did_not(tmp_path, work, clips_after):
    original = tmp_path / "original"
    old = Slow()
    for one in (FolderIndex.begin(original, ABOUT), old):
        one.add(*clips(0, 100))
        one.delete(["clip 3"])
        one.add(*clips(3, 4))
    shutil.copytree(original, tmp_path / "new")
    work(tmp_path / "new")
    new = open_index(tmp_path / "new")
    asked, happened = questions(2), []
    for operation in range(1, MOST_CHANGES):
        folder = shutil.copytree(original, tmp_path / f"change {operation}")
        alive = killed_at(operation, work, folder)
        index = open_index(folder)
        assert len(index) in (len(old.held), clips_after)
        happened.append(len(index) == clips_after)
        expected = new if happened[-1] else old
        same(index.search("video", asked, 20), expected.search("video", asked, 20))
        work(folder)
        assert index.ids() == new.ids()
        names = {path.name for path in (folder / "segments").iterdir()}
        assert names == set(index._newest().state.segments)  # nothing is left of the killed one
        if alive:
            break
    assert alive
    assert happened == sorted(happened)
    assert happened.count(False) > 3
    assert happened.count(True) > 0


def build(folder: Path, retriever: mmlab.Retriever) -> None:
    mmlab.index.build_index(retriever, folder)


@pytest.fixture
def embedded(monkeypatch) -> list[str]:
    """Which clips were embedded, one at a time."""
    monkeypatch.setattr(building, "CLIPS_TOGETHER", 1)
    seen: list[str] = []
    real = building._embedded

    def noted(retriever, dataset, combinations):
        seen.extend(dataset.manifest.clip_id)
        return real(retriever, dataset, combinations)

    monkeypatch.setattr(building, "_embedded", noted)
    return seen


@pytest.mark.parametrize("stride", [37, pytest.param(3, marks=pytest.mark.slow)])
def test_a_build_that_is_killed_goes_on(tiny_retriever, tmp_path, embedded, stride):
    every, finished = tiny_retriever.dataset.manifest.clip_id.tolist(), []
    build(tmp_path / "undisturbed", tiny_retriever)
    undisturbed = open_index(tmp_path / "undisturbed", origin=tiny_retriever.origin)
    assert embedded == undisturbed.ids() == every
    for operation in range(3, 10 * MOST_CHANGES, stride):
        folder = tmp_path / f"change {operation}"
        alive = killed_at(operation, build, folder, tiny_retriever)
        if not alive and not (folder / "index.json").exists():
            with pytest.raises((ValueError, FileNotFoundError), match="mmlab index RUN"):
                open_index(folder)
        embedded.clear()
        build(folder, tiny_retriever)
        finished.append(len(every) - len(embedded))
        index = open_index(folder, origin=tiny_retriever.origin)
        asked = undisturbed.vectors("video", every[:2])
        same(index.search("video", asked, 9), undisturbed.search("video", asked, 9))
        assert not (folder / "building.json").exists()
        if alive:
            break
    assert alive
    assert finished == sorted(finished)
    assert len(set(finished)) > 3  # what was done was not done again


def test_an_index_answers_as_it_was_while_it_is_updated(tiny_retriever, tmp_path, embedded):
    folder, some = tmp_path / "index", tiny_retriever.dataset.select(range(3))
    build(folder, mmlab.Retriever(tiny_retriever.model, some))
    old = open_index(folder).ids()
    assert not killed_at(30, build, folder, tiny_retriever)
    index = open_index(folder)
    assert index.ids() == old
    assert index.search("video", index.vectors("video", old[:1]), 1).clip_ids[0, 0] == old[0]
    with pytest.raises(ValueError, match="a build was stopped before its end; go on"):
        index.delete(old)
    embedded.clear()
    build(folder, tiny_retriever)
    assert len(embedded) < 2
    assert index.ids() == tiny_retriever.dataset.manifest.clip_id.tolist()
