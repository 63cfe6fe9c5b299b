import pytest

from mmlab.views.stills import shorten


@pytest.mark.parametrize(
    ("text", "expected"), [("abc", "abc"), ("abcdef", "abc…"), ("ab cdef", "ab…")]
)
def test_shorten(text, expected):
    assert shorten(text, 4) == expected
