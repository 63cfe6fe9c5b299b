"""Tiny networks of each architecture with random weights, saved like published ones.

What loads them runs the real path: files, processor, batches, reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

transformers = pytest.importorskip("transformers")

LAYERS = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
PICTURE = LAYERS | {"image_size": 32, "patch_size": 16}
CROPPED = {
    "size": {"shortest_edge": 32},
    "crop_size": {"height": 32, "width": 32},
    "do_resize": True,
    "do_center_crop": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
    "resample": 3,
}
SQUEEZED = CROPPED | {
    "size": {"height": 32, "width": 32},
    "do_center_crop": False,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
}
CONVNEXT = SQUEEZED | {"size": {"shortest_edge": 32}, "crop_pct": 0.875}
TEXT = LAYERS | {"vocab_size": 64, "max_position_embeddings": 16}
IDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}


def clip() -> Any:
    parts = {"text_config": TEXT | IDS, "vision_config": PICTURE}
    return transformers.CLIPModel(transformers.CLIPConfig(**parts, projection_dim=8))


def siglip() -> Any:
    parts = {"text_config": TEXT | IDS, "vision_config": PICTURE}
    return transformers.SiglipModel(transformers.SiglipConfig(**parts))


def vit_classifier() -> Any:
    """A checkpoint with a classifier has no pooler: reading that would give random numbers."""
    return transformers.ViTForImageClassification(transformers.ViTConfig(**PICTURE))


def dinov2() -> Any:
    return transformers.Dinov2Model(transformers.Dinov2Config(**PICTURE))


def alike(model_type: str) -> Callable[[], Any]:
    """Others that are read like one of these, by the config's `model_type`."""

    def make() -> Any:
        wide = {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]}
        settings = wide if "convnext" in model_type else PICTURE
        config = transformers.AutoConfig.for_model(model_type, **settings)
        return transformers.AutoModel.from_config(config)

    return make


def dinov3() -> Any:
    return transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**PICTURE))


def convnext() -> Any:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1])
    return transformers.ConvNextModel(config)


def resnet(depths: tuple[int, ...] = (1, 2, 1, 1)) -> Any:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[16, 16, 32, 32], depths=list(depths)
    )
    model = transformers.ResNetModel(config)
    with torch.no_grad():  # batch norm that does something
        for name, values in model.state_dict().items():
            if name.endswith(("running_var", "normalization.weight")):
                values.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "normalization.bias")):
                values.uniform_(-0.2, 0.2)
    return model


def videomae() -> Any:
    return transformers.VideoMAEModel(transformers.VideoMAEConfig(**PICTURE, num_frames=16))


def xclip() -> Any:
    vision = PICTURE | {"num_frames": 8, "mit_hidden_size": 8, "mit_intermediate_size": 8}
    vision |= {"mit_num_hidden_layers": 1, "mit_num_attention_heads": 2}
    parts = {"text_config": TEXT | IDS, "vision_config": vision}
    return transformers.XCLIPModel(transformers.XCLIPConfig(**parts, projection_dim=8))


IMAGE_MODELS: dict[str, tuple[Callable[[], Any], str, dict[str, Any], int]] = {
    "clip": (clip, "CLIPImageProcessor", CROPPED, 8),
    "siglip": (siglip, "SiglipImageProcessor", SQUEEZED, 16),
    "vit": (vit_classifier, "ViTFeatureExtractor", SQUEEZED, 16),
    "dinov2": (dinov2, "BitImageProcessor", CROPPED, 16),
    "dinov3": (dinov3, "DINOv3ViTImageProcessorFast", SQUEEZED, 16),
    "convnext": (convnext, "ConvNextFeatureExtractor", CONVNEXT, 16),
    "resnet": (resnet, "ConvNextImageProcessor", CONVNEXT, 32),
    "deit": (alike("deit"), "DeiTFeatureExtractor", CROPPED, 16),
    "clip_vision_model": (alike("clip_vision_model"), "CLIPImageProcessor", CROPPED, 16),
    "siglip_vision_model": (alike("siglip_vision_model"), "SiglipImageProcessor", SQUEEZED, 16),
    "dinov2_with_registers": (alike("dinov2_with_registers"), "BitImageProcessor", CROPPED, 16),
    "dinov3_convnext": (alike("dinov3_convnext"), "DINOv3ViTImageProcessorFast", SQUEEZED, 16),
    "convnextv2": (alike("convnextv2"), "ConvNextFeatureExtractor", CONVNEXT, 16),
}
CLIP_MODELS = {
    "videomae": (videomae, "VideoMAEFeatureExtractor", CROPPED, 16),
    "xclip": (xclip, "VideoMAEImageProcessor", CROPPED, 8),
}
PICTURE_MODELS = IMAGE_MODELS | CLIP_MODELS


def clap(fused: bool = False) -> Any:
    audio = {
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "enable_fusion": fused,
        "fusion_type": "aff_2d" if fused else None,
        "aff_block_r": 2,
    }
    text = TEXT | {"max_position_embeddings": 20}
    return transformers.ClapModel(
        transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    )


def ast(max_length: int = 324) -> Any:
    return transformers.ASTModel(
        transformers.ASTConfig(**LAYERS, max_length=max_length, num_mel_bins=32)
    )


SOUND_MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any], int]] = {
    "clap": (clap, lambda: transformers.ClapFeatureExtractor(truncation="rand_trunc"), 8),
    "clap-fused": (lambda: clap(fused=True), transformers.ClapFeatureExtractor, 8),
    "ast": (ast, lambda: transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=324), 16),
}


def save_models(root: Path, names: Iterable[str]) -> Path:
    """Save these models, each with its processor in a folder of its name."""
    torch.manual_seed(0)
    for name in names:
        if name in SOUND_MODELS:
            make, extractor, _ = SOUND_MODELS[name]
            extractor().save_pretrained(root / name)
        else:
            make, processor, settings, _ = PICTURE_MODELS[name]
            key = "feature_extractor_type" if "Extractor" in processor else "image_processor_type"
            content = json.dumps(settings | {key: processor})
            (root / name).mkdir()
            (root / name / "preprocessor_config.json").write_text(content)
        make().save_pretrained(root / name)
    return root


def frames(count: int, each: int, size: tuple[int, int] = (40, 56)) -> np.ndarray:
    """(count, each, H, W, 3) of smooth random pictures."""
    coarse = torch.rand(count * each, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    fine = F.interpolate(coarse, size, mode="bilinear").permute(0, 2, 3, 1) * 255
    return fine.round().to(torch.uint8).reshape(count, each, *size, 3).numpy()


def noise(seconds: float, rate: int) -> np.ndarray:
    """Noise whose colour changes every second."""
    samples = np.random.default_rng(2).normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    time = np.arange(len(samples)) / rate
    return samples + 0.3 * np.sin(2 * np.pi * 300 * (1 + time // 1) * time).astype(np.float32)
