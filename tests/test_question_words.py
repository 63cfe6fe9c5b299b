"""Which words are known, by the captions or by a word2vec file, and what is spelled alike."""

from difflib import get_close_matches
from types import SimpleNamespace

import pandas as pd
import pytest

from mmlab.dataset import ClipDataset
from mmlab.features.text import HashedWordVectors, WordVectorFile, words
from mmlab.question import known_words
from mmlab.question.words import ALIKE, MOST_LETTERS, frequent_words, notes_of, vocabulary

CAPTIONS = ["Slice the tomato", "peel two potatoes", "a red pan, a blue pan", "don't stir"]
FILE = ["slice", "tomato", "Turkey", "peel", "pan", "red", "zest", "vest"]


def asked_by(encoder, folder, captions=CAPTIONS):
    """What `known_words` looks at of a retriever."""
    manifest = pd.DataFrame({"clip_id": [str(n) for n in range(len(captions))], "text": captions})
    dataset = ClipDataset(
        folder, manifest, pd.DataFrame(), media_root=folder, features={}, text_encoder=encoder
    )
    return SimpleNamespace(dataset=dataset)


@pytest.fixture
def hashed(tmp_path):
    return asked_by(HashedWordVectors(8), tmp_path)


@pytest.fixture
def listed(tmp_path):
    lines = [f"{word} {number}.0 1.0" for number, word in enumerate(FILE)]
    path = tmp_path / "vectors.txt"
    path.write_text("\n".join([f"{len(FILE)} 2", *lines]) + "\n")
    return asked_by(WordVectorFile(path), tmp_path)


def test_hashed_words_are_known_if_a_caption_has_them(hashed):
    told = known_words(hashed, "SLICE the tomatoe, the onion")
    assert told.known == ("SLICE", "the")
    assert told.unknown == ("tomatoe", "onion")
    assert told.nearest["tomatoe"] == ["tomato"]
    assert told.nearest["onion"] == []
    assert told.notes == ("no caption has “tomatoe” (alike: tomato) or “onion” (nothing alike)",)


def test_a_file_knows_its_words_in_their_case(listed):
    told = known_words(listed, "slice turkey tomatoe")
    assert told.known == ("slice",)
    assert told.unknown == ("turkey", "tomatoe")
    assert told.nearest == {"turkey": ["Turkey"], "tomatoe": ["tomato"]}
    assert told.notes == (
        "the word vectors lack “turkey” (alike: Turkey) or “tomatoe” (alike: tomato)",
    )


def test_words_of_the_file_that_no_caption_has_are_near_if_a_letter_away(listed):
    assert set(known_words(listed, "lest").nearest["lest"]) == {"zest", "vest"}
    assert known_words(listed, "qqqq").notes == ("the word vectors lack “qqqq” (nothing alike)",)


@pytest.mark.parametrize("word", ["slicing", "potatos", "bleu", "wxyz", "a", "pn"])
def test_nearest_of_the_captions_are_those_that_difflib_finds(hashed, word):
    every = sorted({one.lower() for text in CAPTIONS for one in words(text)})
    expected = [] if word.lower() in every else get_close_matches(word, every, cutoff=ALIKE)
    assert known_words(hashed, word).nearest.get(word, []) == expected


def test_a_sentence_without_words_has_none_of_either(hashed, listed):
    for asked in (hashed, listed):
        told = known_words(asked, " ?! ")
        assert told.known == told.unknown == told.notes == ()


def test_an_encoder_of_word_pieces_knows_every_word(tmp_path):
    pieces = SimpleNamespace(name="pieces", width=4)
    told = known_words(asked_by(pieces, tmp_path), "flambé xyzzy")
    assert told.known == ("flambé", "xyzzy")
    assert told.notes == ()


def test_the_vocabulary_is_of_these_clips_alone(tmp_path):
    some = asked_by(HashedWordVectors(8), tmp_path, CAPTIONS[:1]).dataset
    other = asked_by(HashedWordVectors(8), tmp_path, CAPTIONS[3:]).dataset
    assert vocabulary(some) == {"Slice", "the", "tomato"}
    assert vocabulary(other) == {"don't", "stir"}


@pytest.mark.parametrize("sentence", ["put it in THE sauce", "x", "peel 3 potatoes with a pan"])
def test_words_that_nobody_would_miss_are_not_noted(tmp_path, sentence):
    asked = asked_by(HashedWordVectors(8), tmp_path, ["sauce", "peel potatoes", "pan"])
    assert known_words(asked, sentence).unknown
    assert known_words(asked, sentence).notes == ()


def test_sentences_share_one_note_that_has_each_word_once(hashed):
    read = [known_words(hashed, one) for one in ("stirr a zebra", "red", "zebra, onion")]
    near = "“stirr” (alike: stir), “zebra” (nothing alike) or “onion” (nothing alike)"
    guessed = "ranking by “zebra” or “onion” goes by pieces of words and means little"
    assert notes_of(read) == (f"no caption has {near}; {guessed}",)
    assert notes_of([]) == ()


def test_of_many_unknown_words_some_are_named(hashed):
    (note,) = known_words(hashed, "zebra yak xylem whelk vole urchin tapir").notes
    assert ", “vole” (nothing alike) or 2 more words; ranking by “zebra”" in note
    assert note.endswith(", “vole” or 2 more words goes by pieces of words and means little")


@pytest.mark.parametrize(
    ("sentence", "guessed"),
    [
        ("xyzzyq plurf", ("xyzzyq", "plurf")),
        ("xyzzyq the plurf", ("xyzzyq", "plurf")),
        ("xyzzyq tomatoe", ()),
        ("xyzzyq tomato", ()),
        ("the", ()),
    ],
)
def test_a_ranking_by_letters_alone_is_told(hashed, listed, sentence, guessed):
    told = known_words(hashed, sentence)
    assert told.guessed == guessed
    assert any("means little" in note for note in told.notes) == bool(guessed)
    assert known_words(listed, sentence).guessed == (), "a file drops what it does not know"


def test_words_that_are_not_read_are_told(tmp_path, listed):
    short = asked_by(HashedWordVectors(8, max_words=3), tmp_path)
    assert known_words(short, "slice the tomato").notes == ()
    told = known_words(short, "slice the tomato zebra")
    assert (told.known, told.unknown) == (("slice", "the", "tomato"), ())
    assert told.notes == ("nothing after “tomato” is read",)
    listed.dataset.text_encoder.max_words = 2
    told = known_words(listed, "peel zebras slice red")  # an unknown word takes no place
    assert (told.unknown, told.last_read) == (("zebras",), "slice")
    everything = asked_by(HashedWordVectors(8, max_words=None), tmp_path)
    assert known_words(everything, "pan " * 90).notes == ()


def test_a_word_of_thousands_of_letters_is_cut_off_and_not_spelled_anew(
    hashed, listed, monkeypatch
):
    for asked in (hashed, listed):
        (note,) = known_words(asked, "x" * 5000).notes
        assert len(note) < 300
        assert "x…”" in note
    spelled = "mmlab.question.words._one_letter_away"
    monkeypatch.setattr(spelled, lambda _: pytest.fail("every letter was changed"))
    known_words(listed, "x" * (MOST_LETTERS + 1))


def test_frequent_words_tell_clips_apart(tmp_path):
    captions = ["the pan, two pans", "The pan is red", "a red pot, 7 of them", "two"]
    dataset = asked_by(HashedWordVectors(8), tmp_path, captions).dataset
    assert set(frequent_words(dataset, 2)) == {"pan", "red"}
