"""What the benchmarks' authors have released, in exactly their names and formats, tiny."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from mmlab.published.names import published_name, published_shape
from tests.published_features import (
    TEXTS,
    features,
    msrvtt_items,
    spectrogram,
    write_pickle,
    youcook2_items,
)

STEPS = {"t1": ("pour egg", "stir", "serve"), "t2": ("cut onion", "fry")}
SECONDS = 9
WORDS = sorted(
    {
        *(word for text in TEXTS for word in text.split()),
        *("test", "background"),
        *(f"video{number}" for number in range(20)),
        *(word for steps in STEPS.values() for step in steps for word in step.split()),
    }
)
WORD_WIDTH = 300
CLASSES = ("pour_egg", "stir", "serve", "background")


def tiny_config(video_width: int, word_width: int) -> ModelConfig:
    return ModelConfig(
        modalities=(
            ModalityConfig("text", word_width),
            ModalityConfig("video", video_width),
            ModalityConfig("audio", 40, AudioEncoderConfig((4, 4, 8), (1, 1), kernel_frames=3)),
        ),
        token_width=16,
        heads=2,
        projection_width=12,
    ).as_published()


def tiny_model(video_width: int = 4096, word_width: int = WORD_WIDTH) -> FusionModel:
    torch.manual_seed(video_width)
    return FusionModel(tiny_config(video_width, word_width)).eval()


def write_checkpoint(path: Path, model: FusionModel) -> Path:
    """As the authors' trainer saves it, with the arguments that leave no trace in shapes."""
    config = model.config
    state = {
        "module." + published_name(name, config): value.reshape(
            published_shape(name, tuple(value.shape))
        )
        for name, value in model.state_dict().items()
    }
    arguments = {"fusion_params": {"num_heads": config.heads}, "strategy_audio_pooling": "none"}
    path.parent.mkdir(parents=True, exist_ok=True)
    arch = {"type": "EverythingAtOnceModel", "args": arguments}
    torch.save({"epoch": 15, "state_dict": state, "config": {"arch": arch}}, path)
    return path


def write_word_vectors(folder: Path) -> Path:
    path = folder / "GoogleNews-vectors-negative300.bin"
    random = np.random.default_rng(3)
    rows = (
        word.encode() + b" " + random.normal(size=WORD_WIDTH).astype(np.float32).tobytes() + b"\n"
        for word in WORDS
    )
    path.write_bytes(f"{len(WORDS)} {WORD_WIDTH}\n".encode() + b"".join(rows))
    return path


def write_model(folder: Path, name: str, video_width: int = 4096) -> FusionModel:
    model = tiny_model(video_width)
    write_checkpoint(folder / "pretrained_models" / name / "latest_model.pth", model)
    return model


def write_msrvtt(folder: Path, ids: Iterable[str]) -> list[dict]:
    items = msrvtt_items(list(ids), seconds=5, test=True)
    s3d = [{"s3d": features(seed + 7, 5, 1024)} for seed in range(len(items))]
    _pickle(folder / "msrvtt" / "resnet" / "msrvtt_jsfusion_test.pkl", items)
    _pickle(folder / "msrvtt" / "s3d" / "msrvtt_jsfusion_test.pkl", s3d)
    return items


def write_youcook2(folder: Path, ids: Iterable[str]) -> list[dict]:
    """The second item lacks its whole 2D features, as 11 of the published ones do."""
    items = youcook2_items(list(ids), seconds=4)
    for number, item in enumerate(items):
        item["caption"] = f"a person video{number}"
    del items[1]["2d_full"]
    _pickle(folder / "youcook" / "resnet" / "youcook_val.pkl", items)
    return items


def _pickle(path: Path, items: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pickle(path, items)


def write_long_videos(folder: Path, ids: Iterable[str]) -> None:
    """Features of whole videos as the released code reads them."""
    for place in ("resnet", "audio"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for seed, video_id in enumerate(ids):
        np.save(folder / "resnet" / f"{video_id}_2d.npy", features(seed, SECONDS, 2048))
        count = round(1.5 * SECONDS)
        np.save(folder / "resnet" / f"{video_id}_3d.npy", features(seed + 50, count, 2048))
        np.savez(folder / "audio" / f"{video_id}.npz", arr_0=spectrogram(seed, SECONDS))


def write_crosstask(folder: Path) -> None:
    """Three annotated videos; of "w1" there are no features, "v3" has no annotation."""
    release = folder / "crosstask" / "crosstask_release"
    (release / "annotations").mkdir(parents=True)
    blocks = (
        f"{task}\nTitle\nhttps://example.org\n{len(steps)}\n{','.join(steps)}\n\n"
        for task, steps in STEPS.items()
    )
    (release / "tasks_primary.txt").write_text("".join(blocks))
    (release / "videos.csv").write_text("t1,v1,u\nt1,v2,u\nt2,w1,u\nt2,v4,u\nt1,v3,u\n")
    (release / "annotations" / "t1_v1.csv").write_text("1,0,2\n2,2.5,4\n3,6,9\n")
    (release / "annotations" / "t1_v2.csv").write_text("1,1,3\n3,4,6\n")
    (release / "annotations" / "t2_w1.csv").write_text("1,1,3\n")
    (release / "annotations" / "t2_v4.csv").write_text("1,1,2\n2,3,8\n")
    write_long_videos(folder / "crosstask", ("v1", "v2", "v3", "v4"))


def write_mining_youtube(folder: Path) -> None:
    """Two test videos, their labels at three frames a second."""
    place = folder / "mining_youtube" / "annotations"
    (place / "transcripts").mkdir(parents=True)
    (place / "weakYouTube_dict.txt").write_text("".join(f"{name} \n" for name in CLASSES))
    (place / "videos_test.txt").write_text("m1\nm2")
    orders = {
        "m1": ("background", "pour_egg", "stir", "background"),
        "m2": ("pour_egg", "background", "serve"),
    }
    for video_id, names in orders.items():
        (place / "transcripts" / f"{video_id}.txt").write_text(" ".join(names) + "\n")
        frames = np.repeat(names, np.diff(np.linspace(0, 3 * SECONDS, len(names) + 1).astype(int)))
        (place / f"{video_id}.gt").write_text("\n".join(frames) + "\n")
    write_long_videos(folder / "mining_youtube", orders)
