import json
import math
from dataclasses import fields, replace

import pytest

from mmlab.losses import disjoint_pairs, pair_name
from mmlab.training import (
    EpochRecord,
    Outcome,
    Plan,
    StepRecord,
    TrainConfig,
    Watcher,
    read_metrics,
)
from mmlab.types import MODALITIES
from mmlab.views import training
from mmlab.views.theme import colour_of
from mmlab.views.training import LiveTraining, in_words
from mmlab.views.training_curves import MOST_POINTS, SMOOTHED_SHARE, TrainingCurves
from mmlab.views.training_form import GROUPS, MEANINGS, RECIPES, TrainingForm
from mmlab.views.training_picture import apart, training_picture

ENDED = Outcome(True, 6, 3, 2, 1, "", 65.0, 1234.0, 0.25)


def step(number, value, *, epoch=1, skipped=False, **terms):
    terms = {"total": value, **terms}
    return StepRecord(number, epoch, terms, 1e-3, 1.0, 64, 0.5, 0.125, skipped)


def run(watcher, epochs=3, per_epoch=2, *, evaluate=True, first=0, until=None):
    """What a trainer tells its watcher."""
    watcher.begin(Plan(epochs, per_epoch, first))
    for number in range(first + 1, (until or epochs * per_epoch) + 1):
        watcher.step(step(number, 10.0 / number, epoch=-(-number // per_epoch)))
        if number % per_epoch == 0:
            epoch = number // per_epoch
            evaluation = {"R@10": 30.0 + epoch, "R@1": 10.0 + epoch, "MedR": 7.0}
            record = EpochRecord(epoch, {"total": 9.0 - epoch}, evaluation if evaluate else {})
            watcher.epoch(replace(record, best=evaluate and epoch == 2))
    watcher.end(ENDED)


def labels(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


# Curves.


def test_smoothing_is_the_mean_of_a_share_of_the_steps_the_latest_counting_most():
    values = [5.0 + math.sin(number) for number in range(1, 201)]
    curves = TrainingCurves()
    curves.begin(Plan(1, 200))
    shares = [1 / max(1.0, SMOOTHED_SHARE * number) for number in range(1, 201)]
    for number, value in enumerate(values, start=1):
        curves.step(step(number, value))
        weights = [
            share * math.prod(1 - later for later in shares[index + 1 : number])
            for index, share in enumerate(shares[:number])
        ]
        assert sum(weights) == pytest.approx(1)
        mean = sum(w * v for w, v in zip(weights, values[:number], strict=True))
        assert curves.terms["total"][-1] == pytest.approx(mean)


def test_a_skipped_step_leaves_the_curve_as_it_was():
    curves = TrainingCurves()
    curves.begin(Plan(1, 10))
    curves.step(step(1, math.nan, skipped=True))
    curves.step(step(2, 3.0))
    curves.step(step(3, math.inf, skipped=True))
    assert math.isnan(curves.terms["total"][0])
    assert curves.terms["total"][1:] == [3.0, 3.0]
    assert curves.skipped == 2


@pytest.mark.parametrize("steps", [1, 2, MOST_POINTS, MOST_POINTS + 1, 7 * MOST_POINTS + 3])
def test_a_long_training_is_thinned_evenly_and_ends_with_its_last_step(steps):
    curves = TrainingCurves()
    curves.begin(Plan(1, steps))
    for number in range(1, steps + 1):
        curves.step(step(number, 1.0, other=2.0) if number % 2 else step(number, 1.0))
    assert min(steps, MOST_POINTS // 2) <= len(curves.positions) <= MOST_POINTS
    assert curves.positions[-1] == 1.0
    assert {len(values) for values in curves.terms.values()} == {len(curves.positions)}
    gaps = {
        round(steps * (b - a))
        for a, b in zip(curves.positions, curves.positions[1:-1], strict=False)
    }
    assert len(gaps) <= 1


def test_a_term_that_comes_later_begins_later():
    curves = TrainingCurves()
    curves.begin(Plan(1, 3))
    curves.step(step(1, 5.0))
    curves.step(step(2, 5.0, late=1.0))
    assert math.isnan(curves.terms["late"][0])
    assert curves.terms["late"][1] == 1.0
    assert curves.names() == ["total", "late"]


def test_what_a_resumed_training_makes_again_is_forgotten():
    whole, parts = LiveTraining(), LiveTraining()
    run(whole, epochs=4)
    run(parts, epochs=4, until=5)
    run(parts, epochs=4, first=4)
    assert parts.curves.positions == whole.curves.positions
    assert parts.curves.epochs == whole.curves.epochs


def test_another_training_starts_anew():
    live = LiveTraining()
    run(live, epochs=4)
    run(live, epochs=2)
    assert live.curves.positions == [0.5, 1.0, 1.5, 2.0]
    assert [record.epoch for record in live.curves.epochs] == [1, 2]


def test_the_axis_is_at_least_half_full():
    curves = TrainingCurves()
    curves.begin(Plan(40, 10))
    for number in range(1, 401):
        curves.step(step(number, 1.0))
        assert curves.done <= curves.length <= min(40, 2 * curves.done)
    assert curves.length == 40


# The picture.


def test_the_picture_names_every_line_and_tells_what_happened():
    live = LiveTraining("A run", blind_guess=9.7)
    run(live)
    told = live.still().sentence
    assert told.startswith("A run: 1 lines over 3 epochs. The total goes from 10.00 to ")
    assert "A blind guess costs 9.70. R@1 goes from 11 to 13 %. R@10 goes from 31 to 33 %." in told
    assert "The best epoch is 2. Finished. 6 steps in 1 min 05 s" in told
    shown = labels(live.still())
    assert {"blind guess  9.70", "R@1  13 %", "R@10  33 %", "best"} <= set(shown)
    assert live.still().png()


def test_a_name_stands_at_the_height_of_its_line():
    rows = [{"epoch": epoch, "terms": {"total": 9.5 / epoch}} for epoch in (1, 2, 3)]
    picture = training_picture(rows, title="Heights", blind_guess=9.7)
    picture.png()  # whatever drawing may still move
    axes = picture.figure.axes[0]
    (name,) = [text for text in axes.texts if text.get_text().startswith("blind")]
    low, high = axes.get_ylim()
    assert name.xy[1] == pytest.approx((9.7 - low) / (high - low))


def test_recall_gets_a_panel_only_if_it_was_measured():
    with_recall, without = LiveTraining(), LiveTraining()
    run(with_recall)
    run(without, evaluate=False)
    assert [len(one.still().figure.axes) for one in (with_recall, without)] == [2, 1]


def test_nothing_measured_says_so():
    assert LiveTraining("A run").still().sentence == "A run: nothing measured yet."
    assert LiveTraining().still().png()


def test_every_term_has_a_look_of_its_own():
    terms = {pair_name(pair): 2.0 for pair in disjoint_pairs(MODALITIES)}
    rows = [{"epoch": epoch, "terms": terms} for epoch in (1, 2)]
    lines = training_picture(rows, title="Terms").figure.axes[0].get_lines()
    looks = [(line.get_color(), line.get_gapcolor()) for line in lines[: len(terms)]]
    assert len(set(looks)) == 6
    assert looks[0] == (colour_of("text"), colour_of("video"))


@pytest.mark.parametrize("heights", [[], [0.5], [0.5, 0.5, 0.5], [0.3, 0.1, 0.11, 0.9]])
def test_labels_of_close_lines_do_not_overlap(heights):
    moved = apart(heights, 0.05)
    assert all(b >= a for a, b in zip(heights, moved, strict=True))
    ordered = sorted(moved)
    assert all(b - a > 0.05 - 1e-9 for a, b in zip(ordered, ordered[1:], strict=False))
    assert sorted(range(len(heights)), key=heights.__getitem__) == sorted(
        range(len(heights)), key=moved.__getitem__
    )


def test_the_metrics_of_a_run_are_drawn_without_its_steps(tmp_path):
    rows = [
        {"epoch": 1, "terms": {"total": 9.0}, "evaluation": {}, "best": False, "seconds": 1.0},
        {"epoch": 2, "terms": {"total": 7.0}, "evaluation": {"R@1": 5.0}, "best": True},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    picture = training_picture(read_metrics(tmp_path), title="Kept", blind_guess=9.7)
    assert picture.sentence == (
        "Kept: 1 lines over 2 epochs. The total goes from 9.00 to 7.00. A blind guess costs 9.70. "
        "R@1 is 5 %. The best epoch is 2."
    )
    assert list(picture.figure.axes[0].get_lines()[0].get_xdata()) == [0.5, 1.5]


# Live.


def test_what_the_browser_gets_is_strict_json():
    live = LiveTraining("A run", blind_guess=9.7)
    live.begin(Plan(2, 2))
    live.step(step(1, math.nan, skipped=True))
    live.epoch(EpochRecord(1, {"total": math.nan}))
    live.say("step 1: loss is not finite")
    text = json.dumps(live.shown, allow_nan=False)
    assert json.loads(text)["panels"][0]["lines"][0]["y"] == [None]
    assert live.shown["messages"] == ["step 1: loss is not finite"]


def test_words_before_the_beginning_are_kept():
    live = LiveTraining()
    live.say("checkpoint step-00000012 is damaged")
    live.begin(Plan(2, 2))
    assert live.shown["messages"] == ["checkpoint step-00000012 is damaged"]


def test_it_is_redrawn_rarely_and_at_the_end(monkeypatch):
    clock, drawn = [0.0], []
    monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])
    live = LiveTraining()
    live.observe(lambda _: drawn.append(clock[0]), "shown")
    live.begin(Plan(1, 1000))
    for number in range(1, 1001):
        clock[0] += 0.01
        live.step(step(number, 1000.0 - number))
    live.end(ENDED)
    pauses = [b - a for a, b in zip(drawn[:-1], drawn[1:-1], strict=False)]
    assert len(drawn) <= 2 + 10 / training.SECONDS_BETWEEN_REDRAWS
    assert len(drawn) >= 15
    assert min(pauses) > training.SECONDS_BETWEEN_REDRAWS - 0.001


def test_slow_redraws_become_rarer(monkeypatch):
    clock, drawn = [0.0], []
    monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])
    live = LiveTraining()

    def draw(_):
        drawn.append(clock[0])
        clock[0] += 1.0

    live.observe(draw, "shown")
    live.begin(Plan(1, 1000))
    for number in range(1, 1001):
        clock[0] += 0.1
        live.step(step(number, float(number)))
    assert len(drawn) <= 1 + training.LARGEST_SHARE_OF_TIME * clock[0]


def test_the_line_tells_how_far_how_long_and_how_fast(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])
    live = LiveTraining()
    live.begin(Plan(4, 100, 100))  # resumed: 100 steps cost nothing here
    clock[0] += 60
    live.step(step(200, 1.0, epoch=2))
    assert live.shown["words"] == (
        "epoch 3 of 4 · step 200 of 400 · 1 min 00 s gone, about 2 min 00 s left · "
        "128 clips per second · 25 % waiting for data · 0 skipped"
    )
    assert live.shown["done"] == 0.5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.2, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3600, "1 h 00 min"),
        (9e4, "25 h 00 min"),
    ],
)
def test_times_are_told_in_two_units(seconds, words):
    assert in_words(seconds) == words


