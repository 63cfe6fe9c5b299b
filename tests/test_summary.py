"""The parameter table against the model it tells of, and against the published counts."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest
import torch

from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from mmlab.model.summary import parameter_table
from mmlab.types import Tokens

TINY = ModelConfig(
    modalities=(
        ModalityConfig("text", 6, max_tokens=5),
        ModalityConfig("video", 10, max_tokens=4),
        ModalityConfig("audio", 7, AudioEncoderConfig((4, 8, 12), (2, 1), 3), max_tokens=3),
    ),
    token_width=16,
    heads=4,
    mlp_ratio=2.0,
    projection_width=24,
)
DEPTH = ModalityConfig("depth", 9, max_tokens=2)
VARIANTS = {
    "plain": TINY,
    "linear": replace(TINY, token_projection="linear", projection="linear"),
    "class token": replace(TINY, class_token=True, shared_projection=True),
    "positions": replace(TINY, positions=True, masking_token=True),
    "no transformer": replace(TINY, depth=0),
    "four modalities": replace(TINY, modalities=(*TINY.modalities, DEPTH), depth=3),
    "per modality": replace(
        TINY,
        transformer_per_modality=True,
        masking_token=True,
        class_token=True,
        shared_projection=True,
    ),
    "text and video": replace(TINY, modalities=TINY.modalities[:2]),
}
every_variant = pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())


def meta_table(config: ModelConfig) -> pd.DataFrame:
    with torch.device("meta"):
        return parameter_table(FusionModel(config))


@every_variant
def test_the_parts_sum_to_the_model(config):
    model = FusionModel(config)
    table = parameter_table(model)
    assert table.parameters.sum() == sum(one.numel() for one in model.parameters())
    assert table.share.sum() == pytest.approx(1)
    assert table.index.is_unique


@every_variant
def test_every_part_that_learns_has_parameters(config):
    table = meta_table(config)
    idle = table.index[table.parameters == 0]
    assert all(part.endswith(("pooling", "joining")) for part in idle)


def test_shapes_are_those_of_the_computation():
    model, seen = FusionModel(TINY), {}
    parts = {f"{m} token projection": model.token_projections[m] for m in TINY.names}
    parts |= {f"{m} projection": model.projections[m] for m in TINY.names}
    parts["attention"] = model.transformers["shared"].blocks[0].attention
    for part, module in parts.items():
        module.register_forward_hook(
            lambda _, inputs, output, part=part: seen.update(
                {part: [inputs[0].shape[-1], output.shape[-1]]}
            )
        )
    batch = {
        m.name: Tokens(torch.randn(2, 8, m.width), torch.ones(2, 8) > 0) for m in TINY.modalities
    }
    model.embed(batch)
    shapes = parameter_table(model)["shape"]
    told = {part: [int(width) for width in re.findall(r"\d+", shapes[part])] for part in seen}
    assert seen == told
    assert model.encoders["audio"](batch["audio"]).values.shape == (2, 2, 12)
    assert shapes["audio encoder"] == "F×7 → F/4×12"


@pytest.mark.parametrize(
    ("config", "millions", "token_projection_millions"),
    [
        (ModelConfig.paper(), 689.4, 85.1),
        (ModelConfig.paper_s3d(), 676.8, 72.6),
        (ModelConfig.paper_clip(), 675.6, 71.3),
    ],
    ids=["ResNet", "S3D", "CLIP"],
)
def test_published_counts(config, millions, token_projection_millions):
    """The published code also owns two parts that it never computes with."""
    counts = meta_table(config)["parameters"]
    unused_batch_norm_of_one_channel = 2
    unused_norm = 2 * config.token_width
    assert counts["audio encoder"] + unused_batch_norm_of_one_channel == 314_710_018
    block = counts[["masking token", "attention", "MLP"]].sum()
    assert block + unused_norm == 100_716_544
    assert counts[[f"{name} projection" for name in config.names]].sum() == 188_780_544
    tokens = counts[[f"{name} token projection" for name in config.names]].sum()
    assert tokens / 1e6 == pytest.approx(token_projection_millions, abs=0.07)
    published = counts.sum() + unused_batch_norm_of_one_channel + unused_norm
    assert round(published / 1e6, 1) == millions


def test_the_smaller_published_sound_network():
    audio = replace(ModelConfig.paper().modalities[2], encoder=AudioEncoderConfig.v1())
    counts = meta_table(replace(ModelConfig.paper(), modalities=(audio,)))["parameters"]
    assert counts["audio encoder"] + 2 == 44_670_978
