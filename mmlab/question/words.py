"""Which words of a sentence mean something to a model, and what is spelled like the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mmlab.dataset import ClipDataset
from mmlab.features.text import HashedWordVectors, WordVectorFile, words
from mmlab.question.parts import quoted

if TYPE_CHECKING:
    from mmlab.retrieval import Retriever

MOST_NEAREST = 3
ALIKE = 0.75
"""How much of two words must agree, see `difflib`."""

MOST_LONGER = 3
"""Letters by which words that are spelled alike may differ in length."""

MOST_LETTERS = 30
"""A longer word is not looked for with another letter in each of its places."""

MOST_COUNTED = 20_000
"""Captions that decide which words are frequent."""

MOST_TOLD = 5
"""Unknown words that are named."""

UNMISSED = frozenset(
    words("""
    a about ahead all also an and any are as at be been but by can could did do does for from get
    go goes going had has have he her here him his how i i'm if in into is it it's its just let
    let's me my now of off okay on onto or our out over put she should so some than that that's
    the their them then there these they this those to uh um up us want was we were what when
    where which while who will with would you your
    """)
)
"""Words that tell no clip from another; it is not said of them that no caption has them."""

NUMBERS = frozenset(words("one two three four five six seven eight nine ten first next last"))
"""Words that a caption may have often, but that nobody looks for alone."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"

_VOCABULARIES: WeakKeyDictionary[ClipDataset, frozenset[str]] = WeakKeyDictionary()