def test_stop_is_heard_only_while_something_runs():
    live = LiveTraining()
    click = {"kind": "stop"}
    live._on_message(live, click, [])
    assert not live.stop
    live.begin(Plan(2, 2))
    live._on_message(live, {"kind": "else"}, [])
    assert not live.stop
    live._on_message(live, click, [])
    assert live.stop
    assert live.stopping
    live.end(replace(ENDED, stopped="asked"))
    assert live.shown["status"].startswith("Stopped as asked")
    assert not live.stopping
    live._on_message(live, click, [])
    live.begin(Plan(2, 2, 1))
    assert not live.stop
    assert isinstance(live, Watcher)


def test_the_kernel_finds_no_way_to_hold_a_click_back():
    assert getattr(LiveTraining().comm, "_reply_subshell_for", None) is None


def test_outside_a_notebook_nothing_is_printed(capsys):
    live = LiveTraining()
    run(live)
    assert capsys.readouterr().out == ""


# The form.


@pytest.fixture
def form():
    return TrainingForm(TrainConfig(epochs=10, loss_weights={"text | video": 2.0}))


def test_the_form_shows_and_gives_what_it_was_given(form):
    assert form.config == TrainConfig(epochs=10, loss_weights={"text | video": 2.0})
    assert form.fields["epochs"].value == "10"
    assert "loss weights: text | video 2" in form.besides.value
    assert TrainingForm().config == TrainConfig()


