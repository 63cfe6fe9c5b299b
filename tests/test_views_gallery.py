from types import SimpleNamespace

import pandas as pd
import pytest

from mmlab.views.gallery import ClipGallery

FILES = ["red right.mp4", "green left.mp4", "gone.mp4"]


@pytest.fixture
def dataset(media_folder):
    """Twenty clips; every third one's file is gone."""
    ids = [f"clip{n}" for n in range(20)]
    manifest = pd.DataFrame(
        {"clip_id": ids, "text": [f"<i>{n}</i>" for n in range(20)], "start_seconds": 0.5}
    ).assign(end_seconds=2.0)
    return SimpleNamespace(
        manifest=manifest,
        row_of=ids.index,
        media_path=lambda row: media_folder / FILES[row % 3],
    )


def rows(*numbers, **columns):
    return pd.DataFrame({"clip_id": [f"clip{n}" for n in numbers], **columns})


def headings(gallery):
    return [player.heading for player in gallery.cards.children]


def captions(gallery):
    return [player.caption for player in gallery.cards.children]


def test_without_clips_there_is_a_sentence(dataset):
    gallery = ClipGallery(dataset, empty="Draw a lasso.")
    assert gallery.message.value == "Draw a lasso."
    assert gallery.cards.children == ()
    assert gallery.pager.layout.display == "none"
    assert "Draw a lasso." in gallery.still().sentence
    gallery.show(rows(1))
    assert gallery.message.layout.display == "none"
    gallery.show(rows())
    assert gallery.message.value == "Draw a lasso."


def test_every_clip_is_shown_once_on_one_of_the_pages(dataset):
    gallery = ClipGallery(dataset, rows(*range(20)), per_page=8)
    seen, places = [], []
    for _ in range(3):
        seen += captions(gallery)
        places.append(gallery.place.value)
        gallery.next.click()
    assert seen[:20] == [f"<i>{n}</i>" for n in range(20)]  # text, which the player never parses
    assert places == ["1–8 of 20", "9–16 of 20", "17–20 of 20"]


def test_pages_end(dataset):
    gallery = ClipGallery(dataset, rows(*range(5)), per_page=3)
    assert (gallery.back.disabled, gallery.next.disabled) == (True, False)
    gallery.next.click()
    assert (gallery.back.disabled, gallery.next.disabled) == (False, True)
    gallery.back.click()
    assert captions(gallery) == ["<i>0</i>", "<i>1</i>", "<i>2</i>"]
    gallery.next.click()
    gallery.show(rows(4, 3, 2, 1))
    assert gallery.place.value == "1–3 of 4"


def test_players_are_kept(dataset):
    gallery = ClipGallery(dataset, rows(0, 1, 2))
    before = gallery.cards.children
    gallery.show(rows(3))
    gallery.show(rows(4, 5, 6))
    assert gallery.cards.children == before


def test_a_clip_in_several_combinations_is_one_card(dataset):
    clips = rows(3, 1, 3, combination=["video", "audio", "text"])
    gallery = ClipGallery(dataset, clips)
    assert headings(gallery) == ["video, text · 0.5–2.0 s", "audio · 0.5–2.0 s"]
    assert len(gallery.clips) == 3


def test_headings(dataset):
    ranked = ClipGallery(dataset, rows(1, 2, rank=[1, 2], score=[0.834, 0.5]))
    assert headings(ranked)[0] == "1 · score 0.83 · 0.5–2.0 s"
    assert headings(ClipGallery(dataset, rows(1, heading=["its own"]))) == ["its own · 0.5–2.0 s"]


def test_posters_wait(dataset):
    gallery = ClipGallery(dataset, rows(0, 1))
    assert [player.poster for player in gallery.cards.children] == [b"", b""]


def test_media_that_are_gone_are_a_sentence(dataset):
    gallery = ClipGallery(dataset, rows(2))
    assert "no such file" in gallery.cards.children[0].message
    assert gallery.still().png()


def test_unknown_clips_are_left_out_and_said(dataset):
    gallery = ClipGallery(dataset, rows(1, 99, 98))
    assert captions(gallery) == ["<i>1</i>"]
    assert gallery.message.value == "The dataset does not have the clips of 2 rows."
    assert list(gallery.clips.clip_id) == ["clip1"]


def test_one_of_something_is_no_plural(dataset):
    gallery = ClipGallery(dataset, rows(1, 99))
    assert gallery.message.value == "The dataset does not have the clips of 1 row."
    assert gallery.still().sentence.startswith("A gallery of 1 clip. ")


def test_a_message_is_text(dataset):
    gallery = ClipGallery(dataset)
    gallery.show(rows(1), message="<script> & more")
    assert gallery.message.value == "&lt;script&gt; &amp; more"
    assert "<script> & more" in gallery.still().sentence


def test_choosing_a_card_tells_its_clip(dataset):
    chosen = []
    gallery = ClipGallery(dataset, rows(*range(5)), per_page=3, on_choose=chosen.append)
    gallery.next.click()
    cards = gallery.cards.children
    cards[1]._handle_custom_msg({"kind": "chosen"}, [])
    assert chosen == ["clip4"]
    assert ["mmlab-chosen" in card._dom_classes for card in cards] == [False, True]
    gallery.back.click()
    assert not any("mmlab-chosen" in card._dom_classes for card in gallery.cards.children)


def test_without_a_dataset_there_are_words(dataset):
    gallery = ClipGallery(None, rows(1, 2, text=["first", "second"], score=[0.5, 0.25]))
    assert captions(gallery) == ["first", "second"]
    assert headings(gallery) == ["score 0.50", "score 0.25"]
    assert gallery.cards.children[0].message == "There is no media file."
    assert "First: “first”" in gallery.still().sentence


def test_wrong_arguments_are_named(dataset):
    with pytest.raises(ValueError, match="clip_id"):
        ClipGallery(dataset, pd.DataFrame({"clip": [1]}))
    with pytest.raises(ValueError, match="per_page"):
        ClipGallery(dataset, per_page=0)
