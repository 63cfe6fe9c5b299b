"""Rows without padding, against loops over items."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlab.model.packing import PackedTokens, Pooling, Sequences, pack, real_slots, renumber
from mmlab.types import Tokens
from tests.small_models import repeatable


@st.composite
def masks(draw, least_items: int = 1) -> torch.Tensor:
    """(B, N) bool of any kind, holes and empty items among them."""
    items, width = draw(st.integers(least_items, 4)), draw(st.integers(1, 5))
    rows = st.lists(st.booleans(), min_size=width, max_size=width)
    return torch.tensor(draw(st.lists(rows, min_size=items, max_size=items)))


@st.composite
def sequence_lists(draw) -> list[Sequences]:
    """A few combinations over 7 rows, which they share; some columns belong to no part."""
    result = []
    for number in range(draw(st.integers(1, 3))):
        mask = draw(masks())
        generator = torch.Generator().manual_seed(number)
        slots = torch.randint(7, mask.shape, generator=generator).where(mask, 0)
        parts = torch.randint(-1, 2, (mask.shape[1],), generator=generator).sort().values
        parts[-1] = parts[-1].clamp(min=0)
        result.append(Sequences(slots, mask, parts))
    return result


@repeatable
@given(masks())
def test_packed_rows_are_the_real_tokens_in_order(mask):
    values = torch.randn(*mask.shape, 3)
    packed = pack(Tokens(values, mask))
    assert torch.equal(packed.rows, values[mask])
    for item, own in enumerate(mask):
        slots = packed.slots[item][packed.mask[item]]
        assert torch.equal(packed.rows[slots], values[item][own])
        places = torch.arange(int(own.sum()))
        assert torch.equal(packed.positions[slots], places)
    assert not mask[:, packed.mask.shape[1] :].any()
    assert packed.slots[~packed.mask].abs().sum() == 0
    assert real_slots(mask).tolist() == [
        item * mask.shape[1] + column for item, column in mask.nonzero().tolist()
    ]


def test_a_stand_in_row_that_items_share_keeps_its_position():
    mask = torch.tensor([[True, True], [True, False], [True, False]])
    packed = PackedTokens(torch.zeros(3, 2), torch.tensor([[0, 1], [2, 0], [2, 0]]), mask)
    assert packed.positions.tolist() == [0, 1, 0]


@repeatable
@given(sequence_lists())
def test_a_block_s_output_is_found_again(sequences):
    rows = torch.arange(7)
    written = torch.cat([rows[sequence.rows] for sequence in sequences])
    for before, after in zip(sequences, renumber(sequences), strict=True):
        assert torch.equal(after.mask, before.mask)
        for old, new, real in zip(before.slots, after.slots, before.mask, strict=True):
            assert torch.equal(written[new[real]], rows[old[real]])
    assert sum(len(sequence.rows) for sequence in sequences) == len(written)


@repeatable
@given(sequence_lists())
def test_means_are_those_of_loops(sequences):
    start, expected = 0, []
    rows = torch.randn(sum(int(sequence.mask.sum()) for sequence in sequences), 3)
    for sequence in sequences:
        groups = {}
        for item, column in sequence.mask.nonzero().tolist():
            groups.setdefault((item, int(sequence.parts[column])), []).append(rows[start])
            start += 1
        for item in range(len(sequence.mask)):
            for part in range(sequence.part_count):
                members = groups.get((item, part), [torch.zeros(3)])
                expected.append(torch.stack(members).mean(dim=0))
    torch.testing.assert_close(Pooling.over(sequences).mean(rows), torch.stack(expected))


def test_everything_is_readable_to_an_item_without_a_token():
    mask = torch.tensor([[True, False], [False, False]])
    sequence = Sequences(torch.zeros_like(mask, dtype=torch.long), mask, torch.zeros(2).long())
    assert sequence.readable.tolist() == [[True, False], [True, True]]
