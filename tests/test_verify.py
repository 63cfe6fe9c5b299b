"""`mmlab verify`: every case of the published code passes, every falsified one does not."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from mmlab import cli
from mmlab.verify import Verdict, verify
from tests.published_files import CASES, REFERENCE, meta_of, read_case, write_case


@pytest.mark.parametrize("case", CASES)
def test_the_model_is_the_published_one(case):
    verdict = verify(REFERENCE / f"{case}.npz")
    assert verdict.passed, verdict.to_json()


def test_every_variant_is_there():
    assert len(CASES) == 14


def scaled(name: str, factor: float):
    return lambda arrays: {**arrays, name: arrays[name] * factor}


def shifted(name: str, amount: float):
    def change(arrays):
        value = arrays[name].copy()
        value.flat[0] += amount
        return {**arrays, name: value}

    return change


def with_meta(**changes):
    def change(arrays):
        return {**arrays, "meta": np.array(json.dumps({**meta_of(arrays), **changes}))}

    return change


def flipped(name: str):
    return lambda arrays: {**arrays, name: ~arrays[name]}


def with_heads(arrays):
    config = meta_of(arrays)["config"]
    config["fusion_params"]["num_heads"] = 8
    return with_meta(config=config)(arrays)


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (shifted("out/va_embed", 3e-5), {"output"}),
        (shifted("out/t+v_embed", 3e-5), {"output"}),
        (flipped("out/audio_nonempty_input_mask"), {"output"}),
        (shifted("out/text_embed", np.nan), {"output"}),
        (scaled("loss/v_ta", 1.00002), {"loss"}),
        (scaled("loss/Retrieval", 1.00002), {"loss"}),
        (scaled("gradnorm/davenet.layer6.0.conv2.weight", 1.002), {"gradient"}),
        (shifted("gradnorm/fusion.norm.bias", 0.1), {"gradient"}),
        (shifted("gradnorm/fusion.masking_token", 0.1), {"gradient"}),
        (shifted("state/video_token_proj.fc.bias", 0.1), {"output", "loss", "gradient"}),
        (shifted("state/davenet.bn1.running_mean", 0.1), {"output", "loss", "gradient"}),
        (shifted("in/video", 1.0), {"output", "loss", "gradient"}),
        (with_meta(training_mode=True), {"output", "loss", "gradient"}),
        (with_heads, {"output", "loss", "gradient"}),
    ],
)
def test_a_falsified_file_fails_where_it_is_false(tmp_path, change, failing):
    verdict = verify(write_case(tmp_path / "false.npz", change(read_case("base"))))
    assert verdict.error is None
    assert not verdict.passed
    line = json.loads(verdict.to_json())
    limits = {"output": 2e-5, "loss": 1e-5, "gradient": 1e-3}
    errors = {kind: line[f"{kind}_error"] for kind in limits}
    wrong = {k for k, error in errors.items() if error is None or error > limits[k]}
    assert wrong == failing
    assert line["pass"] is False


@pytest.mark.parametrize(
    "change",
    [
        shifted("out/va_embed", 1e-5),
        scaled("loss/v_ta", 1.000005),
        scaled("gradnorm/davenet.layer6.0.conv2.weight", 1.0005),
    ],
)
def test_half_of_what_is_allowed_passes(tmp_path, change):
    assert verify(write_case(tmp_path / "near.npz", change(read_case("base")))).passed


def test_a_term_of_weight_zero_is_compared_and_does_not_count(tmp_path):
    arrays = read_case("base")
    loss = meta_of(arrays)["loss"] | {"ta_weight": 0}
    weights = {term: loss[f"{term}_weight"] for term in ("tv", "ta", "va", "t_va", "v_ta", "a_tv")}
    total = sum(weight * arrays[f"loss/{term}"] for term, weight in weights.items())
    arrays["loss/Retrieval"] = np.array(total / sum(weights.values()), np.float32)
    verdict = verify(write_case(tmp_path / "zero.npz", with_meta(loss=loss)(arrays)))
    assert verdict.error is None
    assert verdict.loss_error < 1e-5


def test_the_worst_of_each_kind_is_named(tmp_path):
    arrays = scaled("gradnorm/text_proj.fc.bias", 1.01)(read_case("base"))
    arrays = shifted("out/ta_embed", 1.0)(scaled("loss/a_tv", 2.0)(arrays))
    verdict = verify(write_case(tmp_path / "false.npz", arrays))
    assert verdict.worst == {
        "output": "ta_embed",
        "loss": "a_tv",
        "gradient": "text_proj.fc.bias",
    }


def without(name: str):
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def without_all(part: str):
    return lambda arrays: {k: v for k, v in arrays.items() if not k.startswith(part)}


def replaced(name: str, value: object):
    return lambda arrays: {**arrays, name: np.array(value)}


def with_loss(**changes):
    return lambda arrays: with_meta(loss={**meta_of(arrays)["loss"], **changes})(arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("meta"), "meta is missing"),
        (replaced("meta", "{"), "meta is no JSON"),
        (replaced("meta", "[]"), "meta is a list"),
        (replaced("meta", "{}"), "meta has no config"),
        (with_meta(config=3), "meta.config is no dictionary"),
        (with_meta(model="Other"), "class Other"),
        (with_loss(contrastive="Triplet"), "meta.loss.contrastive is 'Triplet'"),
        (with_loss(temperature=None), "meta.loss.temperature is a NoneType, expected a number"),
        (with_loss(tv_weight=None), "meta.loss.tv_weight is a NoneType"),
        (replaced("loss/tv", [1.0, 2.0]), "loss/tv has shape (2,), expected a number"),
        (without_all("state/"), "state/* is missing"),
        (without_all("gradnorm/"), "gradnorm/* is missing"),
        (without("state/text_proj.cg.fc.bias"), "text_proj.cg.fc.bias is missing"),
        (replaced("state/text_proj.fc.bias", ["a"]), "state/text_proj.fc.bias has type"),
        (replaced("state/text_proj.fc.bias", [1.0]), "has shape (1,), expected (48,)"),
        (without("in/video_mask"), "in/video_mask is missing"),
        (replaced("in/video", [1.0]), "in/video has shape (1,), expected 3 axes"),
        (replaced("in/video_mask", np.ones((8, 5))), "in/video_mask (8, 5)"),
        (shifted("in/video", np.nan), "in/video has shape (8, 6, 20), expected 3 axes of finite"),
        (replaced("out/tv_embed", np.ones((8, 47))), "out/tv_embed has shape (8, 47)"),
        (replaced("out/xy_embed", np.ones((8, 48))), "out/xy_embed is unknown"),
        (replaced("loss/t_xy", 1.0), "loss/t_xy is unknown"),
        (without("loss/Retrieval"), "loss/Retrieval is missing"),
        (without("gradnorm/text_proj.fc.bias"), "gradnorm/text_proj.fc.bias is missing"),
        (replaced("out/text_embed", [None]), "out/text_embed cannot be read"),
    ],
)
def test_a_malformed_file_is_a_failing_line_that_names_the_field(tmp_path, change, message):
    path = write_case(tmp_path / "malformed.npz", change(read_case("base")))
    verdict = verify(path)
    assert not verdict.passed
    assert verdict.error is not None
    assert message in verdict.error
    assert str(path) in verdict.error


def test_shortened_sound_needs_its_number_of_frames(tmp_path):
    arrays = shifted("in/audio_STFT_nframes", 1)(read_case("audio_max_pool"))
    verdict = verify(write_case(tmp_path / "frames.npz", arrays))
    assert "audio_STFT_nframes is not the sum" in str(verdict.error)


def test_a_text_video_file_is_compared_without_its_sound(tmp_path):
    arrays = with_meta(model="EverythingAtOnceModel_TV_Only")(read_case("base"))
    fused = [k for k in arrays if k.startswith("out/") and k.endswith("_embed")]
    for name in (*fused, "loss/ta", "loss/va", "loss/t_va", "loss/v_ta", "loss/a_tv"):
        if name not in ("out/text_embed", "out/video_embed", "out/t+v_embed"):
            del arrays[name]
    arrays["loss/Retrieval"] = arrays["loss/tv"]
    verdict = verify(write_case(tmp_path / "text_video.npz", arrays))
    assert verdict.output_error < 2e-5
    assert verdict.loss_error < 1e-5


def test_not_a_number_fails_and_is_still_json():
    verdict = Verdict("a.npz", float("nan"), 0.0, 0.0)
    assert not verdict.passed
    assert json.loads(verdict.to_json())["output_error"] is None


def run(monkeypatch, *files: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["mmlab", "verify", *map(str, files)])
    cli.main()


def test_the_command_prints_a_line_for_each_file_and_goes_on(tmp_path, monkeypatch, capsys):
    good = REFERENCE / "no_empties.npz"
    run(monkeypatch, good)
    assert json.loads(capsys.readouterr().out)["pass"] is True
    cut = tmp_path / "cut.npz"
    cut.write_bytes(good.read_bytes()[:-3000])
    text = tmp_path / "text.npz"
    text.write_text("not a zip")
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, cut, text, tmp_path / "nowhere.npz", good)
    assert stopped.value.code == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["pass"] for line in lines] == [False, False, False, True]
    for line in lines[:3]:
        assert Path(line["file"]).name in line["error"]


def test_no_file_is_no_success(monkeypatch):
    with pytest.raises(SystemExit, match="one .npz file or more"):
        run(monkeypatch)


def test_a_damaged_array_is_named(tmp_path):
    path = write_case(tmp_path / "damaged.npz", read_case("no_empties"))
    data = bytearray(path.read_bytes())
    place = data.find(b"out/video_embed.npy") + 400
    data[place : place + 8] = b"\xff" * 8
    path.write_bytes(data)
    assert "out/video_embed cannot be read" in str(verify(path).error)
