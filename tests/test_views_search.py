from types import SimpleNamespace

import pandas as pd
import pytest

from mmlab.views.search import GREETING, SearchBox
from mmlab.views.stills import shorten

FILES = ["red right.mp4", "green left.mp4", "blue mute.mp4"]


class FakeRetriever:
    """Answers with every clip in its order, and remembers what it was asked."""

    def __init__(self, folder):
        self.asked = []
        self.model = SimpleNamespace(config=SimpleNamespace(names=("text", "video", "audio")))
        manifest = pd.DataFrame(
            {
                "clip_id": [f"clip{n}" for n in range(6)],
                "text": ["<script>alert(1)</script> & more", *("the same words",) * 5],
                "start_seconds": 0.0,
                "end_seconds": 2.0,
            }
        )
        self.dataset = type("Clips", (), {"__len__": lambda self: 6})()
        self.dataset.manifest = manifest
        self.dataset.row_of = lambda clip_id: int(clip_id[4:])
        self.dataset.media_path = lambda row: folder / FILES[row % 3]

    def embeddings(self, combination):
        return None

    def search(self, *, among, top, **parts):
        if parts.get("text") == "zzz":
            raise ValueError("'zzz' holds no word that the model knows")
        self.asked.append({**parts, "among": among, "top": top})
        hits = self.dataset.manifest.head(top).copy()
        hits.insert(0, "score", [0.9 - 0.1 * n for n in range(len(hits))])
        hits.insert(0, "rank", range(1, len(hits) + 1))
        return hits


@pytest.fixture
def box(media_folder):
    return SearchBox(FakeRetriever(media_folder), top=5)


def test_an_empty_question_is_a_sentence(box):
    assert box.message.value == GREETING
    assert box.cards.children == ()
    box.text.value = "   "
    assert box.message.value == GREETING
    assert box.retriever.asked == []


def test_typing_a_sentence_shows_cards(box):
    box.text.value = "slice"
    assert box.retriever.asked == [{"text": "slice", "among": "video+audio", "top": 5}]
    assert len(box.cards.children) == 5
    first = box.cards.children[0]
    assert first.heading == "1 · 0.90 · 0.0–2.0 s"
    assert first.caption == "<script>alert(1)</script> & more"  # text; the player never parses it
    assert first.poster
    assert box.message.value.startswith("“slice”, among video+audio. 5 of 6 clips in")


def test_the_same_question_is_asked_once(box):
    box.text.value = "slice"
    box.button.click()
    assert len(box.retriever.asked) == 1


def test_all_that_is_filled_in_is_one_question(box):
    box.text.value = "slice"
    box.audio.value = next(iter(box.audio.options))
    box.video.value = "clip3"
    last = box.retriever.asked[-1]
    assert (last["text"], last["audio"], last["video"]) == ("slice", "clip0", "clip3")


def test_target_and_number_of_answers(box):
    box.text.value = "slice"
    box.among.value = "audio"
    box.top.value = 10
    assert box.retriever.asked[-1] == {"text": "slice", "among": "audio", "top": 10}
    assert len(box.answers) == len(box.cards.children) == 6


@pytest.mark.parametrize("field", ["video", "audio"])
def test_an_unknown_clip_is_an_escaped_sentence(box, field):
    getattr(box, field).value = "<img src=x>"
    assert "There is no clip “&lt;img src=x&gt;”" in box.message.value
    assert box.cards.children == ()
    assert box.retriever.asked == []


def test_unknown_words_are_a_sentence(box):
    box.text.value = "zzz"
    assert "no word that the model knows" in box.message.value
    assert "zzz" in box.still().sentence


def test_cards_are_reused(box):
    box.text.value = "slice"
    before = box.cards.children
    box.text.value = "pour"
    assert box.cards.children == before


def test_asking_from_python(box):
    answers = box.ask(text="slice", audio="clip2")
    assert list(answers["rank"]) == [1, 2, 3, 4, 5]
    assert len(box.retriever.asked) == 1
    assert box.audio.value.startswith("clip2 · ")
    assert "the sound of clip2" in box.still().sentence


@pytest.mark.parametrize(
    ("text", "expected"), [("abc", "abc"), ("abcdef", "abc…"), ("ab cdef", "ab…")]
)
def test_shorten(text, expected):
    assert shorten(text, 4) == expected
