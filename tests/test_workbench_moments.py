"""The moment finder without a browser: what is found, moved, told, kept and made again."""

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.evaluation import segment_files
from mmlab.evaluation.assignment import ordered_assignment
from mmlab.evaluation.seconds import LOOKING, VideoSeconds, video_seconds
from mmlab.evaluation.segment_files import save_segments
from mmlab.evaluation.segments import above_level, find_segments, mean_score
from mmlab.question import known_words
from mmlab.readers.subtitles import read_subtitles
from mmlab.retrieval import Retriever
from mmlab.workbench import moment_search
from mmlab.workbench.moment_edits import Edited
from mmlab.workbench.moment_lanes import SCRIPTS, lane_heat, scale_in_words
from mmlab.workbench.moment_search import Found, MomentSearch, Wish
from mmlab.workbench.moment_telling import tell_segments
from mmlab.workbench.moments import MomentFinder

STEPS = ["a red square", "<b>it</b> moves & moves"]


@pytest.fixture
def finder(tiny_retriever, monkeypatch):
    """On a video whose seconds are all different; those of the tiny media are all the same."""
    vectors = torch.randn(3, 256, generator=torch.Generator().manual_seed(0))
    seconds = VideoSeconds(3.0, torch.nn.functional.normalize(vectors, dim=-1))

    def made_up(*asked, tell, extract):
        if asked[1] != "red right.mp4":
            return video_seconds(*asked, tell=tell, extract=extract)
        tell(LOOKING, 1.0)
        return seconds

    monkeypatch.setattr(moment_search, "video_seconds", made_up)
    return MomentFinder(tiny_retriever, "red right.mp4", STEPS, truth=[[(0, 1)], []])


def found_of(steps, media="a.mp4", seed=0):
    scores = np.random.default_rng(seed).random((10, len(steps)))
    return Found(Wish(media, list(steps), "video"), scores, find_segments(steps, scores, 10.0))


def test_segments_are_those_of_the_ordered_walk(finder, tiny_retriever):
    video = finder._search._video(Wish("red right.mp4", STEPS, "video+audio"), None)
    scores = [[float(v @ tiny_retriever.query(text=s)) for s in STEPS] for v in video.vectors]
    np.testing.assert_allclose(finder.scores, scores, atol=1e-5)
    chosen = ordered_assignment(above_level(finder.scores, 0.7), exactly_one=False)
    assert finder.segments.start_seconds.tolist() == chosen.argmax(axis=0).tolist()
    assert finder.segments.step.tolist() == STEPS
    assert not finder.segments.edited.any()


def test_the_browser_moves_a_boundary_and_takes_it_back(finder):
    before = finder.segments
    answer = finder.lanes._handle_custom_msg
    answer({"kind": "moved", "number": 1, "start": 1.25, "end": 2.75}, [])
    moved = finder.segments.loc[1]
    assert (moved.start_seconds, moved.end_seconds, moved.edited) == (1.25, 2.75, True)
    assert moved.score == pytest.approx(mean_score(finder.scores[:, 1], (1.25, 2.75)))
    assert finder.lanes.segments[1]["start"] == 1.25
    assert "1 moved by hand" in finder.controls.message.words
    sent = []
    finder.lanes.send = lambda content, buffers=None: sent.append(content)
    answer({"kind": "moved", "number": 1, "start": 2.75, "end": 1.0}, [])
    assert sent == [{"kind": "put back"}], "the browser shows what it moved until then"
    assert "Not moved: a segment lies between 0 and 3 s" in finder.controls.message.words
    assert finder.segments.start_seconds[1] == 1.25
    answer({"kind": "reset", "number": 1}, [])
    assert finder.segments.equals(before)


def test_what_a_hand_made_overlap_or_put_out_of_order_is_said(tmp_path):
    edited = Edited(found_of(["boil", "stir", "fry", "eat"]), 10.0)
    for number in range(4):
        edited = edited.move(number, 2.0 * number, 2.0 * number + 2)

    def told(edited, single=False):
        return tell_segments(edited.table, [()] * 4, single)

    assert told(edited) == "4 steps in order. 4 moved by hand.", "they touch"
    wide = edited.move(0, 0.0, 3.87)
    assert told(wide) == "4 steps in order. 4 moved by hand. 1 and 2 overlap by 1.87 s."
    assert told(edited.move(0, 8.0, 9.0)) == "4 steps, not in order. 4 moved by hand."
    widest = wide.move(1, 0.0, 10.0)
    assert "1 and 2 overlap by 3.87 s, 2 and 3 overlap by 2 s, 2 and 4" in told(widest)
    assert "and 1 further pair." not in told(widest)
    assert told(wide.move(1, 0.0, 10.0).move(2, 3.0, 5.0)).endswith(", and 1 further pair.")
    assert told(wide, single=True).endswith("1 and 2 overlap by 1.87 s.")
    assert told(widest.reset()) == "4 steps in order."
    assert save_segments(widest.table, tmp_path / "overlapping.vtt", about="x").exists()


