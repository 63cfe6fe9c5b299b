"""Files damaged at random, a hundred of each format; `tools/fuzz.py` does ten thousand.

And the judge itself: it must see what it is there to see.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzzing import judging
from tests.fuzzing.formats import formats
from tests.fuzzing.judging import Format, Judge, Reading, Verdict, mutation_of
from tests.fuzzing.mutations import ODD_BYTES, ODD_WORDS
from tests.fuzzing.running import Tally, died, tallies

MUTATIONS, MEDIA_MUTATIONS = 100, 5

FORMATS = formats()
READ_HERE = [name for name, form in FORMATS.items() if not form.is_media]
MEDIA = [name for name, form in FORMATS.items() if form.is_media]


@pytest.fixture
def judge_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda form: Judge(form, tmp_path / "files")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READ_HERE)
def test_damage_is_read_in_part_or_refused_and_good_entries_are_kept(judge_of, name):
    form = FORMATS[name]
    judge = judge_of(form)
    verdicts = [judge.verdict(number) for number in range(round(form.share * MUTATIONS))]
    failures = {number: one.failure for number, one in enumerate(verdicts) if one.failure}
    assert failures == {}
    assert len({one.outcome for one in verdicts}) > 1  # else the damage does nothing


def test_damaged_media():
    counts = dict.fromkeys(MEDIA, MEDIA_MUTATIONS)
    *_, result = tallies(counts, frozenset(MEDIA), processes=1)
    assert {name: tally.failures for name, tally in result.items() if tally.failed} == {}
    assert {tally.mutations for tally in result.values()} == {MEDIA_MUTATIONS}


def test_damage_is_the_same_for_the_same_number():
    for form in FORMATS.values():
        assert mutation_of(form, 3) == mutation_of(form, 3)
    form = FORMATS["own csv"]
    assert len({str(mutation_of(form, number)) for number in range(100)}) > 90


def test_every_format_is_damaged_in_files_and_in_single_entries():
    for form in FORMATS.values():
        seed = form.build(form.entries)
        mutations = [mutation_of(form, number) for number in range(40)]
        changed = Counter(
            name for one in mutations for name in seed if one.files.get(name) != seed[name]
        )
        assert len(changed) > len(seed) / 2
        assert any(one.kept for one in mutations) == (form.change is not None)


# --- the judge -----------------------------------------------------------------------------------


def read_lines(folder: Path) -> Reading:
    """A good reader: a word in each line, other lines are listed."""
    text = (folder / "a.txt").read_text(errors="replace")
    lines = text.splitlines()
    return Reading([line for line in lines if line.isalpha()], sum(not x.isalpha() for x in lines))


def changed_line(entry, rng):
    return f"{rng.randrange(1000)} {rng.choice(ODD_WORDS[:5])}"


GOOD = Format(
    "words",
    judging.MARKS,
    lambda entries: {"a.txt": "".join(f"{entry}\n" for entry in entries).encode()},
    read_lines,
    changed_line,
)


def verdicts_of(judge_of, damaged_read) -> list[Verdict]:
    """What is said of a reader that reads well what is whole, and else does something else."""

    def read(folder):
        reading = read_lines(folder)
        if not reading.skipped and len(reading.items) == len(judging.MARKS):
            return reading
        return damaged_read(folder)

    judge = judge_of(replace(GOOD, read=read))
    return [judge.verdict(number) for number in range(40)]


def refused(folder):
    raise ValueError(f"{folder / 'a.txt'}: is no list of words; mend it")


def test_a_good_reader_passes(judge_of):
    verdicts = verdicts_of(judge_of, read_lines)
    assert not any(verdict.failure for verdict in verdicts)
    assert {verdict.outcome for verdict in verdicts} >= {"whole", "part"}


def unnamed(folder):
    raise ValueError("is no list of words; mend it")


def silent(folder):
    raise ValueError(f"{folder / 'a.txt'}")


def unprintable(folder):
    raise ValueError(f"{folder / 'a.txt'}: is no list of words: \ud800")


def crashing(folder):
    return {}["a.txt"]


def hanging(folder):
    while True:
        try:
            time.sleep(10)
        except Exception:  # does not keep the alarm
            continue


def running_code(folder):
    os.system("touch ran")


def unpickling(folder):
    return pickle.loads(pickle.dumps(Path("a")))


def leaving_files(folder):
    Path("ran").touch()
    return read_lines(folder)


def losing(folder):
    return Reading(read_lines(folder).items[1:], 1)


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (refused, "good entries are refused with a bad one"),
        (unnamed, "names no file"),
        (silent, "says nothing"),
        (unprintable, "UnicodeEncodeError"),
        (crashing, "KeyError"),
        (hanging, "still busy"),
        (running_code, "os.system"),
        (unpickling, "pickle.find_class"),
        (leaving_files, "ran was made"),
        (losing, "is lost or changed"),
    ],
)
def test_the_judge_sees_bad_readers(judge_of, monkeypatch, read, words):
    monkeypatch.setattr(judging, "MOST_SECONDS", 0.01)
    assert any(words in verdict.failure for verdict in verdicts_of(judge_of, read))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not Path("ran").exists()


def test_the_judge_sees_memory(judge_of, monkeypatch):
    peaks = iter([0, 0, 0, 1 << 30])
    monkeypatch.setattr(judging, "_peak_bytes", lambda: next(peaks, 1 << 30))
    assert any("took 1024 MB" in verdict.failure for verdict in verdicts_of(judge_of, read_lines))


def test_a_decoder_may_die_and_a_reader_may_not():
    assert died(-signal.SIGSEGV, may_die=True) == Verdict("crashed", 0.0)
    assert "kills its process" in died(-signal.SIGSEGV, may_die=False).failure
    assert "hangs" in died(1, may_die=True).failure


def test_tallies_add_up():
    tally = Tally()
    tally.add(0, Verdict("whole", 0.1))
    tally.add(1, Verdict("refused", 0.3))
    tally.add(2, Verdict("refused", 0.2, "names no file"))
    assert (tally.whole, tally.refused, tally.failed, tally.mutations) == (1, 1, 1, 3)
    assert (tally.slowest_seconds, tally.slowest) == (0.3, 1)
    assert tally.failures == ["2: names no file"]


def test_the_dictionary_holds_what_breaks_readers():
    assert {b"\x00", b"\xff\xfe", b"\xef\xbb\xbf"} <= set(ODD_BYTES)
    assert {"nan", "-1", "-->", '"', "../.."} <= set(ODD_WORDS)
