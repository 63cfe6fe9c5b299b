"""docs/scale.md: its figures follow from the measurements, by sums that can be made by hand."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from mmlab.bench.backbones import BackboneSpeed
from mmlab.bench.data_report import DataReport
from mmlab.bench.extraction import DESCRIBING, PICTURES, REST, Extraction, Stage
from mmlab.bench.loading import Loading, Reading
from mmlab.bench.upkeep import Upkeep

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def scale():
    spec = importlib.util.spec_from_file_location("scale", CHECKOUT / "tools" / "scale.py")
    module = sys.modules["scale"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(**changes):
    """A report with round numbers: 100 s of media in 1 s of a core, half of it decoding."""
    stages = [Stage(PICTURES, 5.0), Stage(DESCRIBING, 4.0), Stage(REST, 1.0)]
    extraction = Extraction(
        media="a film",
        files=4,
        media_seconds=1000.0,
        media_bytes=10**7,
        width=640,
        height=360,
        frames_per_second=30.0,
        features=["a", "b"],
        feature_bytes=10**6,
        stages=stages,
        core_seconds=10.0,
        per_core=100.0,
        decoding_share=0.5,
        one_process=100.0,
        processes=2,
        all_processes=190.0,
    )
    sides = {"npz": Reading(50.0, [1.0], None), "mmlab": Reading(1000.0, [0.1], None)}
    parts = {
        "environment": {"processor": "P", "cores": 2, "torch": "2", "python": "3"},
        "settings": {},
        "loading": [Loading("64 videos", 128, 1, sides, {"npz": 20.0})],
        "extraction": [extraction],
        "backbones": [BackboneSpeed("net", "cpu", 8, 16, 1.5, 2.0, 1.0, 2)],
        "upkeep": Upkeep(100.0, 500.0, 1e-6, 1e-3, 1e-5),
    }
    return json.loads(DataReport(**(parts | changes)).to_json())


def cells(lines, first):
    """The other cells of the table row that begins so."""
    (row,) = [line for line in lines if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_sums_by_hand(scale):
    lines = scale.document(measured())
    assert cells(lines, "mean length")[0] == "397 s, 111 clips"
    # 2048 x 2 bytes x (1 + 1.5) + 40 x 2 x 100 = 18,240 bytes a second
    assert scale._bytes(scale.STREAMS[scale.PAPER]) == 18_240
    (together,) = [line for line in lines if "**together**" in line and "8.83 TB" in line]
    assert "65.7 MB" in together
    # 134,472 h at 100 times real time
    assert cells(lines, "**all**") == ["**100**", "1,345"]
    assert cells(lines, PICTURES) == ["200", "672"]


def test_larger_pictures_make_decoding_dearer(scale):
    # 1000 s: 5 s of decoding become 20, so 25 core seconds instead of 10
    assert scale._with_pixels(measured()["extraction"][0], 4) == pytest.approx(134_472 * 0.025)


def test_networks_are_told_in_hours_of_what_was_measured(scale):
    lines = scale.document(measured())
    # 134,472 h x 3600 x 1.5 tokens x 16 frames; a core makes 1 token, 16 frames, a second
    assert cells(lines, "net") == ["11.6 × 10⁹", "1,000 frames/s (for scale)", "3,227"]
    assert "16 on a core here | 201,708 core hours" in "\n".join(lines)
    assert "No GPU has been measured yet." in "\n".join(lines)


def test_a_measured_gpu_has_its_row(scale):
    gpu = BackboneSpeed("net", "GPU X", 8, 16, 1.5, 100.0, None, 2)
    text = "\n".join(scale.document(measured(backbones=[gpu])))
    assert "1,600 on GPU X | 2,017 GPU hours" in text
    assert "No GPU has been measured" not in text


def test_what_a_training_run_reads(scale):
    lines = scale.document(measured())
    # 1.22 M videos x 10 clips x 15 epochs in 2 days
    assert "**1,059 clips a second**" in "\n".join(lines)
    # 8 s x 10,240 bytes + 7.68 s x 8,000 bytes
    assert cells(lines, "mmlab, the clip's tokens")[0] == "143 kB"
    rows = [line for line in lines if line.startswith("| 64 videos |")]
    assert [row.split("|")[-2].strip() for row in rows] == ["22", "2"]


def test_restart(scale):
    lines = scale.document(measured())
    shards = -(-1_220_000 // scale.MEDIA_PER_SHARD)
    assert cells(lines, f"look into {shards:,} finished shards")[0].endswith(("minutes", "seconds"))
    assert cells(lines, "find the videos again") == ["12.2 seconds"]
    assert cells(lines, "the same in memory") == ["68 GB"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (3.873e12, "3.87 TB")]
)
def test_sizes(scale, value, text):
    assert scale.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(12, "12 seconds"), (120, "2 minutes"), (86400 * 3, "3 days")]
)
def test_spans(scale, seconds, text):
    assert scale.span(seconds) == text


def test_the_page_keeps_its_first_half(scale, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(scale, "CHECKOUT", tmp_path)
    with pytest.raises(SystemExit, match="bench-data.json is missing; measure first"):
        scale.main()
    (tmp_path / scale.MEASURED).write_text(json.dumps(measured()))
    page = tmp_path / scale.WRITTEN
    page.write_text(f"# Scale\n\nBy hand.\n\n{scale.MARK}\nold\n")
    scale.main()
    text = page.read_text()
    assert text.startswith(f"# Scale\n\nBy hand.\n\n{scale.MARK}\n")
    assert "old" not in text
    scale.main()
    assert page.read_text() == text
    page.write_text("no mark")
    with pytest.raises(SystemExit, match="no mark; put it back"):
        scale.main()


def test_the_page_in_the_repository_has_its_mark(scale):
    page = (CHECKOUT / scale.WRITTEN).read_text()
    assert page.count(scale.MARK) == 1
