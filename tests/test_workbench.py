import asyncio
import json
import threading

import pandas as pd
import pytest

import mmlab
from mmlab.index import build_index
from mmlab.question import Asker, Part, Question
from mmlab.space import embedding_space
from mmlab.views import EmbeddingMap
from mmlab.workbench import Workbench
from mmlab.workbench.comparison import HINT
from mmlab.workbench.filters import Conditions
from mmlab.workbench.finding import GREETING, UNWANTED_ONLY, Wish
from mmlab.workbench.history import MOST_KEPT, History
from mmlab.workbench.pacing import Newest
from mmlab.workbench.workbench import ANSWERS, COMPARISON, HISTORY, MAP, PATIENCE_SECONDS, WHY

QUESTION = Question.of(text="a red square", without="blue")


@pytest.fixture(scope="module")
def retriever(tiny_run):
    return mmlab.Retriever(*mmlab.open_run(tiny_run))


@pytest.fixture
def bench(retriever):
    return Workbench(retriever, top=3)


@pytest.fixture
def ids(retriever):
    """Of clips with picture and sound."""
    manifest = retriever.dataset.manifest
    return manifest.clip_id[manifest.media_path == "red right.mp4"].tolist()


def words(bench):
    return bench.composer.rows[0]


def test_before_a_question_there_is_a_hint(bench):
    assert bench.message.words == GREETING
    assert not bench.message.problem
    assert bench.answers.empty
    assert bench.hits == []
    assert bench.history.questions == []
    assert list(bench.answers.columns[:2]) == ["rank", "score"]


@pytest.mark.parametrize("fusion", ["joint", "late"])
def test_answers_are_those_of_the_asker(bench, retriever, ids, fusion):
    question = Question(
        (Part("text", "a red square", 0.4), Part("audio", ids[0])), ("blue",), 0.7, "", fusion
    )
    answers = bench.ask(question)
    expected = Asker(retriever).answer(question, top=3).hits
    pd.testing.assert_frame_equal(answers, expected)
    assert bench.answers is answers
    assert bench.question == question
    assert [hit["clip_id"] for hit in bench.hits] == expected.clip_id.tolist()
    assert bench.message.words.startswith(f"{question.in_words()}: 3 of 4 other clips in ")


def test_a_slider_moves_the_answers_without_a_forward_pass(bench, retriever, ids, monkeypatch):
    weights, sound = (0.75, 0.25, 0.0), Part("audio", ids[0])
    asked = [Question((Part("text", "a red square", weight), sound)) for weight in weights]
    expected = [Asker(retriever).answer(question, top=3).hits for question in asked]
    bench.ask(text="a red square", audio=ids[0])
    monkeypatch.setattr("mmlab.question.answers.embed_subsets", lambda *_: pytest.fail("a pass"))
    for weight, hits in zip(weights, expected, strict=True):
        words(bench).weight.value = weight
        assert bench.answers.clip_id.tolist() == hits.clip_id.tolist()
        assert bench.answers.score.tolist() == pytest.approx(hits.score.tolist(), abs=1e-6)
    words(bench).weight.value, words(bench).weight.on = 1.0, False
    assert bench.question.counting == (sound,)


