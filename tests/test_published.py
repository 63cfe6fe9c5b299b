"""The authors' checkpoints: names, shapes, the configuration in them, and files that are none."""

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab import cli
from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from mmlab.published import (
    infer_config,
    load_published,
    published_name,
    read_checkpoint,
    rename_state,
)
from mmlab.published.names import published_shape
from mmlab.types import Tokens
from tests.published_files import CASES, checkpoint_of, meta_of, read_case, state_of

UNREAD = r"fusion(_\w+)?\.norm\.|davenet\.batchnorm1\."
UNREAD_PER_MODALITY = rf"{UNREAD}|fusion\.|fusion_(video|audio)\.masking_token"


def shapes_of(state: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


def config_of(arrays: dict[str, np.ndarray]) -> ModelConfig:
    meta, state = meta_of(arrays), state_of(arrays)
    return infer_config(shapes_of(state), meta["model"], meta["config"])


def save(path: Path, content: object, **options) -> Path:
    torch.save(content, path, **options)
    return path


def expected_config(meta: dict) -> ModelConfig:
    """From the constructor's arguments alone: none of the weights' shapes is looked at."""
    arguments, fusion = meta["config"], meta["config"]["fusion_params"]
    kinds = {"gated": "gated", "minimal": "linear"}
    audio = AudioEncoderConfig(
        tuple(meta["davenet_widths"]), tuple(meta["davenet_layers"]), mask_padding=False
    )
    frames = arguments.get("audio_max_num_STFT_frames")
    shorten = {"max_pool": "max", "avg_pool": "average"}
    return ModelConfig(
        modalities=(
            ModalityConfig(
                "text", arguments["text_embed_dim"], max_tokens=arguments.get("text_max_tokens")
            ),
            ModalityConfig(
                "video", arguments["video_embed_dim"], max_tokens=arguments.get("video_max_tokens")
            ),
            ModalityConfig(
                "audio",
                40,
                audio,
                max_tokens=frames and frames // audio.frames_per_token,
                shorten=shorten.get(arguments.get("strategy_audio_pooling"), "nearest"),
            ),
        ),
        token_width=fusion["embed_dim"],
        depth=fusion["depth"],
        heads=fusion["num_heads"] if fusion["depth"] else 1,
        mlp_ratio=fusion["mlp_ratio"],
        projection_width=arguments["projection_dim"],
        token_projection=kinds[arguments.get("token_projection", "gated")],
        projection=kinds[arguments.get("projection", "gated")],
        shared_projection=not arguments.get("individual_projections", True),
        class_token=fusion["use_cls_token"],
        positions=arguments.get("use_positional_emb", False),
        transformer_per_modality=meta["model"] == "TransformerPerModalityModel",
        masking_token=True,
    )


@pytest.mark.parametrize("case", CASES)
def test_the_configuration_is_read_off_names_and_shapes(case):
    arrays = read_case(case)
    assert config_of(arrays) == expected_config(meta_of(arrays))


@pytest.mark.parametrize("case", CASES)
def test_every_name_goes_there_and_back(case):
    arrays = read_case(case)
    state, config = state_of(arrays), config_of(arrays)
    ours, unused = rename_state(state, config)
    FusionModel(config).load_state_dict(ours)  # strict: neither more nor less
    for name, value in ours.items():
        there = state[published_name(name, config)]
        assert tuple(there.shape) == published_shape(name, tuple(value.shape))
        assert torch.equal(there.flatten(), value.flatten())
    unread = UNREAD_PER_MODALITY if config.transformer_per_modality else UNREAD
    assert [name for name in state if re.match(unread, name)] == unused


@pytest.mark.parametrize(
    "config", [ModelConfig.paper(), ModelConfig.paper_s3d(), ModelConfig.paper_clip()]
)
def test_the_paper_s_models_are_recognised_by_their_shapes(config):
    with torch.device("meta"):
        state = FusionModel(config).state_dict()
    shapes = {
        published_name(name, config): published_shape(name, tuple(value.shape))
        for name, value in state.items()
    }
    assert infer_config(shapes) == config.as_published()


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("form", ["whole", "without config", "bare", "before torch 1.6"])
def test_a_checkpoint_in_any_form_is_the_same_model(tmp_path, prefix, form):
    content = checkpoint_of("base", prefix=prefix)
    if form == "without config":
        del content["config"]
    path = save(
        tmp_path / "model.pth",
        content["state_dict"] if form == "bare" else content,
        _use_new_zipfile_serialization=form != "before torch 1.6",
    )
    model, unused = load_published(path, heads=4)
    assert model.config == expected_config(meta_of(read_case("base")))
    assert not model.training
    assert unused == [name for name in state_of(read_case("base")) if re.match(UNREAD, name)]
    expected, _ = rename_state(state_of(read_case("base")), model.config)
    for name, value in model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_half_precision_weights_become_float32(tmp_path):
    halved = {name: value.half() for name, value in state_of(read_case("base")).items()}
    model, _ = load_published(save(tmp_path / "half.pth", halved), heads=4)
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_a_text_video_model_is_known_by_its_class_or_its_names(tmp_path):
    both = checkpoint_of("base", model_class="EverythingAtOnceModel_TV_Only")
    by_class, unused = load_published(save(tmp_path / "class.pth", both))
    bare = {
        name: value
        for name, value in both["state_dict"].items()
        if not name.startswith(("audio_", "davenet."))
    }
    by_names, few = load_published(save(tmp_path / "names.pth", bare), heads=4)
    assert by_class.config == by_names.config
    assert by_names.config.names == ("text", "video")
    assert few == ["fusion.norm.weight", "fusion.norm.bias"]
    assert set(both["state_dict"]) - set(bare) <= set(unused)


def test_one_transformer_per_modality_has_the_text_s_masking_token_everywhere(tmp_path):
    content = checkpoint_of("transformer_per_modality")
    model, unused = load_published(save(tmp_path / "model.pth", content))
    text = content["state_dict"]["fusion_text.masking_token"]
    for transformer in model.transformers.values():
        assert torch.equal(transformer.masking_token, text)
    assert "fusion_video.masking_token" in unused
    model.save_pretrained(tmp_path / "ours")  # no two parameters share their memory
    FusionModel.from_pretrained(tmp_path / "ours")


def test_positions_that_the_published_code_never_adds_are_unused():
    arrays = read_case("transformer_per_modality")
    state = {**state_of(arrays), "text_pos_embed": torch.zeros(1, 7, 32)}
    config = infer_config(shapes_of(state), arguments={"fusion_params": {"num_heads": 4}})
    assert not config.positions
    assert "text_pos_embed" in rename_state(state, config)[1]


@pytest.mark.parametrize("hidden", [1, 31, 33, 45, 100])
def test_any_hidden_width_has_a_ratio(hidden):
    shapes = shapes_of(state_of(read_case("base")))
    shapes["fusion.blocks.0.mlp.fc1.weight"] = (hidden, 32)
    config = infer_config(shapes, heads=4)
    assert FusionModel(config).transformers["shared"].blocks[0].mlp_in.out_features == hidden


def test_heads_come_from_the_caller_the_file_or_their_width():
    shapes = shapes_of(state_of(read_case("base")))
    said = {"fusion_params": {"num_heads": 4}}
    assert infer_config(shapes, arguments=said).heads == 4
    assert infer_config(shapes, arguments=said, heads=8).heads == 8
    with pytest.raises(ValueError, match="--heads"):
        infer_config(shapes)
    for heads in (0, -4, 5):
        with pytest.raises(ValueError, match=f"{heads} heads"):
            infer_config(shapes, heads=heads)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"text_proj.fc.weight": torch.zeros(48, 31)},
            r"text_proj\.fc\.weight has shape \(48, 31\), expected \(48, 32\)",
        ),
        (
            {"fusion.blocks.0.attn.proj.bias": None},
            r"fusion\.blocks\.0\.attn\.proj\.bias is missing, expected with shape \(32,\)",
        ),
        ({"davenet.conv1.weight": None}, r"davenet\.conv1\.weight is missing"),
        (
            {"davenet.layer2.0.bn1.running_var": torch.zeros(9)},
            r"davenet\.layer2\.0\.bn1\.running_var has shape \(9,\), expected \(8,\)",
        ),
        (
            {"davenet.layer3.0.conv1.weight": torch.zeros(16, 8, 9)},
            r"davenet\.layer3\.0\.conv1\.weight has shape \(16, 8, 9\), expected 4 axes",
        ),
        (
            {"video_token_proj.fc.weight": torch.zeros(32)},
            r"video_token_proj\.fc\.weight has shape \(32,\), expected 2 axes",
        ),
    ],
)
def test_the_first_parameter_that_does_not_fit_is_named(tmp_path, change, message):
    state = {**state_of(read_case("base")), **change}
    state = {name: value for name, value in state.items() if value is not None}
    path = save(tmp_path / "wrong.pth", state)
    with pytest.raises(ValueError, match=message) as caught:
        load_published(path, heads=4)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "expected a dictionary, found Tensor"),
        ({}, "no parameters"),
        ({"state_dict": {}}, "no parameters"),
        ({"state_dict": {"a": 1}}, "expected tensors by name, found 'a': int"),
        ({"\x1b[2Ja": torch.ones(1)}, r"found '\\x1b\[2Ja': Tensor"),
        ({"layer1.weight": torch.ones(1)}, r"text_token_proj\.fc\.weight is missing.*layer1"),
        (
            {
                "state_dict": {"a": torch.ones(1)},
                "config": {"arch": {"type": "AVLnet", "args": {}}},
            },
            "AVLnet, expected EverythingAtOnceModel",
        ),
    ],
)
def test_a_foreign_file_is_told(tmp_path, content, message):
    path = save(tmp_path / "foreign.pth", content)
    with pytest.raises(ValueError, match=message) as caught:
        load_published(path)
    assert str(path) in str(caught.value)


