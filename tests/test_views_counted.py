import pytest

from mmlab.views.counted import counted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, "clip"), "0 clips"),
        ((1, "clip"), "1 clip"),
        ((1204, "clip"), "1,204 clips"),
        ((1, "query", "queries"), "1 query"),
        ((2, "query", "queries"), "2 queries"),
    ],
)
def test_one_and_many(arguments, said):
    assert counted(*arguments) == said