def test_the_same_question_is_asked_once(bench, monkeypatch):
    asked = []
    answer = bench.asker.answer
    monkeypatch.setattr(bench.asker, "answer", lambda q, **k: asked.append(q) or answer(q, **k))
    words(bench).text.value = "a red square"
    words(bench).text.value = "a red square "
    bench._on_change(0.0)
    assert [question.in_words() for question in asked] == ["“a red square”"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda b: b.ask(text="   "), GREETING),
        (lambda b: b.ask(text="red", among="smell"), "found 'smell'."),
        (lambda b: b.ask(text="red", weights={"text": 0.0}), "has the weight 0; give one"),
        (lambda b: b.ask(text="red", colour="blue"), "the colour of blue"),
        (
            lambda b: b.ask(Question((Part("text", "red", on=False),))),
            "switched off; switch one on",
        ),
        (lambda b: b.ask(Question((Part("text", "a"), Part("text", "b")))), "cannot show “b”"),
        (
            lambda b: b.ask(audio="no such.wav"),
            "sound of no such.wav is not there, or no longer; give the file",
        ),
        (lambda b: b.ask(video=__file__), "test_workbench.py"),
        (
            lambda b: setattr(b.composer.rows[1].clip, "value", "<img src=x>"),
            "There is no clip “<img src=x>”; choose one from the list.",
        ),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(bench, act, said):
    bench.ask(text="a red square")
    act(bench)
    assert said in bench.message.words
    assert bench.message.words.endswith(".")
    assert bench.answers.empty
    assert bench.message.problem == (said != GREETING)
    bench.ask(text="a red square")
    assert len(bench.answers) == 3
    assert not bench.message.problem


def test_words_that_no_caption_has_are_told(bench):
    bench.ask(text="a red squaer")
    assert "No caption has “squaer” (alike: square)." in bench.message.words


def test_history_brings_a_question_back(bench, ids):
    bench.ask(QUESTION)
    first = bench.answers
    bench.ask(text="moves on", audio=ids[1])
    assert len(bench.history.questions) == 2
    bench.history.children[1].children[0].click()
    assert bench.question == bench.composer.question == QUESTION
    assert bench.answers.clip_id.tolist() == first.clip_id.tolist()
    assert bench.history.questions[0] == QUESTION
    assert len(bench.history.questions) == 2


def test_history_brings_filters_and_the_number_shown_back(bench):
    wanted = bench.ask(QUESTION).media_id.iloc[0]
    bench.results.filters.set("media_id", [wanted])
    bench.results.filters.set("seconds", (0.5, 2.5))
    filtered = bench.answers
    assert set(filtered.media_id) == {wanted}
    bench.composer.top.value = 5
    bench.results.filters.set("media_id", [])
    bench.results.filters.set("seconds", [])
    everything = bench.answers
    assert bench.history.questions == [QUESTION] * 6, "each is another wish"
    told = [row.children[1].value for row in bench.history.children]
    of = f"of clips with media_id {wanted}, and seconds 0.5 to 2.5: "
    assert [of in words for words in told] == [False, False, True, True, False, False]
    assert ["(show 5)" in words for words in told] == [False, False, True, False, False, False]
    bench.history.children[3].children[0].click()
    assert bench.composer.top.value == 3
    assert bench.results.filters.in_words() == of[len("of clips with ") : -2]
    assert len(bench.results.filters.chips.children) == 2
    assert bench.answers.equals(filtered)
    assert len(bench.history.wishes) == 6
    bench.history.children[1].children[0].click()
    assert bench.results.filters.in_words() == ""
    assert bench.answers.equals(everything)


def test_history_keeps_so_many_and_captions_are_text():
    answers = pd.DataFrame({"score": [0.5], "text": ["<b>bold</b>"]})
    history, anything = History(print), Conditions({}, {})
    for number in range(MOST_KEPT + 3):
        history.note(Wish(Question.of(text=f"question {number}"), 1, {}, anything), answers)
    assert len(history.children) == len(history.questions) == MOST_KEPT
    assert history.questions[0].parts[0].source == f"question {MOST_KEPT + 2}"
    told = history.children[0].children[1].value
    assert told == "1 answer, first 0.50 “&lt;b&gt;bold&lt;/b&gt;”"


