import numpy as np
import pandas as pd
import pytest

from mmlab.selection import rows_where

TABLE = pd.DataFrame({"split": ["a", "b", "a", None], "count": [1, 2, 2, 3]})


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ({}, [0, 1, 2, 3]),
        ({"split": "a"}, [0, 2]),
        ({"split": ["a", "b"], "count": 2}, [1, 2]),
        ({"split": None}, [3]),
        ({"count": range(2, 9)}, [1, 2, 3]),
        ({"count": np.array([], int)}, []),
    ],
)
def test_rows_have_every_wanted_value(columns, rows):
    assert np.flatnonzero(rows_where(TABLE, columns)).tolist() == rows


def test_an_unknown_column_is_named_beside_those_there_are():
    with pytest.raises(ValueError, match="no column 'splits'; there are split, count"):
        rows_where(TABLE, {"splits": "a"})
