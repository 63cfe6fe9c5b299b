"""Write into README.md, between marks, what the sample model reaches and what things cost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

import mmlab
from mmlab import sample
from mmlab.ablation.report import Report
from mmlab.bench.index import NAMES
from mmlab.cli.explanation import short_table
from mmlab.index.graphs import GRAPHED_ROWS
from mmlab.question.parts import SENSES

CHECKOUT = Path(__file__).parents[1]
GALLERIES = ("video", "audio", "video+audio")
COMMAND = "make results"
BENCHMARKS = ("docs/bench-paper.json", "docs/bench-sample.json")
DATA_BENCHMARK = "docs/bench-data.json"
TRAINING_BENCHMARK = "docs/bench-training.json"
RANKING_BENCHMARK = "docs/bench-evaluation.json"
MAP_BENCHMARK = "docs/bench-map.json"
MAP_IN_BROWSER = "docs/bench-map-browser.json"
ABLATIONS = "docs/ablations.json"
EXPLANATIONS = "docs/explanation.json"
QUESTIONS = "docs/questions.json"
INDEX_BENCHMARK = "docs/bench-index.json"
SIDES = {"query": "questions", "gallery": "clips"}
HOW = {"drop": "dropped", "shuffle": "taken from other clips", "swap": "taken from one clip"}


def retrieval_table(retriever: mmlab.Retriever) -> list[str]:
    """Text to each gallery: figure, interval, ceiling; and what fusion adds."""
    scores = retriever.evaluate().set_index(["query", "gallery"])
    ceilings = sample.ceilings(mmlab.data_folder() / "sample", split="test")
    clips = len(retriever.dataset)
    lines = [
        f"Text → …, among {clips} test clips whose videos and action × ingredient pairs training "
        "never shows; percent with 95 % bootstrap intervals, in brackets the ceiling:",
        "",
        "| gallery | R@1 | R@5 | R@10 | median rank |",
        "|---|---|---|---|---|",
    ]
    for gallery in GALLERIES:
        row, ceiling = scores.loc[("text", gallery)], ceilings.loc[f"text → {gallery}"]
        cells = [
            f"{row[name]:.1f} ({row[f'{name} low']:.1f} to {row[f'{name} high']:.1f}) "
            f"[{ceiling[name]:.1f}]"
            for name in ("R@1", "R@5", "R@10", "MedR")
        ]
        lines.append(f"| {gallery} | {' | '.join(cells)} |")
    chance = [f"{100 * k / clips:.1f}" for k in (1, 5, 10)]
    return [*lines, f"| chance | {' | '.join(chance)} | {(clips + 1) / 2:.0f} |", ""]


def fusion_gain(retriever: mmlab.Retriever) -> list[str]:
    """The paired difference between the fused gallery and the better single one."""
    ranks = {gallery: retriever.ranks("text", gallery) for gallery in GALLERIES}
    lines = []
    for k in (1, 5, 10):
        recall = mmlab.recall_at(k)
        better = max(("video", "audio"), key=lambda name: float(recall(ranks[name])))
        gain, low, high = mmlab.difference_interval(ranks["video+audio"], ranks[better], recall)
        lines.append(f"R@{k} {gain:+.1f} ({low:+.1f} to {high:+.1f}) over {better}")
    return [f"What fusing picture and sound adds, in points: {'; '.join(lines)}.", ""]


def localisation(retriever: mmlab.Retriever) -> list[str]:
    """Step recall on the test videos beside chance and the most that the order allows."""
    videos = mmlab.read_crosstask(mmlab.data_folder() / "sample" / "crosstask")
    result = mmlab.localize_videos(retriever, videos)
    lines = [
        f"Step localisation on {len(result.videos)} test videos by video+audio, percent of the "
        "annotated steps:",
        "",
        "| recall | found | by chance | with perfect scores | the most there can be |",
        "|---|---|---|---|---|",
    ]
    for variant, row in result.table().iterrows():
        names = ("recall", "chance", "oracle", "upper_bound")
        lines.append(f"| {variant} | {' | '.join(f'{row[name]:.1f}' for name in names)} |")
    return lines


def benchmark_table() -> list[str]:
    """What `make bench` measured: mmlab against the published way of computing."""
    lines = []
    for path in BENCHMARKS:
        report = json.loads((CHECKOUT / path).read_text())
        settings, machine, where = (report[k] for k in ("settings", "machine", "environment"))
        lines += [
            f"The {settings['name']}'s size, {settings['parameters'] / 1e6:.1f} M parameters, "
            f"medians of {settings['rounds']} rounds on "
            f"{where.get('gpu', str(where['threads']) + ' cores')} ({where['processor']}, "
            f"{machine['matmul_flops'] / 1e9:.0f} GFLOP/s in matrix products, "
            f"{machine['bytes_per_second'] / 1e9:.0f} GB/s):",
            "",
            "| | clips | as published | mmlab | times as fast | at the limit | peak memory |",
            "|---|---|---|---|---|---|---|",
            *(f"| {' | '.join(_bench_cells(task))} |" for task in report["tasks"]),
            "",
        ]
    return [*lines, "Measured by `make bench`."]


def _bench_cells(task: dict[str, Any]) -> list[str]:
    sides = task["baseline"], task["mmlab"]
    seconds = [f"{side['seconds']:.3g} s ({side['peak_fraction']:.0%} of peak)" for side in sides]
    memory = [f"{side['peak_bytes'] / 1e9:.2f}" for side in sides]
    ratios = [f"**{task['ratio']:.2f}**", f"{task['limit_ratio']:.2f}"]
    return [task["name"], str(task["clips"]), *seconds, *ratios, f"{' → '.join(memory)} GB"]


def training_table() -> list[str]:
    """What `make bench` measured of training and of ranking."""
    training = json.loads((CHECKOUT / TRAINING_BENCHMARK).read_text())
    ranking = json.loads((CHECKOUT / RANKING_BENCHMARK).read_text())
    speed, caching = training["throughput"], training["caching"]
    plain, chunked = caching["plain"], caching["chunked"]
    processes = "; ".join(
        f"{one['numbers']} {one['loss_difference']:.0e} (losses), "
        f"{one['weight_difference']:.0e} (weights)"
        for one in training["processes"]
    )
    return [
        f"A sample-sized model trains on {speed['clips_per_second']:.0f} clips/s in batches of "
        f"{speed['batch_clips']} and waits for data in {speed['waiting_share']:.1%} of the time. "
        f"Gradient caching, {caching['batch_clips']} clips in chunks of {chunked['chunk_clips']}: "
        f"{plain['peak_bytes'] / 1e9:.2f} → {chunked['peak_bytes'] / 1e9:.2f} GB, "
        f"{plain['seconds']:.1f} → {chunked['seconds']:.1f} s a step, largest difference of the "
        f"gradient {caching['difference']:.0e}. Two processes against one, largest relative "
        f"difference: {processes}.",
        "",
        *_ranking_lines(ranking),
        "",
        f"On {training['environment']['threads']} cores "
        f"({training['environment']['processor']}), measured by `make bench`.",
    ]


def _ranking_lines(report: dict[str, Any]) -> list[str]:
    settings, memory = report["settings"], report["memory"]
    seconds = [median(report[f"{name}_seconds"]) for name in ("sorting", "counting")]
    return [
        f"Ranks of {settings['items']:,} × {settings['items']:,} embeddings {settings['width']} "
        f"wide: {seconds[1]:.2f} s, by sorting {seconds[0]:.1f} s, **{report['ratio']:.1f}** times "
        f"as fast ({report['ranking_ratio']:.0f} times without the product, which both need). "
        f"{settings['memory_items']:,} × {settings['memory_items']:,}: "
        f"{memory['peak_bytes'] / 1e9:.2f} GB at most, in {memory['seconds']:.0f} s."
    ]


def ablation_table() -> list[str]:
    """What `mmlab ablate` found: the choices of the paper on the sample corpus."""
    report = Report.read(CHECKOUT / ABLATIONS)
    settings = report.settings
    lines = [
        f"On the sample corpus, {settings['epochs']} epochs each, {len(settings['seeds'])} seeds "
        "(the sample model has more epochs), text → video+audio unless the claim says otherwise; "
        "points of R@10 with 95 % intervals over queries and seeds:",
        "",
        "| claim | a choice of the paper, or a question of ours | holds here? | points |",
        "|---|---|---|---|",
    ]
    for row in report.conclusions.to_dict("records"):
        points = f"{row['difference']:+.1f} ({row['low']:+.1f} to {row['high']:+.1f})"
        lines.append(f"| {row['claim']} | {row['basis']} | **{row['verdict']}** | {points} |")
    return [
        *lines,
        "",
        f"Computed by `{settings['command']}`; figures in [{ABLATIONS}]({ABLATIONS}).",
    ]


def explanation_table() -> list[str]:
    """What `mmlab explain` found: does attention, does relevance find what is there?"""
    report = json.loads((CHECKOUT / EXPLANATIONS).read_text())
    table = short_table(pd.DataFrame(report["figures"]))
    return [*table.splitlines(), "", f"Computed by `mmlab explain --out {EXPLANATIONS}`."]


def map_table() -> list[str]:
    """What `make bench` measured of the map."""
    report = json.loads((CHECKOUT / MAP_BENCHMARK).read_text())
    lines = [
        "| map | points | first picture, new process | a question's place | a selection |",
        "|---|---|---|---|---|",
    ]
    for one in report["maps"]:
        milliseconds = [f"{1000 * median(one[name]):.3g} ms" for name in ("placing", "selecting")]
        first = f"{median(one['first_picture']):.1f} s"
        lines.append(
            f"| {one['space']} | {one['points']:,} | {first} | {' | '.join(milliseconds)} |"
        )
    lines += [
        "",
        "| UMAP | points | mmlab, new process | kept | umap-learn, new process | again "
        "| trustworthiness | of umap-learn's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in report["layouts"]:
        seconds = [median(one["cold"]), median(one["kept"]), one["plain_cold"]]
        seconds.append(median(one["plain_warm"]))
        trust = [
            " ".join(f"{value:.3f}" for value in one[name])
            for name in ("trustworthiness", "plain_trustworthiness")
        ]
        told = [f"{value:.3g} s" for value in seconds]
        lines.append(f"| {one['space']} | {one['points']:,} | {' | '.join([*told, *trust])} |")
    where = report["environment"]
    machine = f"On {where['threads']} cores ({where['processor']})"
    return [*lines, "", f"{machine}, measured by `make bench`. {map_in_browser()}"]


def map_in_browser() -> str:
    """What a person would wait for in JupyterLab, in a sentence."""
    report = json.loads((CHECKOUT / MAP_IN_BROWSER).read_text())
    seconds = [one["seconds"] for one in report["lassos"]]
    return (
        f"In JupyterLab (headless Chromium that draws without a GPU, on the same cores) "
        f"{report['points']:,} points stand {report['drawn']:.1f} s after their cell was run, and "
        f"a lasso around half of them has gallery and count after {median(seconds):.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f} s in {len(seconds)})."
    )


def data_table() -> list[str]:
    """What `make bench` measured of reading clips and of making features."""
    report = json.loads((CHECKOUT / DATA_BENCHMARK).read_text())
    lines = [
        "| reading clips | batch | of each video | one .npz per video, clips/s | mmlab, clips/s "
        "| times as fast | own memory |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {' | '.join(_loading_cells(loading, packing))} |"
            for loading in report["loading"]
            for packing in loading["ratios"]
        ),
        "",
        "| making features | minutes | picture | one process, × real time | all cores | decoding |",
        "|---|---|---|---|---|---|",
        *(f"| {' | '.join(_extraction_cells(one))} |" for one in report["extraction"]),
        "",
    ]
    where = report["environment"]
    rounds = report["settings"]["rounds"]
    return [
        *lines,
        f"Medians of {rounds} rounds on {where['threads']} cores ({where['processor']}), measured "
        "by `make bench`.",
    ]


def _loading_cells(loading: dict[str, Any], packing: str) -> list[str]:
    sides = loading["sides"][packing], loading["sides"]["mmlab"]
    memory = [f"{side['memory']['own'] / 1e6:,.0f}" if side["memory"] else "–" for side in sides]
    return [
        f"{loading['content']}, {packing}",
        str(loading["clips"]),
        str(loading["clips_per_video"]),
        *(f"{side['clips_per_second']:,.0f}" for side in sides),
        f"**{loading['ratios'][packing]:.1f}**",
        f"{' → '.join(memory)} MB",
    ]


def questions_table() -> list[str]:
    """What `mmlab probe` measured: what more modalities, and joint fusion, are worth."""
    report = json.loads((CHECKOUT / QUESTIONS).read_text())
    lines = [
        f"On the {report['clips']} test clips of the sample corpus, points of recall with 95 % "
        "intervals over the same queries:",
        "",
        "| asked | instead of | R@1 | R@10 |",
        "|---|---|---|---|",
    ]
    for pair in _by_cutoff(report["differences"], "than_query", "than_gallery"):
        one = pair[10]
        asked, than = f"{one['query']} → {one['gallery']}", one["than_query"]
        told = f"{asked} | {than} → {one['than_gallery']}"
        lines.append(f"| {told} | {_points(pair[1])} | {_points(one)} |")
    for pair in _by_cutoff(report["probes"], "modality", "how"):
        one = pair[10]
        what = f"{SENSES[one['modality']]} of the {SIDES[one['side']]} {HOW[one['how']]}"
        told = f"{one['query']} → {one['gallery']}, {what} | the same as it is"
        lines.append(f"| {told} | {_points(pair[1])} | {_points(one)} |")
    error = max(one["largest_error"] for one in report["shapley"])
    sums = sum(one["sums"] for one in report["shapley"])
    lines += ["", f"Shares of {sums:,} scores add up to them, the largest error is {error:.0e}."]
    return [*lines, "Computed by `mmlab probe --out docs/questions.json`."]


def _by_cutoff(rows: list[dict[str, Any]], *more: str) -> list[dict[int, dict[str, Any]]]:
    """The rows that differ in nothing but their cutoff, together."""
    groups: dict[tuple[str, ...], dict[int, dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("query", "gallery", *more))
        groups.setdefault(key, {})[row["cutoff"]] = row
    return list(groups.values())


def _points(row: dict[str, Any]) -> str:
    return f"{row['points']:+.1f} ({row['low']:+.1f} to {row['high']:+.1f})"


def index_table() -> list[str]:
    """What `make bench` measured of the index."""
    report = json.loads((CHECKOUT / INDEX_BENCHMARK).read_text())
    lines = [
        "| vectors | engine | build | on disk | median | 95th percentile | recall@10 | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    engines = list(NAMES)
    for one in sorted(
        report["figures"], key=lambda one: (one["vectors"], engines.index(one["engine"]))
    ):
        cells = [f"{one['vectors']:,}", NAMES[one["engine"]], f"{one['build_seconds']:.1f} s"]
        cells.append(f"{one['disk_bytes'] / 1e6:,.0f} MB")
        if one["latencies"]:
            cells[1] += f", {one['note']}" if one["note"] else ""
            both = np.percentile(one["latencies"], [50, 95])
            cells += [f"{1000 * value:.1f} ms" for value in both]
            cells += [f"{one['recall']:.3f}", f"{one['resident_bytes'] / 1e6:,.0f} MB"]
        else:
            cells += [one["note"], "", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    where = report["environment"]
    machine = f"on {where['threads']} cores ({where['processor']})"
    data = f"{report['settings']['width']}-wide vectors, {report['data']}"
    small = f"Below {GRAPHED_ROWS:,} vectors IVF and HNSW make no graph and compare exactly."
    return [*lines, "", f"{data}; one question at a time, {machine}, by `make bench`. {small}"]


def _extraction_cells(one: dict[str, Any]) -> list[str]:
    return [
        f"{one['media']}, {one['files']} files",
        f"{one['media_seconds'] / 60:.1f}",
        f"{one['width']} × {one['height']} at {one['frames_per_second']:.3g}/s",
        f"{one['one_process']:,.0f}",
        f"{one['all_processes']:,.0f}",
        f"{one['decoding_share']:.0%}",
    ]


def replace_between_marks(text: str, mark: str, lines: list[str]) -> str:
    """Replace what stands in README.md between <!-- mark: ... --> and <!-- /mark -->."""
    marks = rf"(<!-- {mark}: [^>]*-->\n).*?(<!-- /{mark} -->)"
    body = "\n".join(lines) + "\n"
    text, count = re.subn(marks, lambda m: m[1] + body + m[2], text, flags=re.DOTALL)
    if not count:
        raise SystemExit(f"README.md has no {mark} marks")
    return text


def main() -> None:
    """Compute, and replace what stands between the marks."""
    model, dataset = mmlab.open_run()
    retriever = mmlab.Retriever(model, dataset.select(split="test"))
    lines = [
        *retrieval_table(retriever),
        *fusion_gain(retriever),
        *localisation(retriever),
        "",
        f"Computed by `{COMMAND}` from the sample model that `make sample` trains.",
    ]
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    text = replace_between_marks(text, "results", lines)
    text = replace_between_marks(text, "training", training_table())
    text = replace_between_marks(text, "explanation", explanation_table())
    text = replace_between_marks(text, "bench-map", map_table())
    text = replace_between_marks(text, "ablations", ablation_table())
    text = replace_between_marks(text, "bench", benchmark_table())
    text = replace_between_marks(text, "bench-data", data_table())
    text = replace_between_marks(text, "questions", questions_table())
    text = replace_between_marks(text, "bench-index", index_table())
    unfinished = CHECKOUT / "README.md.part"
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, CHECKOUT / "README.md")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
