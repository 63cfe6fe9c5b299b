"""Feature files exactly as published: names, keys, shapes, types; small contents."""

import json
import pickle
from pathlib import Path

import numpy as np

TEXTS = ("a person cuts an onion", "somebody slices vegetables")


def features(seed: int, count: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def spectrogram(seed: int, seconds: float) -> np.ndarray:
    frames = int(seconds * 100)
    return np.random.default_rng(seed).uniform(-80, 0, (40, frames)).astype(np.float16)


def msrvtt_items(ids: list[str], seconds: int = 10, *, test: bool = False) -> list[dict]:
    items = []
    for seed, item_id in enumerate(ids):
        item = {
            "id": item_id,
            "2d": features(seed, seconds, 2048),
            "3d": features(seed + 100, int(seconds * 1.5), 2048),
            "audio": spectrogram(seed, seconds),
            "caption": [f"{text} {item_id}" for text in TEXTS],
        }
        items.append(item | ({"eval_caption": f"test {item_id}"} if test else {}))
    return items


def youcook2_items(ids: list[str], seconds: int = 8) -> list[dict]:
    items = []
    for seed, item_id in enumerate(ids):
        full = {"2d": features(seed, seconds, 2048), "3d": features(seed + 9, 12, 2048)}
        item = {"id": item_id, "caption": TEXTS[0], "audio": spectrogram(seed, seconds)}
        item |= {name: values.max(axis=0) for name, values in full.items()}
        items.append(item | {f"{name}_full": values for name, values in full.items()})
    return items


def write_pickle(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def write_howto100m(folder: Path, paths: dict[str, int], *, flat: bool = False) -> None:
    """Features of videos such as "food/abc" of so many seconds; `flat`: no folder per video."""
    for seed, (path, seconds) in enumerate(paths.items()):
        video_id = path.split("/")[-1]
        place = folder / path
        files = {
            "_2d": {"features": features(seed, seconds, 2048).astype(np.float16)},
            "_3d": {"features": features(seed + 50, int(seconds * 1.5), 2048).astype(np.float16)},
            "_spec": {"arr_0": spectrogram(seed, seconds)},
        }
        for ending, arrays in files.items():
            name = f"{video_id}{ending}.npz"
            target = place.parent / name if flat and ending == "_2d" else place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            np.savez(target, **arrays)


def speech(*captions: tuple[float, float, str]) -> dict[str, list]:
    starts, ends, texts = zip(*captions, strict=True)
    return {"start": list(starts), "end": list(ends), "text": list(texts)}


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path
