"""Write into README.md, between marks, what the sample model reaches and what things cost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from statistics import median
from typing import Any

import mmlab
from mmlab import sample
from mmlab.ablation.report import Report

CHECKOUT = Path(__file__).parents[1]
GALLERIES = ("video", "audio", "video+audio")
COMMAND = "make results"
BENCHMARKS = ("docs/bench-paper.json", "docs/bench-sample.json")
DATA_BENCHMARK = "docs/bench-data.json"
TRAINING_BENCHMARK = "docs/bench-training.json"
RANKING_BENCHMARK = "docs/bench-evaluation.json"
ABLATIONS = "docs/ablations.json"


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
    text = replace_between_marks(text, "ablations", ablation_table())
    text = replace_between_marks(text, "bench", benchmark_table())
    text = replace_between_marks(text, "bench-data", data_table())
    unfinished = CHECKOUT / "README.md.part"
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, CHECKOUT / "README.md")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
