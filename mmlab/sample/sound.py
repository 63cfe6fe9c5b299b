"""The sound track of a video: actions, music, a narrator, and the quiet of a room.

Every action has its own timbre and keeps the rhythm of the picture; every word has its own pair
of vowels. All of it is drawn in numpy, 16 kHz mono.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations

import numpy as np
from scipy import signal

from mmlab.sample.motion import CYCLES_PER_SECOND
from mmlab.sample.vocabulary import spoken_words
from mmlab.sample.world import WORD_SECONDS, Step, Video

SAMPLE_RATE = 16_000
NARRATION_LEVEL, ACTION_LEVEL, MUSIC_LEVEL, ROOM_LEVEL = 0.34, 0.17, 0.22, 0.0012
DROWNED = 0.1  # of an action's usual level when music plays over it
# Ten formants, evenly spread over the mel scale: 45 pairs, one for each word's first vowel.
FORMANTS_HERTZ = tuple(700 * (10 ** (mel / 2595) - 1) for mel in np.linspace(510, 2550, 10))
_SCALE_HERTZ = 220 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)


def sound_track(video: Video) -> np.ndarray:
    """The whole sound of a video: (samples,) float32 in -1..1."""
    generator = np.random.default_rng([video.seed, 4, video.index])
    track = generator.normal(0, ROOM_LEVEL, round(video.duration_seconds * SAMPLE_RATE))
    pitch_hertz = float(generator.uniform(95, 165))
    _add(track, 0.2, MUSIC_LEVEL * music(video.title_end_seconds - 0.2, generator))
    for step in video.steps:
        _add_action(track, step, generator)
        for spoken in step.words:
            sound = word(spoken.word, pitch_hertz * float(generator.uniform(0.94, 1.06)))
            _add(track, spoken.start_seconds, NARRATION_LEVEL * sound)
    return np.clip(track, -1, 1).astype(np.float32)


def _add(track: np.ndarray, start_seconds: float, sound: np.ndarray) -> None:
    start = round(start_seconds * SAMPLE_RATE)
    part = track[start : start + len(sound)]
    part += sound[: len(part)]


def _add_action(track: np.ndarray, step: Step, generator: np.random.Generator) -> None:
    """Add the action's own sound, or music with hardly anything of it, or nothing."""
    action = step.attributes["action"]
    seconds = step.action_end_seconds - step.action_start_seconds
    if step.sound != "missing":
        level = ACTION_LEVEL * (DROWNED if step.sound == "music" else 1)
        rate = CYCLES_PER_SECOND[action] * step.tempo
        _add(
            track, step.action_start_seconds, level * action_sound(action, seconds, rate, generator)
        )
    if step.sound == "music":
        whole = step.end_seconds - step.start_seconds
        _add(track, step.start_seconds, MUSIC_LEVEL * music(whole, generator))


def word(name: str, pitch_hertz: float) -> np.ndarray:
    """Speak one word: two vowels of two formants each, of a pair that belongs to it alone."""
    first, second = _vowels()[name]
    time = _time(WORD_SECONDS)
    contour = (0.9, 1.0, 1.1)[spoken_words().index(name) % 3]
    glide = np.linspace(1 / contour, contour, len(time))
    phase = 2 * np.pi * np.cumsum(pitch_hertz * glide) / SAMPLE_RATE
    pulse = (0.5 + 0.5 * np.cos(phase)) ** 2  # the glottis opens once a period
    half = WORD_SECONDS / 2
    sound = np.zeros(len(time))
    for vowel, centre in ((first, half / 2), (second, 3 * half / 2)):
        loud = np.clip(1.12 - np.abs(time - centre) / (half / 2), 0, 0.4) / 0.4
        tones = sum(np.sin(2 * np.pi * FORMANTS_HERTZ[f] * time + f) for f in vowel)
        sound += loud * tones * 0.5
    return sound * pulse


@cache
def _vowels() -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """Each word's two vowels, pairs of formants; no two words share either vowel."""
    pairs = list(combinations(range(len(FORMANTS_HERTZ)), 2))
    return {
        name: (pairs[place], pairs[(place * 17 + 7) % len(pairs)])
        for place, name in enumerate(spoken_words())
    }


def music(seconds: float, generator: np.random.Generator) -> np.ndarray:
    """A plucked tune of even notes, faded in and out, peak 1."""
    tune = np.zeros(round(seconds * SAMPLE_RATE))
    beat = float(generator.uniform(0.18, 0.26))
    key = 2 ** (generator.integers(-3, 4) / 12)
    time = _time(0.9)
    for start in np.arange(0, max(seconds - 0.1, 0.1), beat):
        hertz = float(generator.choice(_SCALE_HERTZ)) * key
        overtones = sum(np.sin(2 * np.pi * hertz * k * time) / k**1.4 for k in (1, 2, 3, 4, 5))
        _add(tune, start, overtones * np.exp(-5 * time) * 0.5)
    edge = np.minimum(np.arange(len(tune)), np.arange(len(tune))[::-1]) / (0.15 * SAMPLE_RATE)
    return np.clip(tune * np.minimum(edge, 1), -1, 1)


