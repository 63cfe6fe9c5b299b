import pytest

from mmlab.question import Part, Question
from mmlab.workbench.composer import Composer
from mmlab.workbench.part_row import TYPING_PAUSE_SECONDS, ClipLabels


@pytest.fixture
def heard():
    return []


@pytest.fixture
def composer(tiny_retriever, heard):
    return Composer(tiny_retriever, heard.append, top=3)


@pytest.fixture
def ids(tiny_retriever):
    """Of clips with picture and sound."""
    manifest = tiny_retriever.dataset.manifest
    return manifest.clip_id[manifest.media_path == "red right.mp4"].tolist()


def test_nothing_filled_in_is_a_question_without_parts(composer):
    assert composer.question == Question(())
    assert all(row.weight.disabled for row in composer.rows)


def test_every_row_gives_its_part(composer, ids, media_folder):
    words, picture, sound, file = composer.rows
    words.text.value = "  a red square "
    picture.clip.value = picture.labels.label_of(ids[0])
    sound.clip.value = ids[1]
    file.drop.show(media_folder / "only sound.mp4", "mine.mp4")
    file._on_file()
    picture.weight.value, sound.weight.on = 0.25, False
    assert composer.question.parts == (
        Part("text", "a red square"),
        Part("video", ids[0], 0.25),
        Part("audio", ids[1], on=False),
        Part("audio", str(media_folder / "only sound.mp4"), label="mine.mp4"),
    )
    assert not any(row.weight.disabled for row in composer.rows)


def test_what_is_filled_in_comes_back(composer, ids, media_folder):
    file = str(media_folder / "red right.mp4")
    question = Question(
        (
            Part("text", "slice", 0.3),
            Part("video", ids[1], on=False),
            Part("audio", ids[0], 0.0),
            Part("video", file, 0.5, label="mine.mp4"),
            Part("audio", file, 0.5, label="mine.mp4"),
        ),
        without=("onion", "a knife"),
        strength=0.8,
        among="audio",
        fusion="late",
    )
    composer.fill(question)
    assert composer.question == question
    composer.fill(Question(()))
    assert composer.question == Question(())


def test_who_fills_it_in_is_not_called_back(composer, heard):
    composer.fill(Question.of(text="slice", without="onion", fusion="late"))
    assert heard == []
    composer.rows[0].text.value = "slices"
    composer.rows[0].weight.value = 0.5
    composer.rows[0].weight.on = False
    composer.without.value = ""
    composer.fusion.value = "joint"
    assert heard == [TYPING_PAUSE_SECONDS, 0.0, 0.0, TYPING_PAUSE_SECONDS, 0.0]


def test_clear_asks_anew_among_the_same(composer, heard):
    composer.fill(Question.of(text="slice", without="onion", among="audio"))
    composer.clear.click()
    assert composer.question == Question((), among="audio")
    assert heard == [0.0]


@pytest.mark.parametrize(
    ("among", "expected"), [("", ""), ("audio+video", ""), ("audio", "audio"), ("text", "text")]
)
def test_the_usual_combination_is_none(composer, among, expected):
    composer.fill(Question.of(text="slice", among=among))
    assert composer.question.among == expected


def test_an_unknown_combination_is_refused(composer):
    with pytest.raises(ValueError, match="smell"):
        composer.fill(Question.of(text="slice", among="smell"))


def test_an_unknown_clip_is_refused_with_a_sentence(composer):
    composer.rows[1].clip.value = "no such <clip>"
    with pytest.raises(ValueError, match="There is no clip “no such <clip>”; choose one"):
        _ = composer.question


def test_more_parts_than_rows_are_refused_and_the_others_filled_in(composer):
    question = Question((Part("text", "slice"), Part("text", "pour")))
    with pytest.raises(ValueError, match="cannot show “pour”"):
        composer.fill(question)
    assert composer.question.parts == (Part("text", "slice"),)


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("red right.mp4", [("video", "audio"), ("video",), ("audio",)]),
        ("blue mute.mp4", [("video",)]),
        ("only sound.mp4", [("audio",)]),
    ],
)
def test_a_file_is_asked_by_what_it_has(composer, media_folder, name, offered):
    file = composer.rows[-1]
    file.drop.show(media_folder / name, "<b>mine</b>")
    file._on_file()
    assert [value for _, value in file.use.options] == offered
    assert [part.modality for part in composer.question.parts] == list(offered[0])
    file.use.value = offered[-1]
    assert [part.modality for part in composer.question.parts] == list(offered[-1])
    file.drop.show(None)
    file._on_file()
    assert composer.question.parts == ()
    assert file.weight.disabled


def test_a_player_for_each_medium_that_stays_while_it_is_asked(composer, ids):
    same = (Part("video", ids[0]), Part("audio", ids[0]), Part("text", "slice"))
    composer.asked_with.show(same)
    (player,) = composer.asked_with.children
    assert player.heading == "Asked: its picture and sound"
    composer.asked_with.show((Part("audio", ids[0], 0.5), Part("video", ids[1])))
    assert composer.asked_with.children[0] is player
    assert [one.heading for one in composer.asked_with.children] == [
        "Asked: its sound",
        "Asked: its picture",
    ]
    assert "mmlab-asked-several" in composer.asked_with._dom_classes
    composer.asked_with.show(())
    assert "mmlab-asked-several" not in composer.asked_with._dom_classes
    (nothing,) = composer.asked_with.children
    assert nothing.value == "What you ask with plays here."
    assert composer.asked_with.layout.display is None, "its place is kept"


def test_labels_of_clips_and_back(tiny_retriever):
    manifest = tiny_retriever.dataset.manifest
    labels = ClipLabels(manifest)
    for clip_id in manifest.clip_id:
        assert labels.clip_of(labels.label_of(clip_id)) == labels.clip_of(clip_id) == clip_id
    assert len(labels.offered) == len(manifest)
    assert "nothing" not in labels


def test_of_many_clips_the_first_are_listed_and_any_is_known(tiny_retriever, monkeypatch):
    monkeypatch.setattr("mmlab.workbench.part_row.MOST_OFFERED", 2)
    manifest = tiny_retriever.dataset.manifest
    labels = ClipLabels(manifest)
    assert len(labels.offered) == 2
    assert f"2 of {len(manifest)} are listed" in labels.hint
    last = manifest.clip_id.iloc[-1]
    assert labels.clip_of(last) == labels.label_of(last) == last


def test_a_strength_beyond_the_slider_makes_it_longer(composer):
    composer.fill(Question.of(text="slice", without="onion", strength=2.5))
    assert composer.question.strength == composer.strength.most == 2.5
    composer.fill(Question.of(text="slice", without="onion"))
    assert composer.strength.most == 1.0


def test_the_strength_of_without_waits_for_a_word(composer, tiny_retriever):
    assert composer.strength.disabled
    composer.without.value = "blue"
    assert not composer.strength.disabled
    composer.without.value = " , "
    assert composer.strength.disabled
    composer.fill(Question.of(text="slice", without="onion"))
    assert not composer.strength.disabled
    captions = " ".join(tiny_retriever.dataset.manifest["text"]).lower()
    examples = composer.without.placeholder.removesuffix(" …").split(", ")
    assert len(examples) == 2
    assert all(word in captions for word in examples)