def test_a_map_of_all_clips_shows_where_the_answers_lie(bench, retriever, monkeypatch):
    lit = []
    monkeypatch.setattr(EmbeddingMap, "light", lambda view, ids: lit.append(list(ids)))
    bench.ask(text="a red square")
    bench.tabs.value = MAP
    (view,) = bench.place_of_map.children
    assert not bench.panel.children
    assert view.space.combinations == ["video+audio"]
    assert view.space.table.clip_id.nunique() == len(retriever.dataset)
    bench.ask(text="moves on")
    bench.tabs.value = ANSWERS
    assert bench.place_of_map.layout.display == "none"
    bench.tabs.value = MAP
    assert bench.place_of_map.layout.display is None
    assert bench.place_of_map.children == (view,)
    assert lit[-1] == bench.answers.clip_id.tolist() != lit[0]


def test_an_index_is_asked_and_no_clip_is_embedded(retriever, tmp_path, monkeypatch):
    index = build_index(retriever, tmp_path / "index", combinations=["video", "video+audio"])
    indexed = mmlab.Retriever(retriever.model, retriever.dataset, index=index)
    monkeypatch.setattr("mmlab.retrieval.embed_rows", lambda *_, **__: pytest.fail("embedded"))
    bench = Workbench(indexed, text="a red square", top=3)
    assert len(bench.answers) == 3
    assert MAP not in bench.tabs.options
    assert [name for name, _ in bench.composer.among.options] == ["video", "video+audio"]
    bench.ask(text="a red square", among="audio")
    assert bench.message.words == "The index has video, video+audio, not audio."
    bench.ask(text="a red square")
    assert len(bench.answers) == 3


def test_a_fault_is_a_sentence_and_in_the_log(bench, monkeypatch, caplog):
    monkeypatch.setattr(bench.retriever, "nearest", lambda *_, **__: 1 / 0)
    assert bench.ask(text="a red square").empty
    assert bench.message.problem
    assert "ZeroDivisionError: division by zero" in bench.message.words
    assert "Traceback" in caplog.text


def test_a_question_whose_file_is_gone_says_so(bench, tmp_path, media_folder):
    path = tmp_path / "own.mp4"
    path.write_bytes((media_folder / "red right.mp4").read_bytes())
    bench.ask(audio=path)
    assert not bench.message.problem
    path.unlink()
    bench.history.children[0].children[0].click()
    assert "is not there, or no longer; give the file again." in bench.message.words


def test_more_like_this_asks_with_all_that_a_clip_has(bench, retriever, ids):
    bench.ask(text="a red square", among="video")
    bench.more_like(ids[0])
    assert bench.question == Question.of(video=ids[0], audio=ids[0], among="video")
    manifest = retriever.dataset.manifest
    mute = manifest.clip_id[manifest.media_path == "blue mute.mp4"].iloc[0]
    bench.more_like(mute)
    assert [part.modality for part in bench.question.parts] == ["video"]
    assert len(bench.answers) == 3
    assert mute not in bench.answers.clip_id.tolist()


def test_panels_are_made_for_the_present_answers(bench, ids):
    bench.ask(text="a red square", audio=ids[0])
    assert bench.panel.children == (bench.results,)
    bench.tabs.value = COMPARISON
    assert bench.panel.children == (bench.comparison,)
    compared = bench.asker.compare(bench.question, top=3)
    assert {row["clip_id"] for row in bench.comparison.rows} == set(compared.clip_id)
    bench.tabs.value = WHY
    assert bench.why_panel.reasons.clip_id == bench.answers.clip_id.iloc[0]
    second = bench.answers.clip_id.iloc[1]
    bench.why(second)
    assert bench.why_panel.reasons.clip_id == second
    bench.ask(text="moves on")
    assert bench.why_panel.reasons.question == bench.question
    bench.tabs.value = HISTORY
    assert bench.panel.children == (bench.history,)
    bench.tabs.value = COMPARISON
    bench.comparison.choose(second)
    bench.tabs.value = WHY
    assert bench.why_panel.reasons.clip_id == second
    bench.tabs.value = ANSWERS
    bench.why(second)
    assert bench.tabs.value == WHY