def test_weights_and_configuration_of_two_models_are_told(tmp_path):
    content = checkpoint_of("base")
    content["config"]["arch"]["args"]["fusion_params"]["depth"] = 2
    path = save(tmp_path / "two.pth", content)
    with pytest.raises(ValueError, match=r"says fusion_params\.depth = 2, its weights 1"):
        load_published(path)


@pytest.mark.parametrize("kept", [0, 3, 500, 20_000, -100])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_told(tmp_path, kept, zipped):
    path = save(tmp_path / "cut.pth", checkpoint_of("base"), _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cut\.pth is damaged, cut short or no PyTorch"):
        load_published(path)


def test_another_kind_of_file_is_told(tmp_path):
    path = tmp_path / "page.pth"
    path.write_text("<html>Google Drive can't scan this file for viruses</html>")
    with pytest.raises(ValueError, match="no PyTorch checkpoint"):
        load_published(path)
    with pytest.raises(FileNotFoundError):
        load_published(tmp_path / "nowhere.pth")


class Settings:
    """Stands for a configuration that is an object of the authors' own class."""

    def __init__(self) -> None:
        self.depth = 1


class Attack:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("zipped", [True, False])
def test_objects_are_never_made(tmp_path, zipped):
    victim = tmp_path / "executed"
    for thing, name in ((Settings(), "test_published.Settings"), (Attack(victim), "mkdir")):
        content = {**checkpoint_of("base"), "config": thing}
        path = save(tmp_path / "objects.pth", content, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match=rf"{name}.*not read.*weights_only=False.*torch\.save"):
            read_checkpoint(path)
    assert not victim.exists()


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["mmlab", *map(str, arguments)])
    cli.main()


