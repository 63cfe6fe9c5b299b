"""What a map refuses, its table against a loop, and the way to disk and back."""

from pathlib import Path

import numpy as np
import pytest

from mmlab.explanation import ALL_WORDS, TokenMap

SECONDS = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 0.64]])
HEAT = np.arange(9.0).reshape(3, 3)


def a_map(**changes):
    given = {
        "words": ["slice", "<script>"],
        "modality": ["video", "video", "audio"],
        "seconds": SECONDS,
        "weights": {"relevance": HEAT, "looked at": HEAT[:1]},
        "span": (0.0, 2.0),
    }
    return TokenMap(**given | changes)


def test_table_equals_a_loop_over_words_and_tokens():
    table = a_map().table("relevance")
    expected = [
        (word, a_map().words[word], modality, *SECONDS[token], HEAT[1 + word, token])
        for word in range(2)
        for token, modality in enumerate(a_map().modality)
    ]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_a_weighting_without_words_tells_of_all():
    found = a_map()
    assert found.rows("relevance") == [ALL_WORDS, "slice", "<script>"]
    assert found.rows("looked at") == [ALL_WORDS]
    assert set(found.table("looked at").word) == {ALL_WORDS}
    assert (found.table("looked at").word_number == -1).all()
    np.testing.assert_array_equal(found.heat("looked at", 1), HEAT[0])
    np.testing.assert_array_equal(found.heat("relevance", 1), HEAT[2])
    np.testing.assert_array_equal(found.heat("relevance"), HEAT[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": SECONDS[:2]}, "seconds is"),
        ({"seconds": SECONDS[:, ::-1]}, "ends before it starts"),
        ({"weights": {"relevance": HEAT[:2]}}, r"weights\['relevance'\] is \(3, 3\)"),
        ({"weights": {"relevance": HEAT - 1}}, "negative"),
        ({"weights": {"relevance": HEAT * np.nan}}, "NaN"),
        ({"weights": {}}, "weights is empty"),
        ({"weights": {"relevance": [[1.0], [1.0, 2.0]]}}, r"weights\['relevance'\] is an array"),
        ({"weights": {"relevance": [["hot"] * 3] * 3}}, "is an array of numbers, found"),
        ({"seconds": [[0, 1], [1, 2], [0]]}, "seconds is an array of numbers"),
        ({"seconds": SECONDS * [1, np.nan]}, "seconds holds NaN"),
        ({"span": (2.0, 0.0)}, "span is a start and a later end"),
        ({"span": (0.0, np.nan)}, "span is a start and a later end"),
        ({"span": (0.0, 1.5)}, "outside of the span, 0.0 to 1.5"),
        ({"span": (0.5, 2.0)}, "outside of the span"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        a_map(**changes)


def test_lists_will_do():
    listed = a_map(seconds=SECONDS.tolist(), weights={"relevance": HEAT.tolist()})
    assert listed.table("relevance").equals(a_map().table("relevance"))


def test_an_unknown_weighting_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="'head 9'.*'relevance', 'looked at'"):
        a_map().table("head 9")


def test_disk_and_back(tmp_path):
    path = tmp_path / "carte à.safetensors"
    kept = a_map(
        caption="ein „Satz“ <script>",
        media_path=Path("videos/a b.mp4"),
        log_mel=np.full((7, 4), -30.0, np.float32),
        combination="text+video+audio",
        score=0.25,
        scored="video+audio",
        clip_id="a b.mp4#0.00-2.00",
    )
    kept.save(path)
    found = TokenMap.load(path)
    for name in ("words", "modality", "span", "caption", "media_path", "score", "clip_id"):
        assert getattr(found, name) == getattr(kept, name), name
    for name in ("seconds", "log_mel"):
        np.testing.assert_array_equal(getattr(found, name), getattr(kept, name))
    assert list(found.weights) == list(kept.weights)
    np.testing.assert_array_equal(found.weights["looked at"], HEAT[:1])


def test_a_map_without_tokens_or_words(tmp_path):
    empty = TokenMap([], [], np.zeros((0, 2)), {"relevance": np.zeros((1, 0))}, (0.0, 1.0))
    empty.save(tmp_path / "empty.safetensors")
    assert TokenMap.load(tmp_path / "empty.safetensors").table("relevance").empty


@pytest.mark.parametrize("content", [b"", b"\x10\0\0\0\0\0\0\0{}", b"no safetensors at all" * 9])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no saved TokenMap"):
        TokenMap.load(path)
