"""The published tokenizer, hashed word vectors, real word2vec files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmlab.features import HashedWordVectors, WordVectorFile, words

SHARED = Path(__file__).parents[1].parent / "shared"
REFERENCE = SHARED / "reference" / "data_and_metrics.npz"
REAL_VECTORS = sorted((SHARED / "real" / "wordvectors").glob("*.bin"))


def test_words_keep_case_apostrophes_and_accents():
    assert words("First, we're going!") == ["First", "we're", "going"]
    assert words("crème brûlée - 2.5 cups") == ["crème", "brûlée", "2", "5", "cups"]
    assert words("a b c d", max_words=2) == ["a", "b"]
    assert words("") == []


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}")
def test_words_agree_with_the_published_tokenizer():
    cases = json.loads(str(np.load(REFERENCE)["meta"]))
    case = next(case for case in cases if case["case"] == "tokenize")
    assert [words(sentence) for sentence in case["sentences"]] == case["words"]


def test_similar_spellings_are_near_and_other_words_far():
    onion, onions, misheard, pan = HashedWordVectors().vectors(["onion", "onions", "onnion", "pan"])
    assert onion @ onions > 0.25
    assert onion @ misheard > 0.1
    assert abs(onion @ pan) < 0.15


def test_hashed_vectors_have_unit_length_and_ignore_case():
    vectors = HashedWordVectors(64).vectors(["Pan", "pan", "a", "crème"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_hashed_vectors_are_the_same_in_every_process():
    code = (
        "from mmlab.features import HashedWordVectors as H;"
        "print(H().vectors(['onion', 'crème']).tobytes().hex())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert other == HashedWordVectors().vectors(["onion", "crème"]).tobytes().hex()


def test_encoding_nothing_gives_no_rows():
    found, vectors = HashedWordVectors().encode("...")
    assert (found, vectors.shape) == ([], (0, 300))


def test_encoding_stops_at_twenty_words_unless_told_otherwise():
    sentence = " ".join(f"w{number}" for number in range(30))
    assert len(HashedWordVectors().encode(sentence)[0]) == 20
    assert len(HashedWordVectors(max_words=None).encode(sentence)[0]) == 30


def test_word2vec_text_file_drops_unknown_words_before_it_counts(tmp_path):
    path = tmp_path / "vecteurs été.txt"
    path.write_text("2 3\nonion 1 0 0\nPan 0 1 0\n", encoding="utf-8")
    table = WordVectorFile(path, max_words=1)
    assert (table.width, table.known("pan"), table.known("Pan")) == (3, False, True)
    found, vectors = table.encode("the hot Pan onion")
    assert found == ["Pan"]
    np.testing.assert_array_equal(vectors, [[0, 1, 0]])
    assert table.encode("nothing")[1].shape == (0, 3)


def test_what_is_no_word2vec_file_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(ValueError, match=r"notes\.txt: is not a word2vec file"):
        WordVectorFile(path)


@pytest.mark.skipif(not REAL_VECTORS, reason="no real word vectors")
def test_real_word2vec_file():
    table = WordVectorFile(REAL_VECTORS[0])
    found, vectors = table.encode("the man and xyzzyq")
    assert "xyzzyq" not in found
    assert vectors.shape == (len(found), 200)
    assert np.isfinite(vectors).all()
