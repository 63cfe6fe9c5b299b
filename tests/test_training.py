"""Training on real tiny media: it learns, it repeats, it goes on after a stop."""

from dataclasses import replace

import pytest
import torch

import mmlab
from mmlab.about import FeatureInfo
from mmlab.model import AudioEncoderConfig, FusionModel, ModelConfig
from mmlab.runs import model_config
from mmlab.training import TrainConfig, read_metrics, train
from tests.conftest import BLUE, GREEN, RED, moving_square, tone, write_video

CONFIG = TrainConfig(epochs=12, batch_clips=6, learning_rate=3e-3, jitter_seconds=0.2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    lines = ["video,start_seconds,end_seconds,text,split"]
    for number, colour, hertz, name in [
        (0, RED, 300, "red low"),
        (1, GREEN, 900, "green middle"),
        (2, BLUE, 2500, "blue high"),
    ]:
        path = folder / "media" / f"{number}.mp4"
        write_video(path, 4.0, picture=moving_square(colour), sound=tone(hertz))
        lines += [f"{path.name},{start},{start + 2},{name} {start},train" for start in (0, 2)]
    (folder / "captions.csv").write_text("\n".join(lines))
    captions, out = folder / "captions.csv", folder / "dataset"
    return mmlab.ingest(folder / "media", captions, out, workers=1, progress=False)


def fresh_model(dataset) -> FusionModel:
    torch.manual_seed(0)
    widths = {name: info.width for name, info in dataset.features.items()}
    config = ModelConfig.sample(widths["video"], widths["text"], widths["audio"])
    encoder = AudioEncoderConfig(widths=(8,) * 7, blocks=(1,) * 6)
    modalities = (*config.modalities[:2], replace(config.modalities[2], encoder=encoder))
    return FusionModel(replace(config, modalities=modalities, token_width=32, heads=2, dropout=0.0))


def test_the_loss_falls_and_the_same_seed_gives_the_same_losses(dataset, tmp_path):
    first = train(fresh_model(dataset), dataset, CONFIG, run_folder=tmp_path / "one")
    again = train(fresh_model(dataset), dataset, CONFIG, run_folder=tmp_path / "two")
    assert first[-1]["total"] < 0.8 * first[0]["total"]
    assert first == again
    noted = read_metrics(tmp_path / "one")
    assert [row.pop("epoch") for row in noted] == list(range(1, 13))
    assert noted == first


def test_a_stopped_run_goes_on_where_it_was(dataset, tmp_path):
    def stop(epoch, _):
        if epoch == 3:
            raise KeyboardInterrupt

    whole = train(fresh_model(dataset), dataset, CONFIG, run_folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(fresh_model(dataset), dataset, CONFIG, run_folder=tmp_path / "run", on_epoch=stop)
    seen = []
    rest = train(
        fresh_model(dataset),
        dataset,
        CONFIG,
        run_folder=tmp_path / "run",
        on_epoch=lambda epoch, _: seen.append(epoch),
    )
    assert seen == list(range(4, 13))
    assert rest == whole
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_checkpoint_of_another_configuration_is_refused(dataset, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(fresh_model(dataset), dataset, CONFIG, run_folder=tmp_path, on_epoch=stop)
    with pytest.raises(ValueError, match="another configuration or other clips"):
        train(fresh_model(dataset), dataset, replace(CONFIG, epochs=99), run_folder=tmp_path)


def test_too_few_clips_are_named(dataset, tmp_path):
    with pytest.raises(ValueError, match="at least 2 clips"):
        train(fresh_model(dataset), dataset.select(rows=[0]), CONFIG, run_folder=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"metrics\.jsonl"):
        read_metrics(tmp_path / "nowhere")


def test_runs_open_with_their_dataset(dataset, tmp_path):
    config = replace(CONFIG, epochs=1)
    mmlab.train_run(dataset, tmp_path / "run", config)
    model, opened = mmlab.open_run(tmp_path / "run")
    assert opened.manifest.clip_id.tolist() == dataset.manifest.clip_id.tolist()
    assert not model.training
    with pytest.raises(FileNotFoundError, match="mmlab train"):
        mmlab.open_run(tmp_path / "nothing")


def test_a_model_has_the_modalities_that_the_dataset_has():
    features = {
        "text": FeatureInfo("words", 300, None),
        "video": FeatureInfo("clip", 512, 1.0),
        "audio": FeatureInfo("clap", 64, 0.5, window_seconds=4.0),
    }
    model = model_config(features)
    assert [(one.name, one.width) for one in model.modalities] == [
        *[("text", 300), ("video", 512), ("audio", 64)]
    ]
    assert model.modalities[2].encoder is None  # these tokens come from a network already
    frames = FeatureInfo("log-mel", 40, 100.0)
    assert model_config(features | {"audio": frames}).modalities[2].encoder is not None
    del features["audio"]
    assert model_config(features).names == ("text", "video")