def action_sound(
    action: str, seconds: float, cycles_per_second: float, generator: np.random.Generator
) -> np.ndarray:
    """The sound of an action, about 1 at its peak, faded at both ends."""
    time = _time(seconds)
    cycles = time * cycles_per_second
    sound = _ACTIONS[action](time, cycles, generator)
    edge = np.minimum(time, time[::-1]) / 0.05
    return sound / max(float(np.abs(sound).max()), 1e-9) * np.clip(edge, 0, 1)


def _time(seconds: float) -> np.ndarray:
    return np.arange(max(1, round(seconds * SAMPLE_RATE))) / SAMPLE_RATE


def _noise(
    count: int, low_hertz: float, high_hertz: float, generator: np.random.Generator
) -> np.ndarray:
    """White noise between two frequencies, variance about 1."""
    band = signal.butter(
        2, (low_hertz, min(high_hertz, 7900)), "bandpass", fs=SAMPLE_RATE, output="sos"
    )
    filtered = signal.sosfilt(band, generator.standard_normal(count))
    return filtered / max(float(filtered.std()), 1e-9)


def _hits(cycles: np.ndarray, decay: float) -> np.ndarray:
    """1 at the middle of every cycle, when a tool meets the food, then an exponential decay."""
    return np.exp(-decay * ((cycles + 0.5) % 1))


def _slice(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Wooden chops: a knock and a thin click."""
    knock = np.sin(2 * np.pi * 240 * time) * _hits(cycles, 26)
    return knock + 0.35 * _noise(len(time), 1800, 4200, generator) * _hits(cycles, 60)


def _stir(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A spoon that scrapes around and clinks once a turn."""
    around = 0.55 + 0.45 * np.sin(2 * np.pi * cycles)
    clink = np.sin(2 * np.pi * 2650 * time) * _hits(cycles, 22)
    return 0.3 * _noise(len(time), 900, 1700, generator) * around + 0.5 * clink


def _pour(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Glugs: bubbles of rising pitch above a low stream."""
    sound = 0.06 * _noise(len(time), 300, 1200, generator)
    bubble = _time(0.12)
    for start in np.arange(0.05, time[-1], 0.13):
        hertz = float(generator.uniform(380, 620))
        glug = np.sin(2 * np.pi * (hertz * bubble + 0.5 * hertz * 7 * bubble**2))
        _add(sound, start + float(generator.uniform(0, 0.05)), glug * np.hanning(len(bubble)))
    return sound


def _knead(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Soft low thuds."""
    attack = np.clip(((cycles + 0.5) % 1) * 12, 0, 1)
    thud = np.sin(2 * np.pi * 85 * time) + 0.6 * np.sin(2 * np.pi * 130 * time)
    push = _noise(len(time), 120, 420, generator) * _hits(cycles, 5)
    return attack * (thud * _hits(cycles, 9) + 0.25 * push)


def _whisk(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Quick bright rings of wire."""
    ring = np.sin(2 * np.pi * 4300 * time) + 0.8 * np.sin(2 * np.pi * 5950 * time)
    return ring * _hits(2 * cycles, 12) + 0.2 * _noise(len(time), 4000, 6500, generator)


def _grate(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A rasp, up and down."""
    stroke = np.clip(np.sin(2 * np.pi * cycles), 0, 1) + 0.5 * np.clip(
        -np.sin(2 * np.pi * cycles), 0, 1
    )
    teeth = signal.sawtooth(2 * np.pi * 62 * time) > 0.2
    return _noise(len(time), 2300, 3600, generator) * stroke * teeth


def _fry(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Steady sizzle with crackles."""
    crackle = (generator.random(len(time)) < 25 / SAMPLE_RATE) * generator.uniform(2, 6, len(time))
    spits = signal.lfilter([1.0], [1.0, -0.96], crackle) * generator.standard_normal(len(time))
    return 0.6 * _noise(len(time), 5200, 7800, generator) + 0.4 * spits


def _peel(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One rising swish for each stroke."""
    along = np.clip((cycles % 1) / 0.7, 0, 1)
    swish = np.sin(np.pi * along) ** 2
    low, high = _noise(len(time), 1300, 2300, generator), _noise(len(time), 3600, 5600, generator)
    return swish * (low * (1 - along) + high * along)


def _mash(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Wet squelches that sink in pitch."""
    along = (cycles + 0.5) % 1
    squelch = np.sin(2 * np.pi * np.cumsum(700 - 480 * along) / SAMPLE_RATE)
    return (squelch + 0.5 * _noise(len(time), 350, 900, generator)) * np.exp(-4 * along)


def _sprinkle(time: np.ndarray, cycles: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A shaker: dry grains in bursts."""
    burst = np.clip(np.sin(2 * np.pi * cycles), 0, 1) ** 2
    grains = generator.random(len(time)) < 0.02 + 0.12 * burst
    return _noise(len(time), 6300, 7800, generator) * grains * (0.15 + burst)


_ACTIONS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "slice": _slice,
    "stir": _stir,
    "pour": _pour,
    "knead": _knead,
    "whisk": _whisk,
    "grate": _grate,
    "fry": _fry,
    "peel": _peel,
    "mash": _mash,
    "sprinkle": _sprinkle,
}
