"""The model against the published code's numbers, and what must never change a result."""

from dataclasses import replace

import pytest
import torch

from mmlab.losses import combinatorial_loss, pair_name
from mmlab.model import FusionModel, ModalityConfig, ModelConfig
from mmlab.model.packing import Sequences
from mmlab.types import Tokens, all_combinations, pad_tokens

CONFIG = ModelConfig.sample(video_width=12, text_width=10)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return FusionModel(CONFIG).eval()


def random_items(lengths: list[tuple[int, int, int]]) -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    widths = [modality.width for modality in CONFIG.modalities]
    return [
        [torch.randn(n, w, generator=generator) for n, w in zip(item, widths, strict=True)]
        for item in lengths
    ]


def batch_of(items: list[list[torch.Tensor]]) -> dict[str, Tokens]:
    return {
        modality.name: pad_tokens([item[column] for item in items], modality.width)
        for column, modality in enumerate(CONFIG.modalities)
    }


LENGTHS = [(3, 4, 300), (1, 2, 77), (5, 0, 641), (0, 3, 64), (4, 5, 0), (0, 0, 130)]


def test_an_item_embeds_the_same_alone_and_in_a_batch(model):
    items = random_items(LENGTHS)
    together = model.embed(batch_of(items))
    for row, item in enumerate(items):
        alone = model.embed(batch_of([item]))
        for names in all_combinations():
            torch.testing.assert_close(
                together.vectors[names][row], alone.vectors[names][0], atol=1e-5, rtol=0
            )


def test_token_order_does_not_matter(model):
    text, video, audio = random_items([(6, 5, 128)])[0]
    shuffled = [text[torch.randperm(6)], video[torch.randperm(5)], audio]
    one, other = model.embed(batch_of([[text, video, audio]])), model.embed(batch_of([shuffled]))
    for names in all_combinations():
        torch.testing.assert_close(one.vectors[names], other.vectors[names], atol=1e-5, rtol=0)


def test_missing_modality_takes_no_part(model):
    found = model.embed(batch_of(random_items([(4, 5, 0)]))).vectors
    torch.testing.assert_close(found[("text", "video", "audio")], found[("text", "video")])
    assert found[("audio",)].abs().sum() == 0


def test_vectors_have_unit_length_and_the_batch_is_untouched(model):
    batch = batch_of(random_items(LENGTHS))
    before = {name: (t.values.clone(), t.mask.clone()) for name, t in batch.items()}
    vectors = model.embed(batch).vectors
    torch.testing.assert_close(vectors[("video", "audio")].norm(dim=1), torch.ones(len(LENGTHS)))
    for name, (values, mask) in before.items():
        assert torch.equal(batch[name].values, values)
        assert torch.equal(batch[name].mask, mask)


def test_attention_rows_sum_to_one_over_real_tokens(model):
    batch = batch_of(random_items(LENGTHS[:3]))
    attention = model.attention(batch, "text+video+audio")
    weights = attention.weights[0]
    assert weights.shape[1:] == (CONFIG.heads, len(attention.modality), len(attention.modality))
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    padding = ~attention.mask[:, None, None].expand_as(weights)
    assert weights[padding].abs().max() == 0
    assert attention.modality.count("audio") == -(-641 // 64)


def test_attention_weights_are_the_ones_the_model_uses(model):
    attention = model.transformers["shared"].blocks[0].attention
    rows, mask = torch.randn(10, CONFIG.token_width), torch.ones(2, 5, dtype=torch.bool)
    sequence = Sequences(torch.arange(10).view(2, 5), mask, torch.zeros(5, dtype=torch.long))
    value = attention._split(attention.qkv(rows), sequence)[2]
    mixed = (attention.weights(rows, sequence) @ value).transpose(1, 2).reshape(10, -1)
    torch.testing.assert_close(attention(rows, [sequence]), attention.out(mixed))


def test_a_fourth_modality_is_one_more_entry(model):
    config = replace(CONFIG, modalities=(*CONFIG.modalities, ModalityConfig("depth", 7)))
    wider = FusionModel(config).eval()
    batch = batch_of(random_items([(2, 3, 64)] * 4))
    batch["depth"] = pad_tokens([torch.randn(3, 7) for _ in range(4)], 7)
    embeddings = wider(batch)
    assert len(embeddings.vectors) == 15
    loss = combinatorial_loss(embeddings)
    assert pair_name((("text", "video"), ("audio", "depth"))) in loss.terms
    loss.total.backward()
    assert wider.token_projections["depth"].projection.linear.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: {**b, "video": pad_tokens([torch.ones(2, 5)], 5)}, "video has width 5"),
        (lambda b: {**b, "smell": b["text"]}, "unknown modality"),
        (
            lambda b: {**b, "text": pad_tokens([torch.full((2, 10), torch.nan)], 10)},
            "text holds NaN",
        ),
    ],
)
def test_bad_batches_are_named(model, change, message):
    batch = batch_of(random_items([(2, 3, 64)]))
    with pytest.raises(ValueError, match=message):
        model(change(batch))


def test_save_and_load(model, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = FusionModel.from_pretrained(tmp_path)
    assert loaded.config == CONFIG
    batch = batch_of(random_items(LENGTHS))
    one, other = model.embed(batch).vectors, loaded.embed(batch).vectors
    assert all(torch.equal(one[names], other[names]) for names in one)


def test_a_damaged_model_is_named(model, tmp_path):
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        FusionModel.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="mmlab train"):
        FusionModel.from_pretrained(tmp_path / "nowhere")
