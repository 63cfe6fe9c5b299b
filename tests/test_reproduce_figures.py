"""The published figures: every row has a source, and nothing is there that no source gave."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmlab.reproduce import BENCHMARKS, published_figures, sources
from mmlab.reproduce.figures import COLUMNS, MEASURES, NOT_IDENTIFIED, READ_IN_LIST, READ_IN_SOURCE

EVERY = [one.figures for one in BENCHMARKS]


@pytest.mark.parametrize("name", EVERY)
def test_every_row_says_what_it_is_and_where_it_is_from(name):
    table = published_figures(name)
    assert list(table.columns) == list(COLUMNS)
    assert set(table["read"]) <= {READ_IN_SOURCE, READ_IN_LIST}
    for column in ("data", "direction", "method", "source"):
        assert (table[column] != "").all()
    assert table[list(MEASURES)].notna().any(axis=1).all()
    assert not table.duplicated(["method", "backbone", "split", "setting", "source", "note"]).any()


@pytest.mark.parametrize("name", EVERY)
def test_figures_are_possible(name):
    table = published_figures(name)
    recalls = table[["R@1", "R@5", "R@10", "recall"]].to_numpy()
    assert np.nanmin(recalls, initial=50) >= 0
    assert np.nanmax(recalls, initial=50) <= 100
    for small, large in (("R@1", "R@5"), ("R@5", "R@10"), ("R@1", "R@10")):
        both = table[[small, large]].dropna()
        assert (both[small] < both[large]).all()
    assert not (table["MedR"] < 1).any()


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("msrvtt_zero_shot", (9.9, 24.0, 32.6)),
        ("msrvtt_fine_tuned", (23.7, 52.1, 63.7)),
        ("youcook2_zero_shot", (19.8, 42.9, 55.1)),
    ],
)
def test_the_paper_s_own_rows_are_second_hand_and_say_so(name, figures):
    table = published_figures(name).set_index("method")
    own = table.loc["Everything at Once"]
    assert tuple(own[["R@1", "R@5", "R@10"]]) == figures
    assert pd.isna(own["MedR"])
    assert "Norton" in own["source"]


@pytest.mark.parametrize("name", ["youcook2_fine_tuned", "crosstask", "mining_youtube"])
def test_where_no_source_gives_the_paper_s_figure_there_is_no_row(name):
    assert not published_figures(name)["method"].str.contains("Everything").any()


def test_chance_agrees_with_the_size_of_the_test_sets():
    for name, total in (("msrvtt_zero_shot", 1000), ("youcook2_zero_shot", 3350)):
        row = published_figures(name).set_index("method").loc["Random"]
        for k in (1, 5, 10):
            assert row[f"R@{k}"] == pytest.approx(100 * k / total, abs=0.006)
        assert row["MedR"] == pytest.approx(total / 2)


def test_sources_have_addresses_where_they_are_known():
    table = sources().set_index("key")
    assert table.loc["HT100M", "address"].startswith("https://arxiv.org/")
    assert table.index.is_unique
    assert (table["title"] != "").all()
    assert (table.loc[["VLSA", "HyperRep"], "title"] == NOT_IDENTIFIED).all()
    known = table[table["title"] != NOT_IDENTIFIED]
    assert known["address"].str.startswith("https://").all()


def test_every_source_is_listed_and_every_listed_one_is_a_source():
    cells = [source for name in EVERY for source in published_figures(name)["source"]]
    assert {key for cell in cells for key in cell.split("; ")} == set(sources()["key"])


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'msvd'; there are crosstask, mining_youtube, msrvtt"):
        published_figures("msvd")


def test_the_data_files_travel_with_the_package():
    import mmlab.reproduce

    folder = Path(mmlab.reproduce.__file__).parent / "literature"
    assert {path.stem for path in folder.glob("*.csv")} == {*EVERY, "sources"}
