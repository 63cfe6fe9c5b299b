"""What a question may be, how it reads, and what is left of it in JSON."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mmlab.question import Part, Question
from mmlab.question.parts import MOST_CHARACTERS

SLICE = Part("text", "slice the tomato", 0.5)
SOUND = Part("audio", "knock.wav", label="my knock")
WHOLE = Question((SLICE, SOUND), ("onion", "red pan"), 0.7, "video+audio", "late")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modality": " "}, "modality of a part must be a string, not empty"),
        ({"source": ""}, "source of a part must be a string, not empty"),
        ({"source": Path("knock.wav")}, "source of a part must be a string"),
        ({"weight": 1.01}, "weight must be a number from 0 to 1, found 1.01"),
        ({"weight": -0.1}, "weight must be"),
        ({"weight": math.nan}, "weight must be"),
        ({"weight": "1"}, "weight must be"),
        ({"weight": True}, "weight must be"),
        ({"weight": np.bool_(True)}, "weight must be"),
        ({"weight": np.float32(1.5)}, "weight must be"),
        ({"on": 1}, "on must be true or false, found 1"),
        ({"label": None}, "label must be a string"),
    ],
)
def test_a_bad_part_names_its_field(changes, message):
    with pytest.raises(ValueError, match=message):
        Part(**{"modality": "text", "source": "cut", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": [SLICE]}, "parts must be a tuple of parts"),
        ({"parts": ("cut",)}, "parts must be a tuple of parts"),
        ({"without": "onion"}, "without must be a tuple of sentences"),
        ({"without": ("onion", " ")}, "without must not hold an empty sentence"),
        ({"strength": -1}, "strength must be a number from 0 to 10"),
        ({"strength": math.inf}, "strength must be a number from 0 to 10"),
        ({"strength": math.nan}, "strength must be a number from 0 to 10"),
        ({"strength": 1e300}, r"strength must be a number from 0 to 10, found 1e\+300"),
        ({"strength": True}, "strength must be a number"),
        ({"among": None}, "among must be"),
        ({"fusion": "early"}, "fusion must be 'joint' or 'late', found 'early'"),
    ],
)
def test_a_bad_question_names_its_field(changes, message):
    with pytest.raises(ValueError, match=message):
        Question(**{"parts": (SLICE,), **changes})


def test_a_part_counts_if_it_is_on_and_weighs_something():
    off, weightless = Part("text", "a", on=False), Part("text", "b", 0)
    assert Question((off, SLICE, weightless, SOUND)).counting == (SLICE, SOUND)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question(()), ""),
        (Question((Part("text", "cut", 0.0),)), ""),
        (Question((Part("text", "cut"),)), "“cut”"),
        (
            Question((SLICE, Part("video", "a#0"))),
            "“slice the tomato” (0.5) and the picture of a#0",
        ),
        (
            WHOLE,
            "“slice the tomato” (0.5) and the sound of my knock, without “onion” or “red pan”, "
            "among video+audio, fused late",
        ),
        (
            Question((Part("text", "a"), Part("depth", "b"), SOUND)),
            "“a”, the depth of b and the sound of my knock",
        ),
    ],
)
def test_a_question_reads_as_one_would_say_it(question, said):
    assert question.in_words() == said


def test_the_common_case_leaves_out_what_is_empty():
    made = Question.of(
        text=" cut ", video=None, audio=Path("a") / "b.wav", without="onion, , red pan "
    )
    assert made.parts == (Part("text", "cut"), Part("audio", str(Path("a") / "b.wav")))
    assert made.without == ("onion", "red pan")
    assert Question.of(text="", without=["a, b"]) == Question((), ("a, b",))
    weighted = Question.of(text="cut", video="a#0", weights={"text": 0.2}, fusion="late")
    assert [part.weight for part in weighted.parts] == [0.2, 1.0]
    assert weighted.fusion == "late"


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8, np.float16, np.float32, np.float64])
def test_numbers_of_any_kind_are_floats_in_a_question(kind):
    question = Question.of(text="cut", weights={"text": kind(1)}, strength=kind(2))
    assert question == Question((Part("text", "cut"),), strength=2.0)
    assert (type(question.parts[0].weight), type(question.strength)) == (float, float)
    assert Question.from_json(question.to_json()) == question


def test_a_weight_of_nothing_is_named():
    with pytest.raises(ValueError, match=r"weights has \['audio'\], of which no part is asked"):
        Question.of(text="cut", audio="", weights={"audio": 0.5})


def test_json_brings_the_same_question_back():
    for question in (WHOLE, Question(()), Question((Part("text", "<b>ü “x”</b>", on=False),))):
        assert Question.from_json(question.to_json()) == question
    short = '{"parts": [{"modality": "text", "source": "cut"}]}'
    assert Question.from_json(short) == Question((Part("text", "cut"),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": "cut"}, "parts must be a list, found 'cut'"),
        ({"without": "onion"}, "without must be a list, found 'onion'"),
        ({"without": [3]}, "without must be a tuple of sentences"),
        ({"parts": [{"modality": "text"}]}, "a part as JSON has modality, source and may have"),
        ({"parts": ["cut"]}, "a part as JSON has"),
        ({"colour": "red"}, "a question as JSON has parts and may have"),
        ({"strength": None}, "strength must be a number"),
    ],
)
def test_json_that_is_no_question_is_named(change, message):
    text = json.dumps({**json.loads(WHOLE.to_json()), **change})
    with pytest.raises(ValueError, match=message):
        Question.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}"])
def test_text_that_is_no_question_is_named(text):
    with pytest.raises(ValueError, match="a question"):
        Question.from_json(text)


def test_what_is_long_is_shown_short_and_kept_whole():
    words, name = "slice " * 5000, "n" * 500
    question = Question((Part("text", words), Part("audio", "a", label=name)), ("onion " * 900,))
    said = question.in_words()
    assert len(said) < 3 * MOST_CHARACTERS + 50
    assert said.count("…") == 3
    assert Question.from_json(question.to_json()) == question
    edge = "e" * MOST_CHARACTERS
    assert Part("text", edge).in_words() == f"“{edge}”"


def test_senses_of_one_medium_are_said_together():
    both = (Part("video", "a.mp4", 0.5), Part("audio", "a.mp4", 0.5))
    assert Question(both).in_words() == "the picture and sound of a.mp4 (0.5)"
    apart = (Part("video", "a.mp4"), Part("audio", "a.mp4", 0.5))
    said = "the picture of a.mp4 and the sound of a.mp4 (0.5)"
    assert Question(apart).in_words() == said
    twice = (Part("text", "cut"), Part("text", "cut"))
    assert Question(twice).in_words() == "“cut” and “cut”"
