"""The CLIP variant's tables: its words go through CLIP's own text network."""

import pytest

from mmlab.reproduce import reproduce
from tests.published_features import features, write_pickle
from tests.released_files import tiny_model, write_checkpoint, write_msrvtt

pytest.importorskip("transformers")

from tests.test_features_text_models import clip_folder  # noqa: E402, F401 - a fixture


def test_clip_reads_both_words_and_pictures(tmp_path, clip_folder):  # noqa: F811
    ids = ["video0", "video1", "video2"]
    write_msrvtt(tmp_path, ids)
    pictures = tmp_path / "msrvtt" / "clip" / "msrvtt_jsfusion_test.pkl"
    pictures.parent.mkdir()
    write_pickle(pictures, [{"clip": features(seed, 5, 512)} for seed in range(len(ids))])
    (tmp_path / "clip-vit-base-patch32").symlink_to(clip_folder)
    model = tiny_model(512, word_width=8)
    place = tmp_path / "pretrained_models" / "everything_at_once_clip" / "latest_model.pth"
    write_checkpoint(place, model)
    (table,) = reproduce(tmp_path, ["msrvtt"], progress=False)
    assert table.failed == {}
    assert set(table.ours["backbone"]) == {"CLIP ViT-B/32"}
    assert set(table.ours["clips"]) == {3}
    assert set(table.missing) == {"ResNet-152 + ResNeXt-101", "S3D"}  # they want word2vec
