import random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmlab.question import Asker, Question
from mmlab.workbench.comparison import HINT, SAME, Comparison
from mmlab.workbench.workbench import COMPARISON, Workbench


def compared(joint, late, **columns):
    """A comparison of clips by their ranks in both, None for a missing one."""
    ids = [f"clip{n}" for n in range(len(joint))]
    ranks = {"joint_rank": joint, "late_rank": late}
    scores = {"joint_score": np.linspace(1, 0, len(ids)), "late_score": 0.5}
    return pd.DataFrame({"clip_id": ids, "text": ids, **ranks, **scores, **columns})


@pytest.fixture
def dataset(media_folder):
    manifest = pd.DataFrame({"clip_id": ["clip0", "clip1"], "text": ["<b>red</b>", "gone"]})
    manifest = manifest.assign(start_seconds=0.5, end_seconds=2.0)
    files = ["red right.mp4", "gone.mp4"]
    return SimpleNamespace(
        manifest=manifest,
        row_of=manifest["clip_id"].tolist().index,
        media_path=lambda row: media_folder / files[row],
    )


@pytest.fixture
def bench(tiny_retriever):
    return Workbench(tiny_retriever, top=3)


def sent(widget, monkeypatch):
    messages = []
    monkeypatch.setattr(widget, "send", lambda *message: messages.append(message))
    return messages


def test_what_changed_is_counted():
    comparison = Comparison()
    comparison.show(compared([1, 2, 3, 4, 9], [1, 3, 2, 30, 4]), top=4)
    assert comparison.status.words == (
        "5 clips are among the 4 best of either. Joint fusion has 1 that late fusion lacks, "
        "lacks 1 that late fusion has, ranks 1 higher, ranks 1 lower, ranks 1 the same."
    )
    comparison.show(compared([1, 2], [1, 2]), top=10)
    assert comparison.status.words.endswith("the 2 best of either. Joint fusion ranks 2 the same.")


def test_the_sentence_against_a_loop():
    generator = random.Random(0)
    comparison = Comparison()
    for _ in range(50):
        joint, late = (generator.sample(range(1, 13), 12) for _ in range(2))
        comparison.show(compared(joint, late), top=5)
        new, out = "has {} that late fusion lacks", "lacks {} that late fusion has"
        kinds = {new: 0, out: 0, "ranks {} higher": 0, "ranks {} lower": 0, "ranks {} the same": 0}
        for one, other in zip(joint, late, strict=True):
            if one <= 5:
                kind = "the same" if other == one else "higher" if other > one else "lower"
                kinds[new if other > 5 else f"ranks {{}} {kind}"] += 1
            kinds[out] += other <= 5 < one
        for kind, count in kinds.items():
            assert (f" {kind.format(count)}" in comparison.status.words) == (count > 0)
        assert comparison.status.words.startswith(f"{5 + kinds[new]} clips are among the 5 best")


def test_no_column_has_a_gap():
    comparison = Comparison()
    comparison.show(compared([1, 2, 3, 5], [2, 1, 4, 3]))
    assert comparison.board.top == 3
    comparison.show(compared([1, 2, 3, 5], [2, 1, 4, 3]), top=4)
    assert comparison.board.top == 3


def test_before_a_question_there_is_a_hint():
    comparison = Comparison()
    assert comparison.status.words == HINT
    assert comparison.board.rows == []
    assert comparison.board.top == 0
    assert comparison.still().png()


def test_where_there_is_nothing_to_fuse_no_rows_claim_it():
    comparison = Comparison()
    comparison.show(compared([1, 2], [1, 2]))
    comparison.show_same()
    assert (comparison.status.words, comparison.board.rows) == (SAME, [])
    assert SAME in comparison.still().sentence


