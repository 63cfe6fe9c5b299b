"""`mmlab search` as the shell gives it its arguments, against the library it stands on."""

import json

import pandas as pd
import pytest
import tyro

import mmlab
from mmlab.cli.search import search
from mmlab.index import build_index
from mmlab.question import Asker, Question


@pytest.fixture(scope="module")
def retriever(tiny_run):
    return mmlab.Retriever(*mmlab.open_run(tiny_run))


@pytest.fixture
def asked(tiny_run, capsys):
    """The hits that a command line prints as JSON."""

    def ask(*arguments):
        tyro.cli(search, args=[str(tiny_run), *map(str, arguments), "--json"])
        return pd.DataFrame(json.loads(capsys.readouterr().out))

    return ask


@pytest.mark.parametrize("option", ["--in", "--among"])
def test_both_names_of_the_option_are_taken(asked, retriever, option):
    expected = retriever.search(text="red", among="video")
    assert asked("red", option, "video").clip_id.tolist() == expected.clip_id.tolist()
    assert asked("red").clip_id.tolist() == retriever.search(text="red").clip_id.tolist()


@pytest.mark.parametrize("fusion", ["joint", "late"])
def test_a_question_of_several_parts_is_the_askers(asked, retriever, media_folder, fusion):
    sound = media_folder / "green left.mp4"
    clip = retriever.dataset.manifest.clip_id[0]
    given = {"text": "red", "video": clip, "audio": sound, "without": "blue, left"}
    question = Question.of(**given, among="video+audio", fusion=fusion)
    expected = Asker(retriever).answer(question, top=2).hits
    options = ["--video", clip, "--audio", sound, "--without", "blue, left", "--fusion", fusion]
    hits = asked("red", *options, "--in", "video+audio", "--top", 2)
    assert list(hits) == list(expected)
    assert hits.clip_id.tolist() == expected.clip_id.tolist()
    assert hits.score.tolist() == pytest.approx(expected.score.tolist(), abs=1e-5)


def test_only_clips_with_the_wanted_values_answer(asked):
    where = ["--where", "media_id=red right.mp4", "--where", "media_id=blue mute.mp4"]
    assert set(asked("red", *where).media_id) == {"red right.mp4", "blue mute.mp4"}
    assert len(asked("red", *where)) == 3
    assert asked("red", *where, "--where", "start_seconds=0").start_seconds.tolist() == [0, 0]
    assert asked("red", *where, "--where", "start_seconds=1.5").start_seconds.tolist() == [1.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "an empty question"),
        (["red", "--where", "media_id"], "takes column=value with a column of clip_id, media_id"),
        (["red", "--where", "colour=red"], "takes column=value with a column of clip_id"),
        (["red", "--where", "split=tset"], "no clip here has split=tset; there are test$"),
        (["red", "--top", "0"], "top is how many answers"),
        (["red", "--split", "nosuch"], r"it has test \(5\)"),
        (["--audio", "nosuch.wav"], "neither in this selection .* nor a file"),
        (["red", "--index", "nosuch"], "nosuch"),
    ],
)
def test_bad_arguments_are_said_in_a_sentence(asked, arguments, message):
    with pytest.raises((ValueError, OSError), match=message):
        asked(*arguments)


def test_a_table_and_what_is_not_known(tiny_run, retriever, capsys):
    tyro.cli(search, args=[str(tiny_run), "a red sqare", "--top", "2"])
    printed = capsys.readouterr()
    heading, *lines = printed.out.splitlines()
    names = ["rank", "score", "clip_id", "start_seconds", "end_seconds", "text"]
    assert heading.split() == names
    hits = retriever.search(text="a red sqare", top=2)
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert all(text in line for text, line in zip(hits.text, lines, strict=True))
    assert printed.err == "mmlab: no caption has “sqare” (alike: square)\n"


def test_no_answer_is_a_sentence(tiny_run, capsys):
    where = ["--in", "audio", "--where", "media_id=blue mute.mp4"]
    tyro.cli(search, args=[str(tiny_run), "red", *where])
    assert capsys.readouterr().out.startswith("no clip with these values has anything of")
    tyro.cli(search, args=[str(tiny_run), "red", *where, "--json"])
    assert json.loads(capsys.readouterr().out) == []


def test_an_index_answers_as_the_clips_themselves(asked, retriever, tmp_path):
    build_index(retriever, tmp_path / "index").close()
    plain = asked("red", "--without", "blue", "--top", 3)
    indexed = asked("red", "--without", "blue", "--top", 3, "--index", tmp_path / "index")
    assert indexed.clip_id.tolist() == plain.clip_id.tolist()
    assert indexed.score.tolist() == pytest.approx(plain.score.tolist(), abs=1e-5)
