"""Captions: tables of one's own, subtitles, and the benchmarks' annotation files."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmlab.readers.captions import COLUMNS, Captions, read_captions
from mmlab.readers.crosstask import read_prepared
from mmlab.readers.mining_youtube import read_mining_youtube
from tests.fuzzing.judging import MARKS, Files, Format, Reading
from tests.fuzzing.mutations import damaged_bytes, damaged_text, damaged_value
from tests.fuzzing.payloads import payload

CROSSTASK = "tasks_primary.txt", "videos.csv", "annotations/{}"


def caption_items(captions: Captions) -> Reading:
    """The rows, once it is sure that they can be used and written."""
    table = captions.table
    assert tuple(table.columns[:5]) == COLUMNS
    assert (table["start_seconds"] >= 0).all()
    assert (table["end_seconds"] > table["start_seconds"]).all()
    assert (table["video"].str.strip() != "").all()
    assert all(item and reason for item, reason in captions.skipped)
    str(captions.skipped).encode()
    pa.Table.from_pandas(table)
    return Reading(list(table.itertuples(index=False, name=None)), len(captions.skipped))


def read_one(folder: Path) -> Reading:
    """The captions of the one file, or of the folder."""
    files = list(folder.rglob("*"))
    return caption_items(read_captions(files[0] if len(files) == 1 else folder))


def changed_text(entry: str, rng: Random) -> str:
    """Broken characters and zero bytes refuse a file, as it is not text; so there are none."""
    return "".join(c for c in damaged_text(entry, rng) if c != "\0")


def changed_file(entry: tuple[str, bytes], rng: Random) -> tuple[str, bytes]:
    """One file of a folder, damaged in any way."""
    return entry[0], damaged_bytes(entry[1], rng)


def lines(name: str, header: str, *rows: str, gap: str = "") -> Format:
    """A text file; its first line, and rows of which each can be damaged alone."""

    def build(entries: Sequence[Any]) -> Files:
        return {name: (header + "".join(f"{row}\n{gap}" for row in entries)).encode()}

    return Format(name, rows, build, read_one, changed_text)


def named(name: str, form: Format) -> Format:
    return Format(name, form.entries, form.build, form.read, form.change, form.payloads)


def json_of(name: str, whole: Callable[[Sequence[Any]], Any], *entries: Any) -> Format:
    def build(entries: Sequence[Any]) -> Files:
        return {name: json.dumps(whole(entries)).encode()}

    return Format(name, entries, build, read_one, damaged_value)


def speech(mark: str) -> tuple[str, dict[str, list[Any]]]:
    texts = [f"crack {mark}", f"stir {mark}", f"{mark} é"]
    return mark, {"start": [1.0, 4.0, 5.5], "end": [2.0, 6.0, 7.25], "text": texts}


def changed_speech(entry: tuple[str, Any], rng: Random) -> tuple[str, Any]:
    return entry[0], damaged_value(entry[1], rng)


def _by_name(entries: Sequence[Any]) -> dict[str, Any]:
    return {name: value for name, value in entries}


def _speech_pickle(entries: Sequence[Any]) -> Files:
    return {"caption.pickle": pickle.dumps(_by_name(entries), 2 + len(repr(entries)) % 4)}


def _files(entries: Sequence[Any]) -> Files:
    return {f"{name}": content for name, content in entries}


def _parquet(entries: Sequence[Any]) -> Files:
    buffer = io.BytesIO()
    columns = ["video", "start_seconds", "end_seconds", "text", "score"]
    pd.DataFrame(list(entries), columns=columns).to_parquet(buffer, index=False)
    return {"captions.parquet": buffer.getvalue()}


def changed_row(entry: tuple[Any, ...], rng: Random) -> tuple[Any, ...]:
    """Another value in one cell, of a type that its column can hold."""
    at = rng.randrange(len(entry))
    odd: Any = rng.choice((None, np.nan, np.inf, -1.0, 0.0, 1e300))
    if isinstance(entry[at], str):
        odd = rng.choice((None, damaged_text(entry[at], rng)))
    return (*entry[:at], odd, *entry[at + 1 :])


def _srt(entries: Sequence[Any]) -> Files:
    """Numbers stay: they tell where a cue begins whose time is destroyed."""
    return {"talk.srt": "".join(f"{number}\n{cue}\n\n" for number, cue in entries).encode()}


def _msrvtt(entries: Sequence[Any]) -> Any:
    named = {"videos": "video", "sentences": "sentence"}
    parts = {name: [e[part] for e in entries if part in e] for name, part in named.items()}
    return {"info": {}} | parts


def _msrvtt_entry(mark: str) -> dict[str, Any]:
    video = {"video_id": mark, "split": "train", "category": 9, "url": "u", "start time": 1.5}
    return {"video": video, "sentence": {"caption": f"a {mark}", "video_id": mark, "sen_id": 1}}


def _youcook2_entry(mark: str) -> tuple[str, Any]:
    annotations = [
        {"segment": [1, 4], "id": 0, "sentence": f"spread {mark}"},
        {"segment": [5, 9.5], "id": 1, "sentence": f"fry {mark}"},
    ]
    return mark, {
        "duration": 20.5, "subset": "training", "recipe_type": "113", "annotations": annotations,
    }  # fmt: skip


def _crosstask(entries: Sequence[Any]) -> Files:
    half = len(entries) // 3
    tasks, videos, segments = entries[:half], entries[half : 2 * half], entries[2 * half :]
    files = {
        "tasks_primary.txt": "\n\n".join(tasks).encode() + b"\n",
        "videos.csv": "".join(f"{row}\n" for row in videos).encode(),
    }
    return files | {f"annotations/{name}": content for name, content in segments}


def _changed_crosstask(entry: Any, rng: Random) -> Any:
    return changed_text(entry, rng) if isinstance(entry, str) else changed_file(entry, rng)


def _mining_youtube(entries: Sequence[Any]) -> Files:
    shared = {
        "weakYouTube_dict.txt": b"crack_egg \nadd_salt \nbackground \n",
        "videos_test.txt": b"birch\namber",
    }
    return shared | _files(entries)


def _read_mining_youtube(folder: Path) -> Reading:
    data = read_mining_youtube(folder)
    caption_items(data.captions())
    items = [
        (v.video_id, v.transcript, v.frame_labels.tolist(), v.segments, v.split)
        for v in data.videos
    ]
    return Reading(items, len(data.skipped))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _prepared(entries: Sequence[Any]) -> Files:
    half = len(entries) // 2
    texts, matrices = _by_name(entries[:half]), _files(entries[half:])
    listed = b"video_id,task\n" + b"".join(f"{mark},{mark}\n".encode() for mark in MARKS)
    return {"videos.csv": listed, "steps.json": json.dumps(texts).encode()} | matrices


def _changed_prepared(entry: tuple[str, Any], rng: Random) -> tuple[str, Any]:
    is_file = isinstance(entry[1], bytes)
    return changed_file(entry, rng) if is_file else (entry[0], damaged_value(entry[1], rng))


def _read_prepared(folder: Path) -> Reading:
    videos = read_prepared(folder / "videos.csv", folder, folder / "steps.json")
    caption_items(videos.captions())
    items = [(v.task_id, v.video_id, v.steps, v.segments, v.truth().tolist()) for v in videos]
    return Reading(items, len(videos.skipped))


def _matrix(seed: int) -> bytes:
    return _npy((np.random.default_rng(seed).random((6, 2)) < 0.5).astype(np.uint8))


_TASK = "{0}7\nMake {0}\nhttps://example.org\n2\npour {0},stir {0}"
_SRT = "00:00:0{1},000 --> 00:00:0{2},500\nHello <b>{0}</b>\nsecond line"
_VTT = "{1}\n00:0{1}.000 --> 00:0{2}.500 align:start\nHello <i>{0}</i> &amp; é"
_STEPS = (
    b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\ncrack_eggs\r\n\r\n"
    b"2\r\n00:00:03,000 --> 00:00:04,000\r\nadd_salt\r\n"
)
_SPEECH_CSV = ",start,end,text\n0,1.0,2.0,crack {0}\n1,4.0,6.0,stir {0}\n"

CAPTION_FORMATS: tuple[Format, ...] = (
    named(
        "own csv",
        lines(
            "captions.csv", "video,start_seconds,end_seconds,text,note\n",
            "amber.mp4,0,1.5,hello amber,n1", 'birch,0:01,2,"x, birch",n2',
            'cedar,1,2.5,"say ""cedar""",n3',
        ),
    ),
    Format(
        "own parquet",
        tuple((f"{mark}.mp4", 0.5, 2.0 + n, f"hello {mark}", 0.5) for n, mark in enumerate(MARKS)),
        _parquet, read_one, changed_row,
    ),
    Format(
        "SRT", tuple((str(n), _SRT.format(m, n, n + 1)) for n, m in enumerate(MARKS, 1)), _srt,
        read_one, lambda entry, rng: (entry[0], changed_text(entry[1], rng)),
    ),
    named(
        "WebVTT",
        lines(
            "talk.vtt", "WEBVTT\n\nNOTE x\n\n",
            *(_VTT.format(m, n, n + 1) for n, m in enumerate(MARKS, 1)), gap="\n",
        ),
    ),
    named("MSR-VTT json", json_of("videodatainfo.json", _msrvtt, *map(_msrvtt_entry, MARKS))),
    named(
        "MSR-VTT 1k-A csv",
        lines(
            "msrvtt_test.csv", "key,vid_key,video_id,sentence\n",
            *(f"ret{n},msr{n},{mark},a {mark} person" for n, mark in enumerate(MARKS)),
        ),
    ),
    named(
        "YouCook2 json",
        Format(
            "", tuple(map(_youcook2_entry, MARKS)),
            lambda entries: {"trainval.json": json.dumps({"database": _by_name(entries)}).encode()},
            read_one, changed_speech,
        ),
    ),
    named(
        "YouCook2 csv",
        lines(
            "validation.csv", "end,start,task,text,video_id\n",
            *(f"6{n},47,226,pick the {mark},{mark}" for n, mark in enumerate(MARKS)),
        ),
    ),
    Format(
        "HowTo100M caption pickle", tuple(map(speech, MARKS)), _speech_pickle, read_one,
        changed_speech, payload,
    ),
    Format(
        "HowTo100M raw_caption.json", tuple(map(speech, MARKS)),
        lambda entries: {"raw_caption.json": json.dumps(_by_name(entries)).encode()},
        read_one, changed_speech,
    ),
    Format(
        "HowTo100M csv per video",
        tuple((f"{mark}.csv", _SPEECH_CSV.format(mark).encode()) for mark in MARKS),
        _files, lambda folder: caption_items(read_captions(folder)), changed_file,
    ),
    named(
        "AudioCaps csv",
        lines(
            "val.csv", "audiocap_id,youtube_id,start_time,caption\n",
            *(f"{n},{mark},30,A {mark} barks" for n, mark in enumerate(MARKS)),
        ),
    ),
    named(
        "Clotho csv",
        lines(
            "clotho_captions_evaluation.csv",
            "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n",
            *(f'{m}.wav,a {m},b {m},"c, {m}",d {m},e {m}' for m in MARKS),
        ),
    ),
    Format(
        "CrossTask",
        (
            *(_TASK.format(mark) for mark in MARKS),
            *(f"{mark}7,{mark},url" for mark in MARKS),
            *((f"{mark}7_{mark}.csv", b"1,2.5,6.0\n2,10.2,12.9\n1,20,21.0\n") for mark in MARKS),
        ),
        _crosstask, lambda folder: caption_items(read_captions(folder)), _changed_crosstask,
    ),
    Format(
        "CrossTask matrices",
        (
            *((mark, [f"pour {mark}", f"stir {mark}"]) for mark in MARKS),
            *((f"{mark}_{mark}.npy", _matrix(seed)) for seed, mark in enumerate(MARKS)),
        ),
        _prepared, _read_prepared, _changed_prepared,
    ),
    Format(
        "MiningYouTube",
        (
            ("amber.grammar", b"background crack_egg background \n"),
            ("transcripts/birch.txt", b"background add_salt\n"),
            ("amber.gt", b"background\ncrack_egg\ncrack_egg\nbackground\n"),
            ("birch.gt", b"background\nadd_salt\n"),
            *((f"{mark}.srt", _STEPS) for mark in MARKS),
        ),
        _mining_youtube, _read_mining_youtube, changed_file,
    ),
)  # fmt: skip
