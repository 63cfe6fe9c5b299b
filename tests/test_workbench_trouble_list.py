"""The lists of trouble: each is found once, said in a sentence, and shown with players."""

from __future__ import annotations

import asyncio

import pytest

from mmlab.workbench import trouble_list
from mmlab.workbench.trouble_list import LISTS, LOOKING, TroubleList

ALIKE, AGAINST, LIFELESS = LISTS


def message(view):
    return view.gallery.message.value


def test_clips_whose_sound_disagrees_are_listed_with_players(tiny_retriever):
    view = TroubleList(tiny_retriever, shown=AGAINST)
    assert message(view).startswith(
        "The 4 clips whose caption ranks their own sound lowest among 4 sounds: "
    )
    headings = [card.heading for card in view.gallery.cards.children]
    assert headings[0].startswith(view.table["heading"][0])
    assert view.picture().png().startswith(b"\x89PNG")


def test_nothing_found_is_a_sentence(tiny_retriever):
    view = TroubleList(tiny_retriever, shown=ALIKE)
    assert message(view) == "No two clips have captions that say nearly the same."
    assert view.table.empty
    view.lists.value = LIFELESS
    assert message(view) == "No clip is silent or has a still picture."


def test_it_opens_on_the_first_list_that_has_a_clip(tiny_retriever, monkeypatch):
    view = TroubleList(tiny_retriever)
    assert view.lists.value == AGAINST
    assert len(view.table) == 4
    assert TroubleList(tiny_retriever, shown=ALIKE).lists.value == ALIKE
    for name in LISTS:
        monkeypatch.setitem(LISTS, name, LISTS[LIFELESS])
    view = TroubleList(tiny_retriever)
    assert view.lists.value == ALIKE
    assert message(view) == "No clip is silent or has a still picture."


@pytest.mark.parametrize("pressed", [None, LIFELESS, AGAINST])
def test_in_a_notebook_it_opens_so_unless_another_is_pressed(tiny_retriever, pressed):
    async def look():
        view = TroubleList(tiny_retriever)
        assert (view.lists.value, message(view)) == (ALIKE, LOOKING)  # the kernel stays free
        if pressed:
            view.lists.value = pressed
        while view._newest._shown < view._newest._wished:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(asyncio.wait_for(look(), 60))
    assert view.lists.value == (pressed or AGAINST)
    assert len(view.table) == (0 if pressed == LIFELESS else 4)
    assert message(view) != LOOKING


def test_alike_captions_are_counted(tiny_retriever):
    dataset = tiny_retriever.dataset
    dataset.manifest = dataset.manifest.assign(
        text=["one two three", "three two one", "else", "One, two: three", "other"]
    )
    view = TroubleList(tiny_retriever)
    assert message(view).startswith("3 captions in 1 group say nearly the same")
    assert len(view.gallery.cards.children) == 3


def test_a_clip_that_is_silent_and_still_is_one_card(tiny_retriever, monkeypatch):
    rows = tiny_retriever.dataset.manifest[["clip_id", "text"]].head(1)
    for name, heading in (("silent_clips", "silent"), ("static_clips", "still")):
        monkeypatch.setattr(
            trouble_list, name, lambda _, heading=heading: rows.assign(heading=heading)
        )
    view = TroubleList(tiny_retriever, shown=LIFELESS)
    assert view.table["heading"].tolist() == ["silent · still"]
    assert message(view) == "1 clip silent, 1 clip with a still picture."


def test_a_list_is_looked_for_once(tiny_retriever, monkeypatch):
    asked = []
    found = LISTS[AGAINST]
    monkeypatch.setitem(LISTS, AGAINST, lambda retriever: asked.append(1) or found(retriever))
    view = TroubleList(tiny_retriever, shown=AGAINST)
    for name in (ALIKE, AGAINST, LIFELESS, AGAINST):
        view.lists.value = name
    assert asked == [1]
    assert len(view.table) == 4


def test_a_page_of_cards_ends_with_a_whole_row(tiny_retriever):
    assert TroubleList(tiny_retriever).gallery.per_page == 10  # five stand in a row


def test_what_cannot_be_listed_is_a_sentence(tiny_retriever, monkeypatch):
    def refuse(retriever):
        raise ValueError("no <b>sound</b> at all")

    monkeypatch.setitem(LISTS, AGAINST, refuse)
    view = TroubleList(tiny_retriever, shown=AGAINST)
    assert message(view) == "no &lt;b&gt;sound&lt;/b&gt; at all"
    assert view.table.empty


def test_it_is_made_again_from_its_parameters(tiny_retriever):
    view = TroubleList(tiny_retriever)
    view.lists.value = AGAINST
    again = TroubleList.reopened(tiny_retriever, **view.parameters())
    assert again.lists.value == AGAINST


def test_wrong_arguments_are_named(tiny_retriever):
    with pytest.raises(ValueError, match="shown is one of Captions nearly the same"):
        TroubleList(tiny_retriever, shown="everything")
