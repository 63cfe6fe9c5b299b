"""Tables change all in one step: whatever is there is of one state."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from mmlab import tables
from mmlab.about import PENDING, About, FeatureInfo
from mmlab.shards import MediaRecord
from mmlab.tables import COLUMNS, begin, media_table, read_tables, replace_tables

FEATURES = {"text": FeatureInfo("words", 3, None, source="default")}


def state(name: str) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[str, str]], About]:
    manifest, media = (
        pd.DataFrame({c: [1.0 if c.endswith("_seconds") else name] for c in COLUMNS[table]})
        for table in COLUMNS
    )
    return manifest, media, [(name, "reason")], About("", FEATURES)


def found(folder: Path) -> set[str]:
    about, manifest, media = read_tables(folder)
    assert about.features == FEATURES
    return {*manifest.clip_id, *media.media_id}


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(12))
def test_stopped_between_any_two_steps(tmp_path, monkeypatch, step):
    """Eight steps write three tables and dataset.json beside their places, three move tables."""
    begin(tmp_path)
    replace_tables(tmp_path, *state("old"))
    left = [step]

    def counted(real):
        def call(*arguments):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(tables, "write_atomically", counted(tables.write_atomically))
        patch.setattr(tables.os, "replace", counted(tables.os.replace))
        with suppress(Killed):
            replace_tables(tmp_path, *state("new"))
    expected = "old" if step < 8 else "new"
    assert found(tmp_path) == {expected}
    begin(tmp_path)
    assert found(tmp_path) == {expected}
    assert not list(tmp_path.glob(f"*{PENDING}"))
    assert expected in (tmp_path / "skipped.csv").read_text()
    replace_tables(tmp_path, *state("newest"))
    assert found(tmp_path) == {"newest"}


def test_a_reader_meets_a_writer(tmp_path, monkeypatch):
    """New tables are put in place while the old ones are read."""
    begin(tmp_path)
    replace_tables(tmp_path, *state("old"))
    real, states = tables.pq.ParquetFile, iter(["new", "newer"])

    def read(file):
        if name := next(states, None):
            replace_tables(tmp_path, *state(name))
        return real(file)

    monkeypatch.setattr(tables.pq, "ParquetFile", read)
    assert found(tmp_path) == {"newer"}


def test_a_table_changed_by_hand_is_read(tmp_path):
    begin(tmp_path)
    replace_tables(tmp_path, *state("old"))
    table = pd.read_parquet(tmp_path / "manifest.parquet").assign(split="test")
    table.to_parquet(tmp_path / "manifest.parquet")
    assert read_tables(tmp_path)[1].split.tolist() == ["test"]


def test_the_media_that_could_be_read_in_order():
    records = {
        "b": [
            MediaRecord("z", duration_seconds=2.0, has_video=True),
            MediaRecord("y", reason="no"),
        ],
        "a": [MediaRecord("x", duration_seconds=1.0, width=3)],
    }
    table = media_table(records, {"z": "folder/z.mp4"})
    assert table[["media_id", "media_path", "shard"]].to_numpy().tolist() == [
        *[["x", "", "a"], ["z", "folder/z.mp4", "b"]]
    ]
    assert table.width.tolist() == [3, 0]
    assert len(media_table({}, {})) == 0


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("start_seconds", "soon", "its column start_seconds holds"),
        ("media_id", 3, "its column media_id holds int64"),
        ("text", b"bytes", "its column text holds"),
    ],
)
def test_columns_of_another_type_are_refused(tmp_path, column, value, words):
    begin(tmp_path)
    manifest, *others = state("one")
    replace_tables(tmp_path, manifest.assign(**{column: [value]}), *others)
    with pytest.raises(ValueError, match=rf"manifest\.parquet: {words}"):
        read_tables(tmp_path)


def test_missing_text_is_empty(tmp_path):
    begin(tmp_path)
    manifest, *others = state("one")
    replace_tables(tmp_path, manifest.assign(text=[None]), *others)
    assert read_tables(tmp_path)[1].text.tolist() == [""]


@pytest.mark.parametrize("compression", ["snappy", None])
def test_damaged_tables_are_named(tmp_path, compression):
    begin(tmp_path)
    manifest, *others = state("one")
    replace_tables(tmp_path, manifest, *others)
    path = tmp_path / "manifest.parquet"
    manifest.to_parquet(path, compression=compression)
    whole = path.read_bytes()
    for damaged in (whole.replace(b"one", b"\xffne"), whole[:8] + bytes(40) + whole[48:], b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"manifest\.parquet: is damaged"):
            read_tables(tmp_path)