def test_every_field_says_what_it_means():
    shown = [name for names in GROUPS.values() for name in names]
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(MEANINGS) == {field.name for field in fields(TrainConfig)}
    assert all(text.endswith(".") and "  " not in text for text in MEANINGS.values())


@pytest.mark.parametrize(
    ("name", "shown", "value"),
    [
        ("epochs", " 3 ", 3),
        ("learning_rate", "2e-4", 2e-4),
        ("chunk_clips", "32", 32),
        ("chunk_clips", "none", None),
        ("clip_gradient_norm", "1", 1.0),
        ("precision", "bfloat16", "bfloat16"),
        ("freeze_norm", True, True),
        ("monitor_gallery", "video", "video"),
    ],
)
def test_a_good_value_is_taken(form, name, shown, value):
    form.fields[name].value = shown
    assert form.config == replace(
        TrainConfig(epochs=10, loss_weights={"text | video": 2.0}), **{name: value}
    )
    assert form.message.value == ""


@pytest.mark.parametrize(
    ("name", "shown", "sentence"),
    [
        ("epochs", "many", "epochs is a whole number, found"),
        ("epochs", "0", "epochs is a whole number from 1, found 0"),
        ("epochs", "1.5", "epochs is a whole number, found"),
        ("epochs", "", "epochs is a whole number, found"),
        ("learning_rate", "-1", "learning_rate is above 0, found -1.0"),
        ("learning_rate", "nan", "learning_rate is above 0, found nan"),
        ("word_dropout", "1", "word_dropout is 0 or more and below 1"),
        ("patience_epochs", "3", "patience_epochs needs evaluate_every_epochs"),
        ("device", " ", "device is a word"),
        ("chunk_clips", "<b>", "&lt;b&gt;"),
    ],
)
def test_a_wrong_value_is_told_and_the_last_good_one_stays(form, name, shown, sentence):
    before, text = form.config, form.fields[name].value
    form.fields[name].value = shown
    assert sentence in form.message.value
    assert f"stays {text or 'none'}." in form.message.value
    assert form.config == before
    assert form.fields[name].value == text


def test_only_fields_that_count_can_be_changed(form):
    assert form.fields["decay_per_epoch"].disabled
    assert form.fields["monitor_query"].disabled
    form.fields["schedule"].value = "exponential"
    form.fields["evaluate_every_epochs"].value = "2"
    assert not form.fields["decay_per_epoch"].disabled
    assert not form.fields["monitor_query"].disabled


@pytest.mark.parametrize("name", list(RECIPES))
def test_recipes_fill_the_form_and_as_given_brings_back(form, name):
    given = form.config
    form.recipe.value = name
    assert form.config == RECIPES[name]()
    form.recipe.value = "as given"
    assert form.config == given


def test_the_form_stands_still_with_what_was_changed(form):
    form.fields["chunk_clips"].value = "32"
    told = form.still().sentence
    assert told.endswith("default: epochs 10, chunk clips 32, loss weights text | video 2.")
    bold = [t.get_text() for t in form.still().figure.axes[0].texts if t.get_weight() == "bold"]
    assert [word for word in bold if word not in GROUPS] == ["10", "32"]
    assert form.still().png()
