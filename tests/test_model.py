"""The model against the published code's numbers, and what must never change a result."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.losses import combinatorial_loss, pair_name
from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from mmlab.types import Tokens, all_combinations, pad_tokens, parse_combination

REFERENCE = Path(__file__).parent / "data" / "reference_base.npz"
SHORT = {"t": "text", "v": "video", "a": "audio"}

UNUSED = r"fusion\.norm|batchnorm1"  # in the published files, but in no computation

RENAMES = [  # published parameter name -> ours
    (r"^fusion\.masking_token", "masking_token"),
    (r"^fusion\.blocks\.(\d+)\.attn\.qkv", r"blocks.\1.attention.qkv"),
    (r"^fusion\.blocks\.(\d+)\.attn\.proj", r"blocks.\1.attention.out"),
    (r"^fusion\.blocks\.(\d+)\.mlp\.fc1", r"blocks.\1.mlp.0"),
    (r"^fusion\.blocks\.(\d+)\.mlp\.fc2", r"blocks.\1.mlp.2"),
    (r"^fusion\.blocks", "blocks"),
    (r"^(text|video|audio)_norm_layer", r"token_projections.\1.norm"),
    (r"^(text|video|audio)_token_proj\.cg\.fc", r"token_projections.\1.projection.gate"),
    (r"^(text|video|audio)_token_proj\.fc", r"token_projections.\1.projection.linear"),
    (r"^(text|video|audio)_proj\.cg\.fc", r"projections.\1.gate"),
    (r"^(text|video|audio)_proj\.fc", r"projections.\1.linear"),
]


def our_name(published: str, blocks: tuple[int, ...]) -> str:
    if stage := re.match(r"davenet\.layer(\d+)\.(\d+)\.(.*)", published):
        number = sum(blocks[: int(stage[1]) - 1]) + int(stage[2])
        return f"encoders.audio.blocks.{number}.{stage[3]}"
    published = published.replace("davenet.", "encoders.audio.")
    for pattern, name in RENAMES:
        if re.match(pattern, published):
            return re.sub(pattern, name, published)
    return published


def load_reference():
    with np.load(REFERENCE) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    blocks = tuple(meta["davenet_layers"])
    encoder = AudioEncoderConfig(tuple(meta["davenet_widths"]), blocks, mask_padding=False)
    config = meta["config"]
    model = FusionModel(
        ModelConfig(
            modalities=(
                ModalityConfig("text", config["text_embed_dim"]),
                ModalityConfig("video", config["video_embed_dim"]),
                ModalityConfig("audio", 40, encoder),
            ),
            token_width=config["fusion_params"]["embed_dim"],
            heads=config["fusion_params"]["num_heads"],
            projection_width=config["projection_dim"],
            masking_token=True,
        )
    )
    state = {}
    for name, value in arrays.items():
        if name.startswith("state/") and not re.search(UNUSED, name):
            tensor = torch.from_numpy(value)
            ours = our_name(name.removeprefix("state/"), blocks)
            axis = 1 if ours.endswith("audio.conv1.weight") else 2  # their images, our sequences
            state[ours] = tensor.squeeze(axis) if tensor.ndim == 4 else tensor
    model.load_state_dict(state)
    batch = {
        name: Tokens(
            torch.from_numpy(arrays[f"in/{name}"]), torch.from_numpy(arrays[f"in/{name}_mask"]) > 0
        )
        for name in ("text", "video")
    }
    sound = torch.from_numpy(arrays["in/audio"]).transpose(1, 2)
    batch["audio"] = Tokens(sound, torch.from_numpy(arrays["in/audio_mask"]) > 0)
    return model.eval(), batch, arrays, meta


@pytest.fixture(scope="module")
def reference():
    return load_reference()


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


@pytest.mark.parametrize("short", ["text", "video", "audio", "tv", "ta", "va"])
def test_embeddings_equal_the_published_ones(reference, short):
    model, batch, arrays, _ = reference
    names = parse_combination([SHORT.get(s, short) for s in short] if len(short) == 2 else short)
    audible = batch["audio"].present.numpy()
    expected = unit(arrays[f"out/{short}_embed"])
    found = model.embed(batch, [names]).vectors[names].numpy()
    both = np.logical_and.reduce([batch[name].present.numpy() for name in names])
    assert both.sum() >= 3
    assert audible.any()
    np.testing.assert_allclose(found[both], expected[both], atol=2e-5)


def test_loss_and_gradients_equal_the_published_ones(reference):
    model, batch, arrays, meta = reference
    weights = {
        "text | video": meta["loss"]["tv_weight"],
        "text | audio": meta["loss"]["ta_weight"],
        "video | audio": meta["loss"]["va_weight"],
        "text | video+audio": meta["loss"]["t_va_weight"],
        "video | text+audio": meta["loss"]["v_ta_weight"],
        "audio | text+video": meta["loss"]["a_tv_weight"],
    }
    short = ["tv", "ta", "va", "t_va", "v_ta", "a_tv"]
    model.zero_grad()
    loss = combinatorial_loss(
        model(batch), temperature=meta["loss"]["temperature"], weights=weights
    )
    for name, key in zip(weights, short, strict=True):
        assert loss.terms[name].item() == pytest.approx(float(arrays[f"loss/{key}"]), rel=1e-5)
    assert loss.total.item() == pytest.approx(float(arrays["loss/Retrieval"]), rel=1e-5)
    loss.total.backward()
    parameters = dict(model.named_parameters())
    compared = 0
    for key, expected in arrays.items():
        if not key.startswith("gradnorm/") or re.search(UNUSED, key):
            continue
        name = our_name(key.removeprefix("gradnorm/"), tuple(meta["davenet_layers"]))
        gradient = parameters[name].grad
        found = 0.0 if gradient is None else gradient.norm().item()
        assert found == pytest.approx(float(expected), rel=1e-3, abs=1e-7), name
        compared += 1
    assert compared > 80


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
    block = model.blocks[0]
    tokens, mask = torch.randn(2, 5, CONFIG.token_width), torch.ones(2, 5, dtype=torch.bool)
    value = block.attention._split(tokens)[2]
    mixed = (block.attention.weights(tokens, mask) @ value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(block.attention(tokens, mask), block.attention.out(mixed))


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
    with pytest.raises(ValueError, match=r"model\.safetensors does not fit"):
        FusionModel.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="mmlab train"):
        FusionModel.from_pretrained(tmp_path / "nowhere")
