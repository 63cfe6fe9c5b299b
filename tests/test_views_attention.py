from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmlab.views.attention import AttentionView, _merge, spectrogram_image, word_attention
from mmlab.views.attention_picture import attention_picture, links_table

WORDS = ["mash", "two", "bananas"]
LAYOUT = [("text", n) for n in range(4)] + [("video", n) for n in range(3)] + [("audio", 0)]
SECONDS = {
    "video": np.array([[5, 6], [6, 7], [7, 8]]),
    "audio": np.array([[5.2, 5.84]]),
}


@pytest.fixture
def weights():
    values = np.random.default_rng(0).gamma(0.5, size=(2, 8, 8))
    return values / values.sum(axis=-1, keepdims=True)


def test_every_word_meets_every_second_and_padding_none(weights):
    table = word_attention(weights, LAYOUT, SECONDS, WORDS)
    assert len(table) == len(WORDS) * 4  # the fourth text token is padding
    for link in table.itertuples():
        column = LAYOUT.index(
            (link.modality, SECONDS[link.modality][:, 0].tolist().index(link.start_seconds))
        )
        expected = np.mean([head[link.word_number, column] for head in weights])
        assert link.weight == pytest.approx(expected)
        assert link.word == WORDS[link.word_number]


def test_one_head(weights):
    table = word_attention(weights, LAYOUT, SECONDS, WORDS, head=1)
    assert table.weight.iloc[0] == pytest.approx(weights[1, 0, 4])


def test_the_order_of_tokens_does_not_matter(weights):
    order = np.random.default_rng(1).permutation(8)
    moved = weights[:, order][:, :, order]
    plain = word_attention(weights, LAYOUT, SECONDS, WORDS)
    shuffled = word_attention(moved, [LAYOUT[n] for n in order], SECONDS, WORDS)
    keys = ["word_number", "modality", "start_seconds"]
    a, b = (t.sort_values(keys).reset_index(drop=True) for t in (plain, shuffled))
    np.testing.assert_allclose(a.weight, b.weight)


@pytest.mark.parametrize(("words", "seconds"), [([], SECONDS), (WORDS, {})])
def test_without_words_or_seconds_the_table_is_empty(weights, words, seconds):
    table = word_attention(weights, LAYOUT, seconds, words)
    assert len(table) == 0
    assert "weight" in table


def test_strongest_links_come_first(weights):
    table = word_attention(weights, LAYOUT, SECONDS, WORDS)
    rows = links_table(table, 3)
    shares = [float(row[3].removesuffix(" %")) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert rows[0][1] in ("picture", "sound")


@pytest.mark.parametrize(("frames", "tokens"), [(0, 0), (1, 1), (64, 1), (65, 2), (300, 5)])
def test_merged_frames_cover_all_their_seconds(frames, tokens):
    starts = 5 + np.arange(frames) / 100
    merged = _merge(np.stack([starts, starts + 0.01], axis=1), 64)
    assert merged.shape == (tokens, 2)
    if tokens:
        assert merged[0, 0] == 5
        assert merged[-1, 1] == pytest.approx(5 + frames / 100)
        np.testing.assert_allclose(merged[1:, 0], merged[:-1, 1])


def test_low_sounds_lie_at_the_bottom():
    loud_below = np.full((7, 40), -80.0)
    loud_below[:, 0] = 0.0
    image = spectrogram_image(loud_below)
    assert image.shape == (40, 7, 3)
    assert image[-1].sum() > image[0].sum()


def draw(table, caption="mash two bananas", sound=40):
    strip = np.zeros((30, 400, 3), np.uint8)
    log_mel = np.zeros((200, sound)) if sound else np.zeros((0, 40))
    return attention_picture(
        table, chosen=1, span=(5.0, 7.5), caption=caption, strip=strip, log_mel=log_mel
    )


def test_still_names_the_strongest_link(weights):
    table = word_attention(weights, LAYOUT, SECONDS, WORDS)
    strongest = table.loc[table.weight.idxmax()]
    assert f"Strongest: “{strongest.word}”" in draw(table).sentence


@pytest.mark.parametrize("caption", ["", "<script>$x$</script>", "word " * 200])
def test_odd_captions_are_drawn(weights, caption):
    words = caption.split()
    count = len(words)
    layout = [("text", n) for n in range(count)] + [("video", 0), ("video", 1)]
    uniform = np.full((1, count + 2, count + 2), 1 / (count + 2))
    table = word_attention(uniform, layout, {"video": SECONDS["video"]}, words)
    picture = draw(table, caption, sound=0)
    assert picture.png()[:4] == b"\x89PNG"
    assert picture.figure.get_size_inches()[1] < 12


def fake_retriever(path, words, audio_frames):
    """One clip of two seconds in a model of one block, two heads and uniform attention."""
    audio_tokens = -(-audio_frames // 64)
    count = len(words) + 2 + audio_tokens
    kinds = {"text": len(words), "video": 2, "audio": audio_tokens}
    frames = np.arange(audio_frames)[:, None] + [0, 1]
    clip = SimpleNamespace(
        words=words,
        text=" ".join(words),
        start_seconds=0.0,
        end_seconds=2.0,
        tokens={"audio": torch.zeros(audio_frames, 40)},
        token_seconds={"video": np.array([[0, 1], [1, 2]]), "audio": frames / 100}.__getitem__,
    )
    attention = SimpleNamespace(
        weights=[torch.full((1, 2, count, count), 1 / count)],
        modality=[name for name, number in kinds.items() for _ in range(number)],
        position=[place for number in kinds.values() for place in range(number)],
    )
    encoders = {"text": None, "video": None, "audio": SimpleNamespace(frames_per_token=64)}
    modalities = [SimpleNamespace(name=name, encoder=one) for name, one in encoders.items()]
    model = SimpleNamespace(
        config=SimpleNamespace(names=tuple(encoders), modalities=modalities),
        attention=lambda batch, combination: attention,
    )
    dataset = SimpleNamespace(
        row_of=lambda clip_id: 0, media_path=lambda row: path, batch=lambda rows: {}
    )
    dataset_type = type("Clips", (SimpleNamespace,), {"__getitem__": lambda self, row: clip})
    return SimpleNamespace(model=model, dataset=dataset_type(**vars(dataset)))


def test_view_shows_picture_sound_and_their_heat(media_folder):
    retriever = fake_retriever(media_folder / "red right.mp4", ["now", "mash", "it"], 200)
    view = AttentionView(retriever, "clip", word="mash")
    assert view.word.value == 1
    labels = [row["label"] for row in view.lanes.rows]
    assert labels == ["picture", "heat over picture", "sound, low to high", "heat over sound"]
    assert len(view.lanes.rows[3]["cells"]) == 4
    view.head.value = "head 2"
    view.choose("it")
    assert view.word.value == 2
    with pytest.raises(ValueError, match="no word 'fry': now, mash, it"):
        view.choose("fry")


@pytest.mark.parametrize("name", ["red right.mp4", "only sound.mp4", "gone.mp4"])
@pytest.mark.parametrize("words", [[], ["<b>"]])
def test_view_of_a_clip_that_lacks_something(media_folder, name, words):
    view = AttentionView(fake_retriever(media_folder / name, words, 0), "clip")
    assert view.still().png()[:4] == b"\x89PNG"
    assert "<b>" not in view.links.value