@dataclass(frozen=True)
class WordsKnown:
    """The words of a sentence, each once.

    Attributes:
        known: those that are known.
        unknown: those that are not.
        nearest: for each unknown word the known ones that are spelled most alike, best first.
        from_captions: True where the encoder has a vector for any word, as hashed subwords have:
            then known is what a caption of these clips has.
        last_read: the last word that the encoder reads, where others follow; "" where none do.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]
    nearest: dict[str, list[str]]
    from_captions: bool = False
    last_read: str = ""

    @property
    def guessed(self) -> tuple[str, ...]:
        """The words, if none that tells clips apart is known or like a known one: letters count."""
        missed = tuple(filter(_is_missed, self.unknown))
        helped = any(map(_is_missed, self.known)) or any(self.nearest[word] for word in missed)
        return missed if self.from_captions and not helped else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """See `notes_of`."""
        return notes_of([self])


def notes_of(sentences: Iterable[WordsKnown]) -> tuple[str, ...]:
    """What to say of the unknown and the unread words of several sentences.

    Args:
        sentences: all read by the same encoder.
    """
    sentences = list(sentences)
    notes = [f"nothing after {quoted(one.last_read)} is read" for one in sentences if one.last_read]
    missed = {
        word: one.nearest[word] for one in sentences for word in one.unknown if _is_missed(word)
    }
    if missed:
        lacks = "no caption has" if sentences[0].from_captions else "the word vectors lack"
        said = _listed([f"{quoted(word)} ({_in_words(near)})" for word, near in missed.items()])
        notes.append(f"{lacks} {said}")
    if guessed := dict.fromkeys(word for one in sentences for word in one.guessed):
        words_guessed = _listed([quoted(word) for word in guessed])
        notes[-1] += f"; ranking by {words_guessed} goes by pieces of words and means little"
    return tuple(dict.fromkeys(notes))


def _listed(told: list[str]) -> str:
    """Such as: “stirr”, “zebra” or 2 more words."""
    some = told[:MOST_TOLD]
    if len(told) > MOST_TOLD:
        some.append(f"{len(told) - MOST_TOLD} more words")
    return " or ".join(filter(None, [", ".join(some[:-1]), some[-1]]))


def _in_words(nearest: list[str]) -> str:
    return f"alike: {', '.join(nearest)}" if nearest else "nothing alike"


def frequent_words(dataset: ClipDataset, count: int) -> list[str]:
    """The words that most captions have, of those that tell clips apart."""
    captions = dataset.manifest["text"].head(MOST_COUNTED).unique()
    counted = Counter(word for text in captions for word in {*words(str(text).lower())})
    telling = [word for word, _ in counted.most_common() if _is_missed(word)]
    return [word for word in telling if word.isalpha() and word not in NUMBERS][:count]


def known_words(retriever: Retriever, sentence: str) -> WordsKnown:
    """Tell known words from unknown ones.

    An encoder that cuts words in pieces of its own, as CLIP does, knows every word.

    Args:
        retriever: whose text encoder reads the sentence.
        sentence: any.
    """
    encoder, every = retriever.dataset.text_encoder, words(sentence)
    if not isinstance(encoder, HashedWordVectors | WordVectorFile):
        return WordsKnown(tuple(dict.fromkeys(every)), (), {})
    read = [place for place, word in enumerate(every) if encoder.known(word)][: encoder.max_words]
    is_cut = len(read) == encoder.max_words and read[-1] + 1 < len(every)
    asked = tuple(dict.fromkeys(every[: read[-1] + 1] if is_cut else every))
    if isinstance(encoder, HashedWordVectors):
        told = _told(asked, _lower(retriever.dataset), from_captions=True)
    else:
        told = _by_file(asked, encoder, retriever.dataset)
    return replace(told, last_read=every[read[-1]] if is_cut else "")


def _told(asked: tuple[str, ...], vocabulary: frozenset[str], *, from_captions: bool) -> WordsKnown:
    known = tuple(word for word in asked if word.lower() in vocabulary)
    unknown = tuple(word for word in asked if word.lower() not in vocabulary)
    nearest = {word: _alike(word.lower(), vocabulary) for word in unknown}
    return WordsKnown(known, unknown, nearest, from_captions)


def _by_file(asked: tuple[str, ...], encoder: WordVectorFile, dataset: ClipDataset) -> WordsKnown:
    """Nearest are words of the captions, then any that the file has a letter away."""
    known = tuple(word for word in asked if encoder.known(word))
    unknown = tuple(word for word in asked if word not in known)
    captions = frozenset(word for word in vocabulary(dataset) if encoder.known(word))
    nearest = {}
    for word in unknown:
        near = _one_letter_away(word) if len(word) <= MOST_LETTERS else []
        beside = [one for one in dict.fromkeys(near) if encoder.known(one)]
        found = _alike(word, captions) + get_close_matches(word, beside, MOST_NEAREST, ALIKE)
        nearest[word] = list(dict.fromkeys(found))[:MOST_NEAREST]
    return WordsKnown(known, unknown, nearest)


def vocabulary(dataset: ClipDataset) -> frozenset[str]:
    """Every word of the captions, with its case; collected once."""
    if dataset not in _VOCABULARIES:
        captions = dataset.manifest["text"].unique()
        _VOCABULARIES[dataset] = frozenset(word for text in captions for word in words(str(text)))
    return _VOCABULARIES[dataset]


def _is_missed(word: str) -> bool:
    return len(word) > 1 and word.lower() not in UNMISSED


def _lower(dataset: ClipDataset) -> frozenset[str]:
    return frozenset(word.lower() for word in vocabulary(dataset))


def _alike(word: str, among: Iterable[str]) -> list[str]:
    """Most alike of those that share a beginning, an end or two letters in a row.

    Comparing with every word of a large vocabulary would take too long.
    """
    marked = f"<{word}>"
    pairs = {marked[place : place + 2] for place in range(len(word) + 1)}
    close = [
        one
        for one in among
        if abs(len(one) - len(word)) <= MOST_LONGER and any(pair in f"<{one}>" for pair in pairs)
    ]
    return get_close_matches(word, sorted(close), MOST_NEAREST, ALIKE)


def _one_letter_away(word: str) -> list[str]:
    """The word in other cases, and with one letter less, swapped, other or more."""
    cut = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    less = [left + right[1:] for left, right in cut if right]
    swapped = [left + right[1] + right[0] + right[2:] for left, right in cut if len(right) > 1]
    other = [left + letter + right[1:] for left, right in cut if right for letter in LETTERS]
    more = [left + letter + right for left, right in cut for letter in LETTERS]
    return [word.lower(), word.capitalize(), word.upper(), *less, *swapped, *other, *more]