def test_missing_ranks_and_scores_reach_the_browser_as_nothing():
    comparison = Comparison()
    table = compared([1.0, np.nan], [np.nan, 1.0], joint_score=[0.5, np.nan])
    comparison.show(table)
    assert [(row["joint_rank"], row["late_rank"]) for row in comparison.board.rows] == [
        (1, None),
        (None, 1),
    ]
    assert [row["joint_score"] for row in comparison.board.rows] == [0.5, None]
    assert comparison.board.top == 1
    assert "has 1 that late fusion lacks" in comparison.status.words


def test_captions_are_text_of_bounded_length():
    comparison = Comparison()
    comparison.show(compared([1, 2], [2, 1], text=["<b>bold</b>", "on and " * 100]))
    first, second = (row["caption"] for row in comparison.board.rows)
    assert first == "<b>bold</b>"
    assert len(second) == 160


def test_a_table_of_something_else_is_named():
    with pytest.raises(ValueError, match="it lacks late_rank"):
        Comparison().show(compared([1], [1]).drop(columns="late_rank"))


def test_a_pressed_answer_is_marked_played_and_told(dataset, monkeypatch):
    chosen = []
    comparison = Comparison(dataset, on_choose=chosen.append)
    comparison.show(compared([1, 2], [2, 1]))
    played = sent(comparison.player, monkeypatch)
    assert comparison._side.layout.display == "none", "there is nothing to play yet"
    comparison.board._handle_custom_msg({"kind": "chosen", "clip_id": "clip0"}, [])
    assert chosen == ["clip0"]
    assert comparison.board.chosen == "clip0"
    assert comparison._side.layout.display is None
    assert comparison.player.media_path.name == "red right.mp4"
    assert comparison.player.caption == "<b>red</b>"
    assert ({"kind": "play"},) in played


def test_posters_are_sent_when_they_are_asked_for(dataset, monkeypatch):
    comparison = Comparison(dataset)
    comparison.show(compared([1, 2], [2, 1]))
    messages = sent(comparison.board, monkeypatch)
    for clip_id in ("clip0", "clip1", "another dataset's"):
        comparison.board._handle_custom_msg({"kind": "poster", "clip_id": clip_id}, [])
    assert [message["clip_id"] for message, _ in messages] == ["clip0", "clip1"]
    assert all(buffers[0].startswith(b"\xff\xd8") for _, buffers in messages)  # JPEG


def test_without_a_dataset_there_are_words(monkeypatch):
    comparison = Comparison()
    comparison.show(compared([1], [1]))
    messages = sent(comparison.board, monkeypatch)
    comparison.board._handle_custom_msg({"kind": "poster", "clip_id": "clip0"}, [])
    comparison.choose("clip0")
    assert messages == []
    assert comparison.player not in comparison.children[1].children


def test_a_real_question(tiny_retriever):
    ids = tiny_retriever.dataset.manifest["clip_id"]
    table = Asker(tiny_retriever).compare(Question.of(text="a red square", video=ids[0]), top=3)
    comparison = Comparison(tiny_retriever.dataset)
    comparison.show(table, top=3)
    assert comparison.board.top == 3
    ranked = sorted(row["joint_rank"] for row in comparison.board.rows if row["joint_rank"] <= 3)
    assert ranked == [1, 2, 3]
    still = comparison.still()
    assert still.png()
    assert "among the 3 best of either" in still.sentence


def test_the_comparison_is_of_as_many_as_are_shown(bench):
    ids = bench.retriever.dataset.manifest["clip_id"]
    bench.ask(text="a red square", video=ids[0])
    bench.tabs.value = COMPARISON
    assert bench.comparison.top == len(bench.answers) == 3
    assert "among the 3 best of either" in bench.comparison.status.words


def test_one_part_and_one_modality_are_not_compared(bench):
    bench.tabs.value = COMPARISON
    bench.ask(text="a red square", among="video")
    assert (bench.comparison.rows, bench.comparison.status.words) == ([], SAME)
    bench.ask(text="a red square", among="video+audio")
    assert bench.comparison.rows
