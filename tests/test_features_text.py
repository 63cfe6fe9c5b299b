"""The published tokenizer, hashed word vectors, real word2vec files."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmlab.features import HashedWordVectors, WordVectorFile, words
from mmlab.features.registry import load_text_encoder
from mmlab.features.vector_store import VectorStore, open_word_vectors, read_word2vec

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
def test_real_word2vec_file_agrees_with_gensim(tmp_path):
    from gensim.models import KeyedVectors

    path = Path(shutil.copyfile(REAL_VECTORS[0], tmp_path / "real.bin"))
    table = WordVectorFile(path)
    found, vectors = table.encode("the man and xyzzyq")
    assert "xyzzyq" not in found
    assert vectors.shape == (len(found), 200)
    everything = KeyedVectors.load_word2vec_format(str(path), binary=True)
    np.testing.assert_array_equal(table.vectors(everything.index_to_key), everything.vectors)


# --- the fast copy


SMALL = {"onion": [1, 0, 0], "Pan": [0, 1, 0], "crème": [0, 0, 1], "pan": [1, 1, 0]}


def write_word2vec(path: Path, table: dict[str, list[float]], *, header: str = "") -> Path:
    """Binary if its name has .bin, else text; packed if it ends in .gz."""
    lines = [(header or f"{len(table)} {len(next(iter(table.values())))}").encode() + b"\n"]
    for word, vector in table.items():
        numbers = np.array(vector, dtype=np.float32)
        shown = b" ".join(str(number).encode() for number in numbers)
        lines.append(word.encode() + b" " + (numbers.tobytes() if ".bin" in path.name else shown))
        lines.append(b"\n")
    content = b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["v.bin", "v.txt", "v.vec", "v.bin.gz", "v.txt.gz"])
def test_every_form_is_converted_once_and_then_mapped(tmp_path, name, monkeypatch):
    path = write_word2vec(tmp_path / name, SMALL)
    first = load_text_encoder(str(path))
    monkeypatch.setattr("mmlab.features.vector_store.read_word2vec", None)  # not needed again
    again = WordVectorFile(path)
    for table in (first, again):
        found, vectors = table.encode("Pan crème PAN onion")
        assert found == ["Pan", "crème", "onion"]
        np.testing.assert_array_equal(vectors, [SMALL[word] for word in found])
    assert isinstance(again._store.vectors.base, np.memmap)


def test_a_changed_file_is_converted_again_and_the_old_copy_removed(tmp_path):
    path = write_word2vec(tmp_path / "v.txt", SMALL)
    WordVectorFile(path)
    write_word2vec(path, {"onion": [7, 7, 7]})
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(WordVectorFile(path).vectors(["onion"]), [[7, 7, 7]])
    assert len(list(tmp_path.glob("*.cache"))) == 1


def test_a_damaged_copy_is_made_anew(tmp_path):
    path = write_word2vec(tmp_path / "v.txt", SMALL)
    WordVectorFile(path)
    (copy,) = tmp_path.glob("*.cache")
    for damaged in ("vectors.npy", "ends.npy", "letters.npy"):
        content = (copy / damaged).read_bytes()
        (copy / damaged).write_bytes(content[: len(content) - 3])
        assert WordVectorFile(path).encode("crème")[0] == ["crème"]
    (copy / "rows.npy").unlink()
    assert WordVectorFile(path).encode("crème")[0] == ["crème"]


def test_where_the_folder_is_read_only_the_copy_goes_to_the_data_folder(tmp_path, monkeypatch):
    path = write_word2vec(tmp_path / "v.txt", SMALL)
    monkeypatch.setenv("MMLAB_DATA", str(tmp_path / "data"))
    save = VectorStore.save

    def refuse(store: VectorStore, folder: Path) -> None:
        if folder.parent == tmp_path:
            raise PermissionError(13, "read-only", str(folder))
        save(store, folder)

    monkeypatch.setattr(VectorStore, "save", refuse)
    WordVectorFile(path)
    assert len(list((tmp_path / "data" / "cache").glob("v.txt.*.cache"))) == 1
    monkeypatch.setattr("mmlab.features.vector_store.read_word2vec", None)
    assert WordVectorFile(path).known("pan")


def test_with_no_place_for_the_copy_the_words_are_there_all_the_same(tmp_path, monkeypatch):
    def full(store: VectorStore, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(VectorStore, "save", full)
    with pytest.warns(UserWarning, match="its fast copy could not be written"):
        table = WordVectorFile(write_word2vec(tmp_path / "v.txt", SMALL))
    assert table.encode("hot pan")[0] == ["pan"]


def test_every_word_is_found_by_bisection_and_no_other(tmp_path):
    generator = np.random.default_rng(0)
    letters = list("aAé9\u4e2d")
    made = {"".join(generator.choice(letters, generator.integers(1, 5))) for _ in range(300)}
    table = {word: list(generator.normal(size=4)) for word in sorted(made)}
    store = open_word_vectors(write_word2vec(tmp_path / "many.bin", table))
    assert len(store) == len(table)
    for row, word in enumerate(table):
        assert store.row(word) == row
        assert store.row(word + "z") is None
    assert store.row("") is None
    assert store.row("\ud800") is None


def test_words_without_finite_vectors_are_unknown_and_the_first_of_equals_counts(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("4 2\nonion 1 2\npan nan 0\nonion 3 4\nleek inf 0\n")
    table = WordVectorFile(path)
    assert [table.known(word) for word in ("onion", "pan", "leek")] == [True, False, False]
    np.testing.assert_array_equal(table.vectors(["onion"]), [[1, 2]])
    with pytest.raises(KeyError, match="pan"):
        table.vectors(["onion", "pan"])


@pytest.mark.parametrize("name", ["v.bin", "v.txt", "v.bin.gz", "v.txt.gz"])
@pytest.mark.parametrize("header", ["99999999999 300", "4 99999999", "-1 3", "0 3", "4", "x y"])
def test_what_declares_more_than_it_holds_is_refused_before_memory_is_taken(tmp_path, name, header):
    path = write_word2vec(tmp_path / name, SMALL, header=header)
    with pytest.raises(ValueError, match="is not a word2vec file"):
        read_word2vec(path)


def reason_of_refusal(path: Path) -> str:
    try:
        read_word2vec(path)
    except ValueError as error:
        return str(error)
    return ""


def test_damaged_files_are_read_or_refused_by_name(tmp_path):
    generator = np.random.default_rng(1)
    refused = 0
    for name in ("v.bin", "v.txt", "v.bin.gz"):
        path = write_word2vec(tmp_path / name, SMALL)
        content = path.read_bytes()
        for _ in range(60):
            broken = bytearray(content)
            broken[generator.integers(len(broken))] = generator.integers(256)
            path.write_bytes(bytes(broken[: generator.integers(len(broken) + 1)]))
            reason = reason_of_refusal(path)
            assert not reason or name in reason
            refused += bool(reason)
    assert refused > 100  # most of them are cut


def test_word_vectors_travel_to_other_processes_by_their_path(tmp_path):
    table = WordVectorFile(write_word2vec(tmp_path / "v.bin", SMALL), max_words=2)
    sent = pickle.dumps(table)
    assert len(sent) < 1000
    assert pickle.loads(sent).encode("pan onion Pan")[0] == ["pan", "onion"]


def test_a_missing_word2vec_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no such word2vec file"):
        load_text_encoder(str(tmp_path / "GoogleNews.bin"))
    with pytest.raises(FileNotFoundError):
        WordVectorFile(tmp_path / "GoogleNews.bin")
