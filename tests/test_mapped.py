"""Memory-mapped safetensors against the library, and damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mmlab.mapped import MappedTensors

TENSORS = {
    "a b/é.mp4/video": np.arange(12, dtype=np.float16).reshape(4, 3),
    "x/audio.seconds": np.ones((2, 2), dtype=np.float32),
    "x/none": np.zeros((0, 5), dtype=np.float16),
}


@pytest.fixture
def path(tmp_path) -> Path:
    save_file(TENSORS, tmp_path / "a.safetensors", {"mmlab": "{}"})
    return tmp_path / "a.safetensors"


def with_entry(path: Path, **changes: object) -> None:
    """Change what the header says of the first tensor."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["a b/é.mp4/video"] |= changes
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + data[8 + length :])


def test_reads_what_was_written(path):
    mapped = MappedTensors(path)
    assert set(mapped) == set(TENSORS)
    assert "nothing" not in mapped
    for name, expected in TENSORS.items():
        np.testing.assert_array_equal(mapped[name], expected)


def test_writing_to_an_array_does_not_change_the_file(path):
    before = path.read_bytes()
    MappedTensors(path)["x/audio.seconds"][:] = 7
    assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 7, 8, 20, 200, -1])
def test_truncated_files_are_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"a\.safetensors: is damaged"):
        MappedTensors(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [4, 300]},
        {"shape": [-4, -3]},
        {"shape": [2**62, 2**62]},
        {"shape": "4"},
        {"dtype": "I64"},
        {"data_offsets": [0, 10**12]},
        {"data_offsets": [-24, 0]},
        {"data_offsets": [0]},
    ],
)
def test_absurd_headers_are_refused(path, changes):
    with_entry(path, **changes)
    with pytest.raises(ValueError, match="is damaged"):
        MappedTensors(path)


def test_an_absurd_header_length_is_refused_before_it_is_read(path):
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ValueError, match="a header of 4611686018427387904 bytes"):
        MappedTensors(path)