def test_no_score_is_less_than_nothing_when_it_is_zero():
    assert scale_in_words((-0.001, 0.0)).endswith("from score 0.00 to 0.00")
    assert scale_in_words((-0.2, 0.5)).endswith("from score -0.20 to 0.50")
    table = found_of(["stir"]).segments.assign(score=-0.004)
    assert "score 0.00." in tell_segments(table, [()], True)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_browser_writes_scores_alike():
    source = next(path for path in SCRIPTS if path.name == "moment_drawing.js").read_text()
    script = f"""{source}
const scores = [-0.004, -0.0, -0.2, 0.456];
console.log(scores.map((score) => tellSegment({{ start: 0, end: 1, score }})).join("\\n"));"""
    told = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    words = [line.split("score ")[1] for line in told.stdout.splitlines()]
    assert words == ["0.00", "0.00", "-0.20", "0.46"]


def test_a_boundary_reaches_the_end_of_a_video_of_any_length(finder):
    finder._edited = Edited(finder._edited.found, 26.125)
    answer = finder.lanes._handle_custom_msg
    answer({"kind": "moved", "number": 1, "start": 26.025, "end": 26.125}, [])
    assert finder.segments.end_seconds[1] == 26.125
    answer({"kind": "moved", "number": 1, "start": 26.0, "end": 26.13}, [])
    assert "Not moved: a segment lies between 0 and 26.125 s" in finder.controls.message.words
    assert finder.segments.start_seconds[1] == 26.025


@pytest.mark.parametrize(
    "wrong", [(5, 0.0, 1.0), (0, -1.0, 1.0), (0, 0.0, 99.0), (0, 1.0, 1.05), (0, float("nan"), 1)]
)
def test_a_segment_stays_in_its_video(finder, wrong):
    with pytest.raises(ValueError, match=r"there is no segment 5|between 0 and 3 s and lasts 0.1"):
        finder.move(*wrong)
    assert not finder.segments.edited.any()


def test_a_click_plays_from_there(finder):
    sent = []
    finder.player.send = lambda content, buffers=None: sent.append(content["kind"])
    finder.lanes._handle_custom_msg({"kind": "play", "seconds": 2.25}, [])
    assert finder.player.current_time == 2.25
    assert sent == ["seek", "play"]


def test_what_was_moved_stays_with_its_step():
    edited = Edited(found_of(["stir", "fry", "stir"]), 10.0).move(2, 8.0, 9.5).move(0, None, 7.0)
    after = edited.onto(found_of(["boil", "stir", "stir"], seed=1))
    assert after.moved == {2: (8.0, 9.5), 1: (edited.table.start_seconds[0], 7.0)}
    assert edited.onto(found_of(["fry", "boil"])).moved == {}
    assert edited.onto(found_of(["stir"])).moved == {}
    assert edited.onto(found_of(["stir", "fry", "stir"], media="b.mp4")).moved == {}
    assert edited.reset(2).moved.keys() == {0}
    assert edited.reset().table.equals(edited.found.segments)


def test_a_single_sentence_has_ranked_moments_below_its_heat(finder):
    table = finder.find("a red square")
    assert set(table.step) == {"a red square"}
    labels = [lane["label"] for lane in finder.lanes.lanes]
    assert labels == ["a red square", *(f"moment {n + 1}" for n in range(len(table)))]
    assert [lane["segment"] for lane in finder.lanes.lanes] == [-1, *range(len(table))]
    assert "Its overlap with the true time" in finder.controls.message.words


def test_lanes_hold_heat_truth_and_text_as_text(finder):
    first, second = finder.lanes.lanes
    assert first["truth"] == [[0.0, 1.0]]
    assert second["label"] == "2. <b>it</b> moves & moves"
    heat = np.frombuffer(finder.lanes.heat, np.uint8).reshape(2, -1)
    assert heat.shape == (2, len(finder.scores))
    low, high = finder.scores.min(), finder.scores.max()
    wanted = np.rint(255 * (finder.scores - low) / (high - low)).T
    assert heat.tolist() == wanted.tolist(), "one scale for both lanes"
    assert f"One scale for all heat: from score {low:.2f} to {high:.2f}." in finder.lanes.hint
    assert lane_heat(np.full((3, 1), 0.5)).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("  \n ", "Paste the steps"),
        ("a red square\n?!", "“?!” holds no word that the model knows"),
        ("\n".join(f"square {n}" for n in range(5)), "5 steps cannot be placed in 3 seconds"),
    ],
)
def test_what_cannot_be_found_is_a_sentence_and_nothing_is_lost(finder, steps, told):
    before = finder.segments
    assert finder.find(steps).equals(before)
    assert told in finder.controls.message.words
    assert "What is below stays as it was." in finder.controls.message.words


