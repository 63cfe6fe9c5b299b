"""The benchmark of the map at a small size: that it measures the right thing and says so."""

import json
from statistics import median

import pytest

from mmlab.bench.map import MapReport, MapSettings, MapTimes, UmapFigures, mixture
from mmlab.cli.bench_map import bench_map
from mmlab.space import nearest

SMALL = {"points": (60,), "width": 8, "rounds": 1, "seeds": 1, "sample": False}


def test_the_mixture_has_groups_that_can_be_laid_out():
    space = mixture(300, 32)
    assert len(space) == 300
    assert not space.note
    indices, _ = nearest(space.vectors, 2)
    groups = space.table.text.to_numpy()
    assert (groups[indices[:, 1]] == groups).mean() > 0.8  # by chance 1 in 50


def test_settings_that_measure_nothing_are_refused():
    for settings in ({"points": ()}, {"points": (0,)}, {"rounds": 0}, {"seeds": 0}):
        with pytest.raises(ValueError, match="1 or more"):
            MapSettings(**settings)


def test_the_table_tells_medians():
    times = MapTimes("mixture", 5000, [3.0, 1.0, 2.0], [0.01, 0.03, 0.02], [0.1, 0.3, 0.2])
    umap = UmapFigures("mixture", 5000, [9.0, 8.0], [0.5, 0.5], 40.0, [7.0], [0.9, 0.8], [0.7])
    table = MapReport({}, {}, [times], [umap]).table()
    row = next(line for line in table.splitlines() if "5,000 points  " in line)
    assert [float(cell) for cell in row.split()[-3:]] == [2.0, 0.02, 0.2]
    assert "mmlab: cold 8.5 s, kept 0.500 s; trustworthiness 0.9000, 0.8000" in table
    assert "umap-learn: cold 40.0 s, then 7.0 s; trustworthiness 0.7000" in table


@pytest.mark.slow
def test_the_report_holds_every_round_and_reloads(tmp_path, capsys):
    bench_map(**SMALL, out=tmp_path / "report.json")
    assert "UMAP of mixture, 60 points, 1 seeds" in capsys.readouterr().out
    written = json.loads((tmp_path / "report.json").read_text())
    (times,), (umap,) = written["maps"], written["layouts"]
    assert times["points"] == umap["points"] == 60
    assert len(times["first_picture"]) == len(umap["cold"]) == len(umap["kept"]) == 1
    assert len(times["placing"]) == len(times["selecting"])
    assert median(umap["kept"]) < umap["cold"][0] < umap["cold"][0] + umap["plain_cold"]
    for name in ("trustworthiness", "plain_trustworthiness"):
        assert 0.5 < umap[name][0] <= 1
