"""The benchmark: an honest baseline, counts that can be checked, equal work on shared weights."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import mmlab
from mmlab.bench import Settings, bench_config, measure_model, multiply_adds, random_batch, table
from mmlab.bench import model as bench_model
from mmlab.bench.arithmetic import _taps, least_seconds
from mmlab.bench.inputs import lengths_of, published_batch
from mmlab.bench.machine import Machine, environment, measure_machine
from mmlab.bench.memory import _peaks
from mmlab.bench.report import heading
from mmlab.bench.settings import EMBEDDING, TRAINING
from mmlab.bench.variants import baseline_variant, load_baseline
from mmlab.cli import main
from mmlab.model import AudioEncoderConfig, FusionModel, ModalityConfig, ModelConfig
from mmlab.types import all_combinations
from tests.published_files import meta_of, read_case, state_of

MACHINE = Machine(matmul_flops=1e9, bytes_per_second=1e9)
SIX = all_combinations()[:6]
PASSES = ("t", "v", "a", "tv", "ta", "va")

TINY = ModelConfig(
    modalities=(
        ModalityConfig("text", 6),
        ModalityConfig("video", 10),
        ModalityConfig("audio", 5, AudioEncoderConfig((4, 4, 6), (2, 1), kernel_frames=3)),
    ),
    token_width=16,
    heads=2,
    projection_width=12,
).as_published()


def tiny_settings(**changes):
    return Settings(**{"name": "tiny", "config": TINY, "clips": (3,), "rounds": 2, **changes})


@pytest.fixture(scope="module")
def runners():
    return bench_model.make_runners(tiny_settings())


# The baseline


@pytest.mark.parametrize("case", ["base", "base_train_bn", "no_empties", "depth2_mlp2"])
def test_the_baseline_computes_the_published_numbers(case):
    arrays, baseline = read_case(case), load_baseline()
    meta = meta_of(arrays)
    config, fusion, loss = meta["config"], meta["config"]["fusion_params"], meta["loss"]
    model = baseline.PublishedStyleModel(
        text_width=config["text_embed_dim"],
        video_width=config["video_embed_dim"],
        mel_bands=40,
        davenet_widths=meta["davenet_widths"],
        davenet_blocks=meta["davenet_layers"],
        token_width=fusion["embed_dim"],
        depth=fusion["depth"],
        heads=fusion["num_heads"],
        mlp_ratio=fusion["mlp_ratio"],
        projection_width=config["projection_dim"],
    )
    model.load_state_dict(state_of(arrays))
    inputs = {n[3:]: torch.from_numpy(value) for n, value in arrays.items() if n[:3] == "in/"}
    output = model.train(meta["training_mode"])(inputs)
    for ours, theirs in zip(PASSES, ("text", "video", "audio", "tv", "ta", "va"), strict=True):
        expected = torch.from_numpy(arrays[f"out/{theirs}_embed"])
        torch.testing.assert_close(output[ours], expected, atol=2e-5, rtol=0)
    weights = {n.removesuffix("_weight"): w for n, w in loss.items() if n.endswith("_weight")}
    total = baseline.six_pair_loss(output, loss["temperature"], weights)
    assert total.item() == pytest.approx(float(arrays["loss/Retrieval"]), rel=1e-5)
    total.backward()
    for name, parameter in model.named_parameters():
        found = 0.0 if parameter.grad is None else parameter.grad.norm().item()
        assert found == pytest.approx(float(arrays[f"gradnorm/{name}"]), rel=1e-3, abs=1e-6), name


def test_the_baseline_leaves_the_callers_batch_alone():
    batch = published_batch(random_batch(TINY, 3))
    batch["text_mask"][0] = 0
    before = {name: value.clone() for name, value in batch.items()}
    variant = baseline_variant(TINY, "cpu")
    variant.step(batch)
    assert all(torch.equal(batch[name], before[name]) for name in batch)


def test_without_a_checkout_the_baseline_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(mmlab, "__file__", str(tmp_path / "site-packages" / "mmlab" / "x.py"))
    with pytest.raises(FileNotFoundError, match="published_style.py is missing.*clone"):
        next(measure_model(tiny_settings(), MACHINE))


def test_a_baseline_of_other_modalities_is_refused():
    with pytest.raises(ValueError, match="text, video and audio"):
        baseline_variant(replace(TINY, modalities=TINY.modalities[:2]), "cpu")


# Counting


def test_counts_by_hand():
    config = ModelConfig(
        modalities=(ModalityConfig("text", 3), ModalityConfig("video", 5)),
        token_width=4,
        heads=1,
        projection_width=6,
    )
    lengths = {"text": [2], "video": [1]}
    three = [("text",), ("video",), ("text", "video")]  # 2, 1 and 3 tokens
    expected = {
        "token projections": 2 * 3 * 4 + 1 * 5 * 4 + 3 * 4 * 4,
        "query, key, value": 3 * (3 * 4 * 4),
        "attention": 2 * (2 * 2 + 1 * 1 + 3 * 3) * 4,
        "attention out": (2 + 1 + 3) * 4 * 4,
        "mlp in": (2 + 1 + 3) * 4 * 4,
        "mlp out": 4 * 4 * 4,  # four pooled vectors: text, video, and both of text+video
        "projections": 4 * (4 * 6 + 6 * 6),
    }
    found = multiply_adds(config, lengths, three, shared=True)
    assert found.parts == expected
    assert found.training == 3 * sum(expected.values()) - (2 * 3 * 4 + 1 * 5 * 4)
    more = {"query, key, value": 6 * (3 * 4 * 4), "mlp out": 6 * 4 * 4}
    assert multiply_adds(config, lengths, three, shared=False).parts == expected | more
    only_text = multiply_adds(config, lengths, [("text",)], shared=True)
    assert only_text.parts["token projections"] == 2 * (3 * 4 + 4 * 4)


@pytest.mark.parametrize("frames", [1, 2, 5, 12])
@pytest.mark.parametrize("kernel", [1, 3, 9])
@pytest.mark.parametrize("stride", [1, 2])
def test_taps_are_the_frames_that_a_convolution_reads(frames, kernel, stride):
    ones = torch.ones(1, 1, frames), torch.ones(1, 1, kernel)
    read = torch.nn.functional.conv1d(*ones, stride=stride, padding=kernel // 2)
    assert _taps(frames, kernel, stride, zeros=False) == read.sum()
    assert _taps(frames, kernel, stride, zeros=True) == read.numel() * kernel


def products(call) -> int:
    """The multiply-adds of matrix products and convolutions, without fused attention."""
    with FlopCounterMode(display=False) as counter:
        call()
    counts = counter.get_flop_counts()["Global"]
    return sum(value for name, value in counts.items() if "attention" not in str(name)) // 2


def test_the_baseline_multiplies_as_often_as_is_counted():
    batch = random_batch(TINY, 3)
    expected = multiply_adds(TINY, lengths_of(batch, padded=True), SIX, shared=False)
    model, inputs = baseline_variant(TINY, "cpu").model, published_batch(batch)
    assert products(lambda: model(inputs)) == expected.forward

    def learn():
        output = model(inputs)
        sum(output[name].sum() for name in PASSES).backward()

    assert products(learn) == expected.training


@pytest.mark.parametrize("combinations", [SIX, [("text",), ("video", "audio")]])
def test_mmlab_multiplies_no_more_often_than_the_least_that_is_counted(combinations):
    """With kernels of one frame: wider ones also read the zeros beyond the ends."""
    encoder = replace(TINY.modalities[2].encoder, kernel_frames=1)
    sound = replace(TINY.modalities[2], encoder=encoder)
    config = replace(TINY, modalities=(*TINY.modalities[:2], sound))
    batch, model = random_batch(config, 3), FusionModel(config)
    expected = multiply_adds(config, lengths_of(batch, padded=False), combinations, shared=True)
    attention = expected.parts["attention"]
    assert products(lambda: model(batch, combinations)) == expected.forward - attention

    def learn():
        sum(one.sum() for one in model(batch, combinations).raw.values()).backward()

    assert products(learn) == expected.training - 3 * attention


def test_the_limit_adds_products_and_adams_way_through_memory():
    assert least_seconds(10**9, 0, MACHINE) == pytest.approx(2.0)
    assert least_seconds(10**9, 10**9, MACHINE) == pytest.approx(2.0 + 28.0)


# Batches


def test_batches_repeat_and_captions_have_as_many_words_as_asked_for():
    config = bench_config("sample")
    one, other = random_batch(config, 300), random_batch(config, 300)
    assert all(torch.equal(one[name].values, other[name].values) for name in config.names)
    assert not torch.equal(random_batch(config, 300, seed=1)["text"].values, one["text"].values)
    words = one["text"].mask.sum(dim=1).float()
    assert words.mean() == pytest.approx(9, abs=0.7)
    assert words.std() == pytest.approx(4, abs=0.7)
    assert words.min() >= 1
    assert random_batch(config, 4, words=20)["text"].mask.all()
    assert one["video"].mask.shape == (300, 12)
    assert one["audio"].mask.shape == (300, 12 * 64)


@pytest.mark.parametrize("words", [0.5, 21, float("nan")])
def test_a_caption_of_no_or_too_many_words_is_refused(words):
    with pytest.raises(ValueError, match="words must be 1 to 20"):
        random_batch(TINY, 2, words=words)


@pytest.mark.parametrize("size", ["paper", "sample"])
def test_both_sizes_are_measured_in_the_published_way(size):
    config = bench_config(size)
    assert config == config.as_published()
    assert not config.dropout


# Equal work on shared weights


def test_the_baseline_has_no_weights_and_moments_of_its_own(runners):
    ours, theirs = runners["mmlab"].variant, runners["baseline"].variant
    own = {one.data_ptr(): one for one in ours.model.state_dict().values()}
    unshared = {n for n, v in theirs.model.state_dict().items() if v.data_ptr() not in own}
    assert {name.split(".")[1] for name in unshared} == {"norm", "batchnorm1"}
    moments = {state["exp_avg"].data_ptr() for state in ours.optimizer.state.values()}
    assert moments
    assert moments == {state["exp_avg"].data_ptr() for state in theirs.optimizer.state.values()}


def test_both_compute_the_same_until_one_is_changed():
    runners = bench_model.make_runners(tiny_settings())
    batch = random_batch(TINY, 4, seed=1)
    bench_model.check_equal_work(runners, batch)
    runners["mmlab"].variant.model.token_projections["text"].projection.linear.bias.data += 1
    bench_model.check_equal_work(runners, batch)  # the baseline sees the change
    bias = runners["mmlab"].variant.model.token_projections["text"].projection.linear.bias
    bias.data = bias.data + 1  # no longer shared
    with pytest.raises(ValueError, match=r"do not compute the same: embedding text"):
        bench_model.check_equal_work(runners, batch)


def test_steps_change_no_weight(runners):
    before = [one.clone() for one in runners["mmlab"].variant.model.parameters()]
    for runner in runners.values():
        runner.learn(random_batch(TINY, 3))
    after = runners["mmlab"].variant.model.parameters()
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


# The measurement and what it prints


def test_a_step_is_timed_in_parts(runners):
    for runner in runners.values():
        inputs = runner.variant.prepare(random_batch(TINY, 3))
        step = runner.time(TRAINING, inputs)
        parts = step["forward"], step["backward"], step["optimizer"]
        assert min(parts) > 0
        assert sum(parts) <= step["total"]
        assert set(runner.time(EMBEDDING, inputs)) == {"total"}
        assert all(one.grad is None for one in runner.variant.model.parameters())


@pytest.mark.parametrize("variant", ["baseline", "mmlab"])
def test_peaks_grow_from_embedding_to_training(variant):
    peaks = _peaks(variant, tiny_settings(), 3, torch.get_num_threads())
    if sys.platform != "linux":
        pytest.skip("only Linux tells the peak")
    assert 0 < peaks[EMBEDDING] <= peaks[TRAINING]


def test_a_report_has_every_figure_and_prints_them():
    reports = list(measure_model(tiny_settings(clips=(2, 3), memory=False), MACHINE))
    assert [len(report.tasks) for report in reports] == [2, 4]
    figures = json.loads(reports[-1].to_json())
    assert {"processor", "threads", "torch"} <= set(figures["environment"])
    assert figures["settings"]["parameters"] == sum(
        p.numel() for p in FusionModel(TINY).parameters()
    )
    assert ModelConfig.from_json(json.dumps(figures["settings"]["config"])) == TINY
    assert figures["machine"] == {"matmul_flops": 1e9, "bytes_per_second": 1e9}
    for task in figures["tasks"]:
        baseline, ours = task["baseline"], task["mmlab"]
        assert len(ours["rounds"]) == 2
        assert task["ratio"] == pytest.approx(baseline["seconds"] / ours["seconds"])
        assert ours["multiply_adds"] < baseline["multiply_adds"]
        assert ours["clips_per_second"] == pytest.approx(task["clips"] / ours["seconds"])
        assert set(ours["parts"]) == (
            {"forward", "backward", "optimizer"} if task["name"] == TRAINING else set()
        )
    text = heading(reports[0]) + table(reports[0].tasks[0])
    for word in ("tiny model", "matmul peak 1 GFLOP/s", "baseline", "mmlab", "optimizer", "limit"):
        assert word in text


@pytest.mark.parametrize("changes", [{"clips": ()}, {"clips": (1,)}, {"rounds": 0}])
def test_settings_that_measure_nothing_are_refused(changes):
    with pytest.raises(ValueError, match="2 clips or more"):
        tiny_settings(**changes)


def test_the_machine_is_measured_and_named():
    machine = measure_machine("cpu", side=64, numbers=2**12, repeats=2)
    assert machine.matmul_flops > 1e6
    assert machine.bytes_per_second > 1e6
    assert environment("cpu")["torch"] == torch.__version__


def test_the_command_prints_a_table_and_writes_json(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("mmlab.bench.bench_config", lambda size: TINY)
    monkeypatch.setattr(bench_model, "measure_machine", lambda device: MACHINE)
    out = tmp_path / "bench.json"
    options = f"--size sample --batch 2 3 --rounds 1 --no-memory --out {out}"
    monkeypatch.setattr(sys, "argv", ["mmlab", "bench", "model", *options.split()])
    main()
    printed = capsys.readouterr().out
    assert printed.count("mmlab is") == 4
    assert "sample model" in printed
    assert [task["clips"] for task in json.loads(out.read_text())["tasks"]] == [2, 2, 3, 3]


def test_the_command_says_why_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["mmlab", "bench", "model", "--device", "cuda"])
    with pytest.raises(SystemExit, match="torch finds no GPU"):
        main()
