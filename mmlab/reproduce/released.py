"""What the benchmarks' authors have released, under the names that the released code reads.

The code reads `./data/...` and `pretrained_models/...`; here both are below the data folder.
"""

from __future__ import annotations

from mmlab.reproduce.wanted import Wanted

AUTHORS = "https://github.com/ninatu/everything_at_once"
DRIVE = "https://drive.google.com/drive/folders/1Yhq91lQa_2cJFbtAHWfA0JYsXdWUFz9I"
FEATURE_RECIPE = "https://github.com/roudimit/AVLnet/blob/main/training.md"
CROSSTASK = "https://www.di.ens.fr/~dzhukov/crosstask/crosstask_release.zip"
MINING_YOUTUBE = "https://github.com/hildekuehne/Mining_YouTube_dataset"

RESNET, S3D, CLIP = "ResNet-152 + ResNeXt-101", "S3D", "CLIP ViT-B/32"

IN_DATA_TAR = f"in data.tar of {DRIVE} (linked from {AUTHORS}), without its first folder, data"

WORD_VECTORS = Wanted(
    "GoogleNews-vectors-negative300.bin",
    "GoogleNews word2vec, 300 wide",
    "https://code.google.com/archive/p/word2vec/",
    ("GoogleNews-vectors-negative300.bin.gz",),
)
CLIP_TEXT = Wanted(
    "clip-vit-base-patch32",
    "CLIP ViT-B/32, for its text features",
    "hf download openai/clip-vit-base-patch32 --local-dir clip-vit-base-patch32",
)


def checkpoint(folder: str, what: str, note: str = "") -> Wanted:
    """A released model's `latest_model.pth`; a run folder of one's own does as well."""
    place = f"pretrained_models/{folder}"
    return Wanted(
        f"{place}/latest_model.pth",
        f"the authors' model: {what}{note}",
        f"{DRIVE} (linked from {AUTHORS}); or a run of your own with its model.safetensors",
        (f"{place}/model.safetensors",),
    )


OUR_NAME = " (the folder's name is ours)"

PRETRAINED = {
    RESNET: checkpoint("everything_at_once_tva", f"{RESNET}, trained on HowTo100M"),
    S3D: checkpoint("everything_at_once_s3d", f"{S3D}, trained on HowTo100M", OUR_NAME),
    CLIP: checkpoint("everything_at_once_clip", f"{CLIP}, trained on HowTo100M", OUR_NAME),
}
FINE_TUNED_MSRVTT = checkpoint(
    "everything_at_once_tva_msrvtt", f"{RESNET}, fine-tuned on MSR-VTT", OUR_NAME
)
FINE_TUNED_YOUCOOK2 = checkpoint(
    "everything_at_once_tva_youcook", f"{RESNET}, fine-tuned on YouCook2", OUR_NAME
)


def pickled(path: str, what: str) -> Wanted:
    """A feature pickle of the authors' data.tar."""
    return Wanted(path, what, IN_DATA_TAR)


MSRVTT = pickled(
    "msrvtt/resnet/msrvtt_jsfusion_test.pkl", f"MSR-VTT's test clips: {RESNET}, sound, captions"
)
MSRVTT_ALIGNED = {
    S3D: pickled("msrvtt/s3d/msrvtt_jsfusion_test.pkl", f"{S3D} features of the same clips"),
    CLIP: pickled("msrvtt/clip/msrvtt_jsfusion_test.pkl", f"{CLIP} features of the same clips"),
}
YOUCOOK2 = pickled(
    "youcook/resnet/youcook_val.pkl", f"YouCook2's validation clips: {RESNET}, sound, captions"
)
YOUCOOK2_ALIGNED = {
    S3D: pickled("youcook/s3d/youcook_val.pkl", f"{S3D} features of the same clips"),
    CLIP: pickled("youcook/clip/youcook_val.pkl", f"{CLIP} features of the same clips"),
}


def features_of(folder: str) -> dict[str, tuple[Wanted, ...]]:
    """Features of long videos by backbone; the paper's are not released, only read by its code."""
    made = f"not released; make them of the videos as {FEATURE_RECIPE} says (docs/backbones.md)"
    return {
        RESNET: (
            Wanted(f"{folder}/resnet/*_2d.npy", "(seconds, 2048) ResNet-152 features", made),
            Wanted(f"{folder}/resnet/*_3d.npy", "(1.5 x seconds, 2048) ResNeXt-101 features", made),
        ),
        S3D: (
            Wanted(
                f"{folder}/s3d/*.npz",
                "array features, (seconds, 1024), of S3D",
                "not released, nor is the script that made them",
            ),
        ),
    }


def sound_of(folder: str) -> Wanted:
    """Spectrograms of long videos, likewise."""
    made = f"not released; make them of the videos as {FEATURE_RECIPE} says"
    return Wanted(f"{folder}/audio/*.npz", "array arr_0, (40, frames) log-mel", made)


CROSSTASK_ANNOTATIONS = tuple(
    Wanted(f"crosstask/crosstask_release/{name}", what, f"in {CROSSTASK}, unpacked in crosstask")
    for name, what in {
        "tasks_primary.txt": "CrossTask's 18 tasks and their steps",
        "videos.csv": "which video shows which task",
        "annotations/*.csv": "when each step is seen",
    }.items()
)
MINING_YOUTUBE_ANNOTATIONS = (
    Wanted(
        "mining_youtube/annotations/weakYouTube_dict.txt",
        "the 513 classes",
        f"in video_alignment/data of {MINING_YOUTUBE}",
        ("mining_youtube/annotations/mapping_without_meta.txt",),
    ),
    Wanted(
        "mining_youtube/annotations/*.gt",
        "the class of every frame",
        f"groundTruth of test/download_test_files.sh in {MINING_YOUTUBE}",
        ("mining_youtube/annotations/groundTruth/*.gt",),
    ),
    Wanted(
        "mining_youtube/annotations/transcripts/*.txt",
        "the classes of each video in order",
        f"transcript of test/download_test_files.sh in {MINING_YOUTUBE}",
        (
            "mining_youtube/annotations/transcript/*.txt",
            "mining_youtube/annotations/*.grammar",
            "mining_youtube/annotations/grammar/*.grammar",
        ),
    ),
)