def test_convert_writes_a_model_that_gives_the_published_outputs(tmp_path, monkeypatch, capsys):
    arrays = read_case("base")
    path = save(tmp_path / "base.pth", checkpoint_of("base", prefix="module."))
    run(monkeypatch, "convert", path, tmp_path / "ours")
    said = capsys.readouterr().out
    assert "one for all modalities, depth 1, 4 heads, MLP ratio 1" in said
    assert "fusion.norm (2), davenet.batchnorm1 (5)" in said
    assert "assumed" not in said
    model = FusionModel.from_pretrained(tmp_path / "ours")
    sound = torch.from_numpy(arrays["in/audio"]).transpose(1, 2)
    batch = {
        "video": Tokens(
            torch.from_numpy(arrays["in/video"]), torch.from_numpy(arrays["in/video_mask"]) > 0
        ),
        "audio": Tokens(sound, torch.from_numpy(arrays["in/audio_mask"]) > 0),
    }
    both = arrays["out/video_nonempty_input_mask"] | arrays["out/audio_nonempty_input_mask"]
    kept = {name: Tokens(part.values[both], part.mask[both]) for name, part in batch.items()}
    found = model.embed(kept, ["video+audio"]).raw[("video", "audio")]
    np.testing.assert_allclose(found.numpy(), arrays["out/va_embed"][both], atol=2e-5)


def test_convert_says_what_it_assumed_and_keeps_what_is_there(tmp_path, monkeypatch, capsys):
    config = replace(config_of(read_case("base")), token_width=64)
    model = FusionModel(config)
    state = {
        published_name(name, config): value.reshape(published_shape(name, tuple(value.shape)))
        for name, value in model.state_dict().items()
    }
    path = save(tmp_path / "bare.pth", state)
    run(monkeypatch, "convert", path, tmp_path / "ours")
    assert "1 heads (assumed; --heads says otherwise)" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="holds a model"):
        run(monkeypatch, "convert", path, tmp_path / "ours")
    run(monkeypatch, "convert", path, tmp_path / "other", "--heads", 8)
    assert "8 heads, MLP" in capsys.readouterr().out