def test_only_videos_of_the_dataset_can_be_typed(finder, tmp_path):
    finder.controls.media.value = str(tmp_path)
    assert "There is no video" in finder.controls.message.words
    assert finder.media == "red right.mp4"
    before = finder.segments
    finder.controls.steps.value = "a blue circle"
    finder.controls.find.click()
    assert "There is no video" in finder.controls.message.words, "as long as the field says so"
    assert finder.controls.message.problem
    assert finder.segments.equals(before)
    finder.controls.media.value = "green left.mp4"
    assert (finder.media, finder.lanes.seconds) == ("green left.mp4", 2.5)
    assert finder.segments.end_seconds.max() <= 2.5


def test_a_video_of_a_split_that_is_left_out_is_opened_by_code_alone(tiny_retriever):
    clips = tiny_retriever.dataset
    served = clips.select(media_id="green left.mp4")
    finder = MomentFinder(Retriever(tiny_retriever.model, served), "green left.mp4", STEPS)
    finder.controls.media.value = "red right.mp4"
    assert "There is no video “red right.mp4”" in finder.controls.message.words
    assert finder.media == "green left.mp4"
    finder.look_into("red right.mp4")
    assert finder.lanes.seconds == clips.media.set_index("media_id").duration_seconds[finder.media]
    finder.controls.media.value = "green left.mp4"
    finder.controls.media.value = "red right.mp4"
    assert finder.media == "red right.mp4", "code opened it"


def test_code_that_asks_names_the_video_again(finder):
    finder.controls.media.value = "gone.mp4"
    assert set(finder.find("a blue circle").step) == {"a blue circle"}
    assert finder.controls.media.value == "red right.mp4"
    assert not finder.controls.message.problem


def test_a_word_that_the_model_does_not_know_is_said(finder):
    finder.find("a red square\nqwertz it")
    notes = known_words(finder.retriever, "a red square\nqwertz it").notes
    assert any("“qwertz”" in note for note in notes)
    assert all(note[1:] in finder.controls.message.words for note in notes)
    finder.move(0, end_seconds=0.5)
    assert "“qwertz”" in finder.controls.message.words


def test_a_file_of_ones_own_is_read_once(tiny_retriever, media_folder, tmp_path, monkeypatch):
    looked = []
    extract = tiny_retriever.dataset.extract
    monkeypatch.setattr(
        tiny_retriever.dataset, "extract", lambda *asked: looked.append(asked) or extract(*asked)
    )
    film = Path(shutil.copy(media_folder / "red right.mp4", tmp_path / "film.mp4"))
    finder = MomentFinder(tiny_retriever, film, STEPS)
    finder.find(STEPS[::-1])
    for among in ("audio", "video"):
        finder.controls.among.value = among
        listed = MomentFinder(tiny_retriever, "red right.mp4", STEPS[::-1], among=among)
        np.testing.assert_allclose(finder.scores, listed.scores, atol=1e-5)
    assert len(looked) == 1, "the features are the same, by whatever it is looked through"
    shutil.copy(media_folder / "green left.mp4", film)
    finder.look_into(film)
    assert len(looked) == 2, "another film under the same name"
    assert finder.lanes.seconds == 2.5