def test_filters_ask_again_among_those_clips(bench):
    bench.ask(text="a red square")
    wanted = bench.retriever.dataset.manifest.media_id.iloc[0]
    bench.results.filters.set("media_id", [wanted])
    assert set(bench.answers.media_id) == {wanted}
    bench.results.filters.set("media_id", [])
    assert len(bench.answers) == 3


def test_pins_are_a_table(bench):
    bench.ask(text="a red square")
    bench.results.pin(bench.answers.clip_id.iloc[1])
    assert bench.pinned.clip_id.tolist() == [bench.answers.clip_id.iloc[1]]


def test_a_linked_map_lights_the_answers(bench, retriever, monkeypatch):
    view = EmbeddingMap(embedding_space(retriever), method="pca")
    lit = []
    monkeypatch.setattr(view, "light", lit.append)
    bench.ask(text="a red square")
    bench.link_to(view)
    bench.ask(text="moves on")
    assert len(lit) == 2
    assert lit[1] == bench.answers.clip_id.tolist()


def test_a_stamp_makes_it_again(bench, retriever, ids):
    bench.ask(Question((Part("text", "red", 0.5), Part("audio", ids[0], on=False))))
    bench.results.filters.set("media_id", [bench.answers.media_id.iloc[0]])
    again = Workbench.reopened(retriever, **bench.parameters())
    assert again.parameters() == bench.parameters()
    assert again.stamp == bench.stamp
    assert again.answers.clip_id.tolist() == bench.answers.clip_id.tolist()


def test_it_stands_still(bench):
    assert GREETING in bench.still().sentence
    bench.ask(QUESTION)
    still = bench.picture()
    assert "“a red square”, without “blue”: 3 of 5 clips" in still.sentence
    assert "First: “" in still.sentence
    assert len(still.figure.axes) == 4  # the question and three cards


def test_a_newer_question_overtakes_an_older_one(bench):
    """In a loop, as in a notebook: words that are typed on are never asked."""

    async def type_a_sentence():
        for end in range(1, len("a red square") + 1):
            words(bench).text.value = "a red square"[:end]
        while not bench.history.questions:
            await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(type_a_sentence(), 30))
    assert [question.in_words() for question in bench.history.questions] == ["“a red square”"]
    assert len(bench.answers) == 3


def test_only_the_newest_of_many_is_worked_on_and_what_was_overtaken_is_not_shown():
    newest, done, shown, gate = Newest(), [], [], threading.Event()

    def work(number):
        gate.wait(10)
        done.append(number)
        return number

    async def wish():
        newest.run(lambda: work(0), shown.append)
        await asyncio.sleep(0.05)  # it waits at the gate
        for number in range(1, 9):
            newest.run(lambda number=number: work(number), shown.append)
        await asyncio.sleep(0.05)
        gate.set()
        while 8 not in done:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        newest.run(lambda: work(9), shown.append, pause_seconds=0.05)
        newest.overtake()
        await asyncio.sleep(0.2)

    asyncio.run(wish())
    assert done == [0, 8]
    assert shown[-1] == 8
    assert 9 not in shown


def test_under_nbconvert_nothing_comes_later(monkeypatch):
    monkeypatch.setenv("MMLAB_STATIC", "1")
    shown = []

    async def wish():
        Newest().run(lambda: 1, shown.append, pause_seconds=60.0)

    asyncio.run(wish())
    assert shown == [1]


def test_what_stands_beside_is_among_the_filtered_clips(bench):
    bench.ask(text="a red square")
    wanted = bench.retriever.dataset.manifest.media_id == bench.answers.media_id.iloc[-1]
    clips = set(bench.retriever.dataset.manifest.clip_id[wanted])
    bench.results.filters.set("media_id", [bench.answers.media_id.iloc[-1]])
    bench.tabs.value = COMPARISON
    assert {row["clip_id"] for row in bench.comparison.rows} == clips
    bench.tabs.value = WHY
    assert bench.why_panel.reasons.rank == 1.0
    assert f": {len(clips)} of {len(clips)} clip" in bench.message.words
    assert f" with media_id {bench.results.where['media_id'][0]} in " in bench.message.words


