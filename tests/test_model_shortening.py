"""Many tokens to few, against loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlab.model.shortening import shorten
from mmlab.types import pad_tokens
from tests.slow_model import shortened
from tests.small_models import repeatable

WAYS = ["clip", "nearest", "max", "average"]


@repeatable
@given(
    st.sampled_from(WAYS),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=4),
)
def test_every_item_is_shortened_as_if_alone(how, count, lengths):
    items = [torch.randn(length, 3) for length, _ in lengths]
    whole = [length - 1 if cut_off and length else length for length, cut_off in lengths]
    tokens = pad_tokens(items, 3)
    before = tokens.values.clone()
    found = shorten(tokens, torch.tensor(whole), count, how)
    assert found.mask.shape[1] <= max(count, 1)
    for own, values, mask, number in zip(items, found.values, found.mask, whole, strict=True):
        torch.testing.assert_close(values[mask], shortened(own, number, count, how))
    assert torch.equal(tokens.values, before)


@pytest.mark.parametrize(
    ("how", "expected"),
    [("clip", [0, 1, 2]), ("nearest", [0, 2, 4]), ("max", [2, 4, 6]), ("average", [1, 3, 5])],
)
def test_seven_tokens_to_three_by_hand(how, expected):
    tokens = pad_tokens([torch.arange(7.0)[:, None]], 1)
    found = shorten(tokens, torch.tensor([7]), 3, how)
    assert found.values[0, :, 0].tolist() == expected
    assert found.mask.all()


@pytest.mark.parametrize("how", WAYS)
def test_few_tokens_stay_as_they_are(how):
    tokens = pad_tokens([torch.randn(3, 2), torch.randn(1, 2)], 2)
    assert shorten(tokens, torch.tensor([3, 1]), 3, how) is tokens
