"""What `mmlab` says of paths that it cannot use: the path and the mend, in one sentence."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from mmlab import cli


@pytest.fixture
def said(tiny_run, tmp_path, monkeypatch):
    """What a command line ends with; RUN is a trained model, and FILE and FOLDER are there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("mine")
    (tmp_path / "FOLDER").mkdir()
    (tmp_path / "steps.txt").write_text("a red square\n")

    def ask(line: str) -> str:
        arguments = [str(tiny_run) if one == "RUN" else one for one in line.split()]
        monkeypatch.setattr(sys, "argv", ["mmlab", *arguments])
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert sorted(tmp_path.rglob("*")) == before
        return str(ended.value.code)

    return ask


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("index RUN --to FILE", "FILE is a file; an index needs a folder, give another path"),
        ("index RUN --to FILE/a/b", "FILE is a file; an index needs a folder, give another path"),
        (
            "search RUN red --index FILE",
            "FILE is a file; an index needs a folder, give another path",
        ),
        ("localize RUN v --steps FOLDER", "FOLDER: is a folder; name a file"),
        (
            "localize RUN v --steps FILE/a",
            "FILE: is a file where a folder is needed; give another path",
        ),
        (
            "localize RUN v --steps nosuch",
            "nosuch: there is no such file or folder; check the path",
        ),
        (
            "localize RUN v --steps steps.txt --out FILE/x.vtt",
            "FILE: is a file where a folder is needed; give another path",
        ),
        (
            "probe RUN --out FILE/x.json",
            "FILE: is a file where a folder is needed; give another path",
        ),
        (
            "probe RUN --out FILE/a/x.json",
            "FILE: is a file where a folder is needed; give another path",
        ),
    ],
)
def test_a_path_that_cannot_be_used(said, line, sentence):
    assert said(line) == f"mmlab: {sentence}"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "search RUN --video caf\udce9.mp4",
            r"caf\xe9.mp4: has a name that is not UTF-8; rename it",
        ),
        (
            "search RUN --audio caf\udce9.mp4",
            r"caf\xe9.mp4: has a name that is not UTF-8; rename it",
        ),
        (
            "localize RUN caf\udce9.mp4 --steps steps.txt",
            r"caf\xe9.mp4: has a name that is not UTF-8; rename it",
        ),
        ("index RUN --to ix\udce9", r"ix\xe9: is a name that is not UTF-8; give another one"),
    ],
)
def test_a_name_that_is_not_utf8(said, media_folder, tmp_path, line, sentence):
    try:
        shutil.copy(media_folder / "red right.mp4", os.fsencode(tmp_path / "caf\udce9.mp4"))
    except OSError:
        pytest.skip("this file system takes no such name")
    assert said(line) == f"mmlab: {sentence}"


def test_other_errors_are_said_as_they_are(said, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("mmlab.runs.open_run", refuse)
    for error in (
        OSError(28, "No space left on device; free some space and run again", "x"),
        FileExistsError("x holds a model; delete it or name another folder"),
        UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range(128)"),
    ):
        assert said("search RUN red") == f"mmlab: {error}"