def test_a_medium_that_is_gone_broken_or_mute_is_a_sentence(tiny_retriever, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no media")
    for path in (tmp_path / "gone.mp4", tmp_path / "broken.mp4"):
        finder = MomentFinder(tiny_retriever, path, STEPS)
        assert finder.segments.empty
        assert "Not found: " in finder.controls.message.words
        assert path.name in finder.controls.message.words
        assert finder.still().png()[:4] == b"\x89PNG"
        with pytest.raises(ValueError, match="no segment to save"):
            finder.save(tmp_path / "x.vtt")
    mute = MomentFinder(tiny_retriever, "blue mute.mp4", "blue", among="audio")
    assert "blue mute.mp4 has no audio" in mute.controls.message.words


def test_what_code_gets_wrong_is_refused(tiny_retriever):
    with pytest.raises(ValueError, match="truth is of 1 steps, but there are 2"):
        MomentFinder(tiny_retriever, "red right.mp4", STEPS, truth=[[]])
    with pytest.raises(ValueError, match="different modalities"):
        MomentFinder(tiny_retriever, "red right.mp4", STEPS, among="smell")
    with pytest.raises(ValueError, match="looked through by text; choose video or audio or"):
        MomentFinder(tiny_retriever, "red right.mp4", STEPS, among="text")
    for span in ((5, 2), (float("nan"), 2), (-1, 2)):
        with pytest.raises(ValueError, match="it must end after it starts"):
            MomentFinder(tiny_retriever, "red right.mp4", STEPS, truth=[[span], []])


def test_every_form_is_kept_with_what_was_moved(finder, tmp_path, monkeypatch):
    finder.move(0, end_seconds=0.5)
    captions = read_subtitles(finder.save(tmp_path / "steps.vtt")).table
    assert captions.text.tolist() == STEPS
    assert captions.end_seconds[0] == 0.5
    kept = json.loads(finder.save(tmp_path / "steps.json").read_text())
    assert [row["edited"] for row in kept["segments"]] == [True, False]
    assert finder.stamp.name in kept["about"]
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        finder.controls.save.click()
        assert f"Saved as moments-{number}.vtt" in finder.controls.saved.value
        assert (tmp_path / f"moments-{number}.vtt").exists()
        assert f">Download moments-{number}.vtt</a>" in finder.controls.saved.value
    monkeypatch.setattr(segment_files, "write_atomically", full_disk)
    finder.controls.save.click()
    assert "Not saved: moments-3.vtt: No space left" in finder.controls.saved.value
    assert not (tmp_path / "moments-3.vtt").exists()


def test_a_link_to_other_segments_goes_with_them(finder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = [
        lambda: finder.move(0, end_seconds=0.5),
        finder.controls.reset.click,
        lambda: finder.find("moves"),
        lambda: finder._open_chosen("green left.mp4"),
    ]
    for change in changes:
        finder.controls.save.click()
        assert "<a " in finder.controls.saved.value
        finder.find("?!")  # what is below stays, and so does the link
        assert "<a " in finder.controls.saved.value
        change()
        assert finder.controls.saved.value == ""


def full_disk(path, content):
    raise OSError(28, "No space left on device; free some space and run again", str(path))


def test_it_is_made_again_from_its_parameters(finder, tiny_retriever):
    finder.move(1, 1.5, 2.5)
    parameters = json.loads(json.dumps(finder.parameters()))
    again = MomentFinder.reopened(tiny_retriever, **parameters)
    assert again.segments.equals(finder.segments)
    assert again.parameters() == finder.parameters()
    finder.find("?!")  # what is below stays, and so do the parameters
    assert finder.parameters() == parameters


def test_standing_still_it_shows_and_says_the_same(finder):
    sentence = finder.still().sentence
    assert sentence.startswith("Moments in red right.mp4. 2 steps in order.")
    assert "of the 1 with a known time" in sentence
    assert "mmlab-moments" in finder._dom_classes


def test_in_a_notebook_the_kernel_stays_free_and_hears_how_far_it_is(finder):
    heard = []
    finder.controls.message.observe(lambda change: heard.append(change["new"]), "words")

    async def ask():
        finder.controls.steps.value = "moves on\na red square"
        finder.controls.among.value = "video"
        assert finder.segments.step.tolist() == STEPS  # not yet
        while finder.segments.step.tolist() == STEPS:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(ask(), 60))
    assert finder.segments.step.tolist() == ["moves on", "a red square"]
    assert "Looking through the video: 100 % …" in heard
    assert heard[-1].startswith("2 steps in order.")


def test_another_video_does_not_wait_until_a_long_file_is_read(
    finder, tiny_retriever, media_folder, monkeypatch
):
    shares, heard = [], []

    def read_slowly(path, on_progress):
        for share in range(1000):
            shares.append(share)
            on_progress(share / 1000)
            time.sleep(0.01)
        raise ValueError("read to its end")

    monkeypatch.setattr(tiny_retriever.dataset, "extract", read_slowly)
    finder.controls.message.observe(lambda change: heard.append(change["new"]), "words")

    async def choose():
        finder._opened.add(film)
        finder.controls.media.value = film
        while not shares:
            await asyncio.sleep(0.01)
        finder.controls.steps.value = "moves on\na red square"  # of the same file: it goes on
        before = len(shares)
        while len(shares) < before + 3:
            await asyncio.sleep(0.01)
        finder.controls.media.value = "green left.mp4"
        while finder.segments.empty:
            await asyncio.sleep(0.01)

    film = str(media_folder / "red right.mp4")
    asyncio.run(asyncio.wait_for(choose(), 60))
    assert len(shares) < 1000
    assert finder.segments.step.tolist() == ["moves on", "a red square"]
    assert not any("Not found" in words for words in heard)


def test_a_search_keeps_a_few_videos(tiny_retriever):
    search = MomentSearch(tiny_retriever)
    for media in ("red right.mp4", "green left.mp4", "blue mute.mp4"):
        for among in ("video", "video+audio"):
            assert isinstance(search.look(Wish(media, ["square"], among)), Found)
    assert len(search._videos) == 4
    assert search.combinations == ["video", "audio", "video+audio"]
    assert search.combination("") == "video+audio"