@pytest.mark.parametrize("indexed", [False, True])
def test_a_range_and_words_hold_in_the_search_and_in_what_stands_beside(
    retriever, indexed, tmp_path
):
    if indexed:
        index = build_index(retriever, tmp_path / "index")
        retriever = mmlab.Retriever(retriever.model, retriever.dataset, index=index)
    bench = Workbench(retriever, text="a red square", top=1)
    manifest = retriever.dataset.manifest
    last = Asker(retriever).answer(bench.question, top=9).hits.clip_id.iloc[-1]
    wanted = manifest[manifest.clip_id == last].iloc[0]
    seconds = wanted.end_seconds - wanted.start_seconds
    bench.results.filters.set("text", [wanted.text])
    bench.results.filters.set("seconds", (seconds - 0.1, seconds + 0.1))
    assert bench.answers.clip_id.tolist() == [last]
    assert f" and seconds {seconds - 0.1:g} to {seconds + 0.1:g} in " in bench.message.words
    bench.tabs.value = COMPARISON
    assert [row["clip_id"] for row in bench.comparison.rows] == [last]
    bench.tabs.value = WHY
    assert bench.why_panel.reasons.rank == 1.0
    kept = json.loads(json.dumps(bench.parameters()))
    assert kept["ranges"] == {"seconds": [seconds - 0.1, seconds + 0.1]}
    again = Workbench.reopened(retriever, **kept)
    assert again.parameters() == bench.parameters() == kept
    assert again.answers.clip_id.tolist() == [last]


def test_clearing_blanks_what_stood_beside(bench, ids):
    bench.ask(text="a red square", audio=ids[0])
    bench.tabs.value = COMPARISON
    bench.tabs.value = WHY
    assert bench.comparison.rows
    bench.composer.clear.click()
    assert bench.comparison.rows == []
    assert bench.comparison.status.words == HINT
    assert bench.why_panel.reasons is None


def test_the_clip_explained_stays_only_among_the_answers(bench):
    bench.ask(text="a red square")
    second = bench.answers.clip_id.iloc[1]
    bench.why(second)
    words(bench).weight.value = 0.5
    assert bench.why_panel.reasons.clip_id == second
    bench.results.filters.set("clip_id", [bench.answers.clip_id.iloc[0]])
    assert bench.why_panel.reasons.clip_id == bench.answers.clip_id.iloc[0] != second
    bench.results.filters.set("clip_id", [])
    assert bench.why_panel.reasons.clip_id == bench.answers.clip_id.iloc[0]


def test_questions_without_answers_or_words_are_no_history(bench):
    bench.ask(text="red", weights={"text": 0.0})
    bench.ask(text="red", among="smell")
    bench.ask(Question((), without=("blue",)))
    assert bench.history.questions == []
    assert bench.message.words == UNWANTED_ONLY
    bench.ask(QUESTION)
    assert bench.history.questions == [QUESTION]


def test_what_takes_long_says_what_is_being_done(bench, monkeypatch):
    gate, said = threading.Event(), []
    answer = bench.asker.answer
    monkeypatch.setattr(bench.asker, "answer", lambda q, **k: gate.wait(20) and answer(q, **k))
    bench.message.observe(lambda change: said.append(change["new"]), "words")

    async def ask():
        words(bench).text.value = "a red square"
        while not said:
            await asyncio.sleep(0.02)
        gate.set()
        while bench.answers.empty:
            await asyncio.sleep(0.02)
        await asyncio.sleep(PATIENCE_SECONDS)

    asyncio.run(asyncio.wait_for(ask(), 30))
    assert said[0] == "Looking for “a red square” …"
    assert len(said) == 2
    assert said[1].startswith("“a red square”: 3 of 5 clips in ")
