"""Times, pictures and sound of real small files, and what happens with broken ones."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from mmlab.media import (
    MediaError,
    cut_clip,
    frames,
    poster,
    probe,
    read_audio,
    read_frames,
    stream_frames,
)
from tests.conftest import grey_clock, moving_square, tone, write_video

REAL_CLIPS = Path(__file__).parents[1].parent / "shared" / "real" / "clips"
real_clips = sorted(path for path in REAL_CLIPS.glob("*") if path.suffix != ".tsv")
needs_real_clips = pytest.mark.skipif(not real_clips, reason=f"no real clips in {REAL_CLIPS}")


@pytest.fixture
def without_decord(monkeypatch: pytest.MonkeyPatch):
    """Make decord refuse everything, as where it is not installed."""

    def refuse(*_):
        raise frames._DecordCannotError
        yield

    return lambda: monkeypatch.setattr(frames, "_by_decord", refuse)


@pytest.fixture(scope="module")
def clock(tmp_path_factory) -> Path:
    """4 s in which second t has grey 20 + 20 t."""
    return write_video(
        tmp_path_factory.mktemp("clock") / "clock.mp4", 4.0, picture=grey_clock(), sound=tone()
    )


def greys(path: Path, seconds: list[float]) -> np.ndarray:
    return read_frames(path, seconds).mean(axis=(1, 2, 3))


def test_probe_tells_what_a_file_holds(media_folder):
    info = probe(media_folder / "red right.mp4")
    assert (info.width, info.height, info.has_video, info.has_audio) == (128, 96, True, True)
    assert info.duration_seconds == pytest.approx(3.0, abs=0.05)
    assert info.frames_per_second == pytest.approx(25.0, abs=0.1)
    assert not probe(media_folder / "blue mute.mp4").has_audio
    assert not probe(media_folder / "only sound.mp4").has_video


@pytest.mark.parametrize("reader", ["decord", "pyav"])
def test_frames_come_by_seconds_in_any_order(clock, reader, without_decord):
    if reader == "pyav":
        without_decord()
    seconds = [2.0, 0.5, 0.5, 3.0, 1.001]
    np.testing.assert_allclose(greys(clock, seconds), 20 + 20 * np.array(seconds), atol=2.0)


@pytest.mark.parametrize("reader", ["decord", "pyav"])
def test_times_outside_the_file_give_its_first_and_last_frame(clock, reader, without_decord):
    if reader == "pyav":
        without_decord()
    np.testing.assert_allclose(greys(clock, [-1.0, 99.0]), [20, 20 + 20 * 3.96], atol=2.0)


@pytest.mark.parametrize("reader", ["decord", "pyav"])
def test_variable_frame_rate_shows_the_frame_on_show(tmp_path, reader, without_decord):
    if reader == "pyav":
        without_decord()
    times = np.array([0.0, 0.1, 0.2, 1.5, 1.6, 4.0, 4.04])
    path = write_video(tmp_path / "vfr.mp4", picture=grey_clock(), times=times)
    wanted = np.array([0.05, 0.15, 1.0, 1.49, 1.55, 3.9, 4.01])
    shown = times[np.searchsorted(times, wanted, side="right") - 1]
    np.testing.assert_allclose(greys(path, list(wanted)), 20 + 20 * shown, atol=2.0)


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9", "libvpx", "mpeg4"])
@pytest.mark.parametrize("ending", ["mkv", "avi"])
def test_codecs_that_decord_may_not_know(tmp_path, codec, ending):
    if ending == "avi" and codec != "mpeg4":
        pytest.skip("not in an avi")
    path = tmp_path / f"clock.{ending}"
    write_video(path, 3.0, picture=grey_clock(), sound=tone(), codecs=(codec, "libmp3lame"))
    seconds = [0.5, 1.0, 2.5]
    np.testing.assert_allclose(greys(path, seconds), 20 + 20 * np.array(seconds), atol=4.0)
    assert len(read_audio(path)) == pytest.approx(48_000, abs=2000)


def test_pyav_jumps_over_long_gaps(tmp_path, without_decord):
    path = write_video(
        tmp_path / "long.mp4", 60.0, picture=grey_clock(seconds_to_grey=3), frames_per_second=10
    )
    without_decord()
    seconds = np.array([1.0, 30.0, 59.0])
    np.testing.assert_allclose(greys(path, list(seconds)), 20 + 3 * seconds, atol=2.0)


@needs_real_clips
@pytest.mark.parametrize("path", real_clips, ids=lambda path: path.name)
@pytest.mark.parametrize("size", [None, (96, 64)])
def test_both_readers_agree_on_real_clips(path, size, without_decord):
    seconds = np.linspace(0.0, probe(path).duration_seconds + 1.0, 9)
    ours = read_frames(path, seconds, size=size).astype(int)
    without_decord()
    assert np.abs(ours - read_frames(path, seconds, size=size)).mean() < 1.0


@needs_real_clips
@pytest.mark.parametrize("path", real_clips, ids=lambda path: path.name)
def test_real_clips_are_cut_to_playable_mp4(path):
    info, start = probe(path), 0.3
    clip = cut_clip(path, start, start + 1.0)
    with av.open(io.BytesIO(clip)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert bool(container.streams.audio) == info.has_audio
        assert len(list(container.decode(video=0))) > 5
    assert clip.index(b"moov") < clip.index(b"mdat")


def test_rotation_is_applied(tmp_path, clock, without_decord):
    path = tmp_path / "turned.mp4"
    film = moving_square(pixels_per_second=(0, 0))
    upright = read_frames(write_video(path, 1.0, picture=film), [0.0])[0]
    content = bytearray(path.read_bytes())
    matrix, one = content.index(b"tkhd") + 44, 1 << 16
    turned = struct.pack(">9i", 0, one, 0, -one, 0, 0, 96 * one, 0, 1 << 30)
    content[matrix : matrix + 36] = turned
    path.write_bytes(content)
    expected = np.rot90(upright, 3)
    assert probe(path).width == 96
    assert np.abs(read_frames(path, [0.0])[0].astype(int) - expected).mean() < 1.0
    without_decord()
    assert np.abs(read_frames(path, [0.0])[0].astype(int) - expected).mean() < 1.0
    assert read_frames(path, [0.0], size=(48, 64)).shape == (1, 64, 48, 3)


def test_streaming_gives_the_same_frames_as_reading(clock):
    seconds = np.arange(0, 4, 0.125)
    streamed = np.concatenate(list(stream_frames(clock, seconds, chunk=5)))
    np.testing.assert_array_equal(streamed, read_frames(clock, seconds))


def test_no_times_no_frames(clock):
    assert read_frames(clock, []).shape == (0, 48, 64, 3)
    assert list(stream_frames(clock, np.array([]))) == []


def test_poster_keeps_the_shape(clock):
    assert poster(clock, 1.0, width=32).size == (32, 24)


def test_sound_has_the_right_pitch_rate_and_length(media_folder):
    sound = read_audio(media_folder / "red right.mp4")
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(48_000, abs=1600)
    spectrum = np.abs(np.fft.rfft(sound[8000:24000]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)


def test_a_part_of_the_sound_is_that_part_of_the_whole(media_folder):
    path = media_folder / "red right.mp4"
    whole = read_audio(path)
    part = read_audio(path, start_seconds=1.25, end_seconds=2.0)
    assert len(part) == 12_000
    np.testing.assert_allclose(part, whole[20_000:32_000], atol=0.02)


def test_late_sound_stays_in_step_with_the_picture(tmp_path):
    path = tmp_path / "late.mkv"
    write_video(path, 3.0, picture=grey_clock(), sound=tone(), sound_starts_at=1.0)
    sound = read_audio(path)
    assert not sound[:14_400].any()
    assert np.abs(sound[17_600:20_000]).max() > 0.2


def test_sound_where_there_is_none(media_folder):
    assert read_audio(media_folder / "blue mute.mp4").shape == (0,)
    assert read_audio(media_folder / "red right.mp4", start_seconds=50.0).shape == (0,)


def test_clip_starts_at_its_start(clock, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(cut_clip(clock, 1.0, 3.0))
    assert probe(clip).duration_seconds == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(greys(clip, [0.0, 1.0]), [40, 60], atol=3.0)


@pytest.mark.parametrize("name", ["blue mute.mp4", "only sound.mp4"])
def test_clip_of_picture_or_sound_alone(media_folder, tmp_path, name):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(cut_clip(media_folder / name, 0.5, 1.5))
    before, after = probe(media_folder / name), probe(clip)
    assert (after.has_video, after.has_audio) == (before.has_video, before.has_audio)
    assert after.duration_seconds == pytest.approx(1.0, abs=0.1)


def test_clip_outside_the_file_is_refused(clock):
    with pytest.raises(MediaError, match="ends at 4"):
        cut_clip(clock, 10.0, 12.0)


def test_unreadable_files_are_named_with_a_mend(tmp_path):
    empty, rubbish = tmp_path / "empty.mp4", tmp_path / "ré sumé.mp4"
    empty.touch()
    rubbish.write_bytes(bytes(range(256)) * 40)
    cases = {empty: "empty", rubbish: "not a media file", tmp_path / "no.mp4": "no such file"}
    for path, problem in {**cases, tmp_path: "folder"}.items():
        with pytest.raises(MediaError, match=problem) as error:
            probe(path)
        assert str(path) in str(error.value)


def test_truncated_file_is_readable_up_to_its_end_and_then_says_so(tmp_path):
    path = tmp_path / "cut.mp4"
    write_video(path, 10.0, picture=grey_clock(), options={"movflags": "faststart"})
    content = path.read_bytes()
    start = content.index(b"mdat")
    path.write_bytes(content[: start + (len(content) - start) // 2])
    assert greys(path, [0.5])[0] == pytest.approx(30, abs=2)
    with pytest.raises(MediaError, match="truncated"):
        read_frames(path, [0.5, 9.5])
    path.write_bytes(content[: start - 40])
    with pytest.raises(MediaError):
        read_frames(path, [0.5])


def test_sound_only_has_no_frames(media_folder):
    with pytest.raises(MediaError, match="no picture"):
        read_frames(media_folder / "only sound.mp4", [0.0])


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(MediaError("a.mp4", "is empty", "record it again")))
    assert str(error) == "a.mp4: is empty; record it again"
