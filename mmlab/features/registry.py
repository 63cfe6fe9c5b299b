"""From the name of a backbone, as given on the command line, to the backbone.

Each is loaded once in a process. What a source may be is listed in `docs/backbones.md`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mmlab.features.backbone import PictureBackbone, SoundBackbone
from mmlab.features.text import HashedWordVectors, TextEncoder, WordVectorFile

PUBLISHED_2D, PUBLISHED_3D = "published-resnet152:", "published-resnext101:"
WORD_VECTOR_ENDINGS = (".bin", ".txt", ".vec", ".gz")

PICTURE_SOURCES = (
    "'default', 'none', a Hugging Face name or folder of one of {types}, "
    f"'{PUBLISHED_2D}WEIGHTS' or '{PUBLISHED_3D}WEIGHTS'"
)
SOUND_SOURCES = "'default', 'none', or a Hugging Face name or folder of CLAP or AST"
TEXT_SOURCES = (
    "'default', a word2vec file (.bin, .txt, .vec; also .gz), or a Hugging Face name or folder "
    "of CLIP or a sentence encoder"
)


@lru_cache(maxsize=4)
def load_picture_backbone(source: str = "default", device: str = "auto") -> PictureBackbone | None:
    """What turns a file's frames into tokens.

    Args:
        source: "default" for the descriptors, "none" for no pictures, a name or folder of an
            image or clip network, or the paper's own networks with the user's weights.
        device: "auto" takes a GPU where there is one; or "cpu", "cuda", "cuda:1".

    Raises:
        ValueError: there is no such source, or it cannot be loaded.
        ImportError: it needs `transformers`, which is not installed.
    """
    if source == "none":
        return None
    if source == "default":
        from mmlab.features.video import VideoDescriptor

        return VideoDescriptor()
    if source.startswith((PUBLISHED_2D, PUBLISHED_3D)):
        from mmlab.features.paper import PublishedResNet, PublishedResNeXt

        kind = PublishedResNet if source.startswith(PUBLISHED_2D) else PublishedResNeXt
        return kind(source.partition(":")[2], device)
    return _picture_network(source, device)


@lru_cache(maxsize=4)
def load_sound_backbone(source: str = "default", device: str = "auto") -> SoundBackbone | None:
    """What turns a file's sound into tokens; arguments and errors as `load_picture_backbone`."""
    if source == "none":
        return None
    if source == "default":
        from mmlab.features.audio import LogMel

        return LogMel()
    from mmlab.features.pretrained import read_config
    from mmlab.features.sounds import AstSound, ClapSound

    model_type = read_config(source).model_type
    if model_type == "clap":
        return ClapSound(source, device)
    if model_type == "audio-spectrogram-transformer":
        return AstSound(source, device)
    raise ValueError(f"{source}: is a {model_type!r}, not a known sound network; {SOUND_SOURCES}")


@lru_cache(maxsize=4)
def load_text_encoder(source: str = "default", device: str = "auto") -> TextEncoder:
    """What turns a sentence into tokens.

    Args:
        source: "default" for hashed subwords, a word2vec file, or a name or folder of CLIP (a
            token for each of its word pieces) or a sentence encoder (one token).
        device: see `load_picture_backbone`.

    Raises:
        ValueError: there is no such source, or it cannot be loaded.
        ImportError: it needs `transformers`, which is not installed.
    """
    if source == "default":
        return HashedWordVectors()
    if source == "none":
        raise ValueError(f"captions need an encoder, found 'none'; give {TEXT_SOURCES}")
    path = Path(source).expanduser()
    if path.is_file():
        return WordVectorFile(path)
    if path.suffix in WORD_VECTOR_ENDINGS:
        raise ValueError(f"{source}: there is no such word2vec file; give {TEXT_SOURCES}")
    from mmlab.features.text_models import load_text_model

    return load_text_model(source, device)


def _picture_network(source: str, device: str) -> PictureBackbone:
    from mmlab.features import clips, images
    from mmlab.features.pretrained import read_config

    model_type = read_config(source).model_type
    if model_type in images.READINGS:
        return images.ImageEncoder(source, device)
    if model_type in clips.READINGS:
        return clips.ClipEncoder(source, device)
    types = ", ".join(sorted(images.READINGS | clips.READINGS))
    raise ValueError(
        f"{source}: is a {model_type!r}, not a known picture network; "
        f"give {PICTURE_SOURCES.format(types=types)}"
    )
