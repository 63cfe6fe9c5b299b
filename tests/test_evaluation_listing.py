"""What could not be used, by kind of reason: counts, an example each, nothing lost."""

from mmlab.evaluation.listing import because, by_reason, each_once

LISTED = [
    ("v0", "no clip is of this video; left out"),
    ("v1: 'stir'", "is annotated from 12 to 15.5 s, the video ends at 10 s; left out"),
    ("v2: 'fry'", "is annotated from 3 to 99 s, the video ends at 3 s; left out"),
    ("v3", "data/a/v3.npy: is cut short; left out"),
    ("v4", "data/b/v4.npy: is cut short; left out"),
    ("v5", "its transcript names 'fly_kite', which is not in the dictionary; left out"),
    ("v6: 'x y'", "is annotated from 7 to 8 s, the video ends at 5 s; left out"),
]


def test_reasons_of_one_kind_share_a_line_with_the_first_as_example():
    assert by_reason(LISTED) == [
        f"3 listed, such as {LISTED[1][0]}: {LISTED[1][1]}",
        f"2 listed, such as {LISTED[3][0]}: {LISTED[3][1]}",
        f"1 listed: {LISTED[0][0]}: {LISTED[0][1]}",
        f"1 listed: {LISTED[5][0]}: {LISTED[5][1]}",
    ]


def test_reasons_of_different_kinds_stay_apart():
    """What was missed is not told as left out."""
    listed = [("v1", "has 11 steps in 10 s, so they count as missed"), ("v2", "has 11 steps; left")]
    assert len(by_reason(listed)) == 2
    quoted = [("a", "the video's scores are the model's"), ("b", "the video's text is the model's")]
    assert len(by_reason(quoted)) == 2  # apostrophes quote nothing


def test_counts_add_up():
    assert sum(int(line.split()[0]) for line in by_reason(LISTED)) == len(LISTED)
    assert by_reason([]) == []


def test_behind_a_message():
    assert because([]) == ""
    assert because([LISTED[0], LISTED[5]]) == (
        f" (1 listed: v0: {LISTED[0][1]}; 1 listed: v5: {LISTED[5][1]})"
    )


def test_lists_are_joined_with_each_entry_once():
    assert each_once([LISTED[:3], LISTED[1:4], []]) == LISTED[:4]
