"""All formats by name."""

from __future__ import annotations

from functools import lru_cache

from tests.fuzzing.captions import CAPTION_FORMATS
from tests.fuzzing.datasets import dataset_formats
from tests.fuzzing.features import CONVERTED_FORMATS, FEATURE_FORMATS
from tests.fuzzing.judging import Format
from tests.fuzzing.media import MEDIA_FORMATS
from tests.fuzzing.values import VALUE_FORMATS
from tests.fuzzing.words import WORD_FORMATS


@lru_cache
def formats() -> dict[str, Format]:
    """In the order of the table of results."""
    every = (
        *CAPTION_FORMATS, *FEATURE_FORMATS, *CONVERTED_FORMATS, *VALUE_FORMATS, *WORD_FORMATS,
        *dataset_formats(), *MEDIA_FORMATS,
    )  # fmt: skip
    return {form.name: form for form in every}
