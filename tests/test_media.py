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
    SoundBlocks,
    cut_clip,
    frames,
    poster,
    probe,
    read_audio,
    read_frames,
    sound,
    stream_frames,
    stream_windows,
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


def test_long_files_are_read_without_decord(tmp_path, monkeypatch):
    """decord keeps memory for every frame that it has decoded."""
    path = write_video(
        tmp_path / "long.mp4", 40.0, picture=grey_clock(seconds_to_grey=4), frames_per_second=5
    )
    monkeypatch.setattr(frames, "DECORD_SECONDS", 30.0)
    used = []
    decord = pytest.importorskip("decord")
    reader = decord.VideoReader
    monkeypatch.setattr(
        decord,
        "VideoReader",
        lambda *args, **options: used.append(args) or reader(*args, **options),
    )
    seconds = [1.0, 20.0, 39.0]
    long = greys(path, seconds)
    assert not used
    monkeypatch.undo()
    np.testing.assert_allclose(long, greys(path, seconds), atol=1.0)


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


@pytest.mark.parametrize("reader", ["decord", "pyav"])
@pytest.mark.parametrize("windows", [1, 3, 100])
def test_windows_that_overlap_show_what_reading_each_shows(clock, reader, windows, without_decord):
    if reader == "pyav":
        without_decord()
    starts, offsets = np.arange(7) / 2, (0.0, 0.3, 1.25)
    blocks = list(stream_windows(clock, starts, offsets, size=(32, 24), windows=windows))
    assert {len(block) for block in blocks[:-1]} <= {windows}
    each = [read_frames(clock, start + np.array(offsets), size=(32, 24)) for start in starts]
    np.testing.assert_array_equal(np.concatenate(blocks), each)
    assert list(stream_windows(clock, starts[:0], offsets)) == []


def test_frames_are_scaled_alike_where_a_file_changes_its_size(tmp_path, without_decord):
    path, small = tmp_path / "a.ts", tmp_path / "b.ts"
    write_video(path, 1.0, picture=grey_clock((64, 48)), codecs=("mpeg4", ""))
    write_video(small, 1.0, picture=grey_clock((32, 24)), codecs=("mpeg4", ""))
    path.write_bytes(path.read_bytes() + small.read_bytes())
    without_decord()
    assert read_frames(path, [0.0, 0.5, 0.96, 1.5]).shape == (4, 48, 64, 3)


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


@pytest.mark.parametrize("block_seconds", [0.3, 1.0, 60.0])
def test_sound_in_blocks_is_the_sound(media_folder, block_seconds):
    path = media_folder / "red right.mp4"
    blocks = SoundBlocks(path, 8_000, block_seconds)
    pieces = list(blocks)
    assert {len(piece) for piece in pieces[:-1]} <= {round(8_000 * block_seconds)}
    whole = read_audio(path, sample_rate=8_000)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), whole)  # as often as wanted
    assert list(SoundBlocks(media_folder / "blue mute.mp4")) == []
    with pytest.raises(MediaError, match="no such file"):
        next(iter(SoundBlocks(media_folder / "gone.mp4")))


def test_pieces_of_sound_are_laid_out_forward():
    """A hole is silent; what is stamped before what was heard is left out."""
    ones = np.ones(4, dtype=np.float32)
    pieces = [
        (-2, ones * 0.1),
        (2, ones * 0.2),
        (9, ones * 0.3),
        (10, ones * 0.4),
        (13, ones * np.nan),
    ]
    whole = np.array([0.1] * 2 + [0.2] * 4 + [0] * 3 + [0.3] * 4 + [0.4] + [0] * 3, np.float32)
    for most in (1, 2, 100):
        np.testing.assert_array_equal(
            np.concatenate([*sound._forward(pieces, 0, None, most)]), whole
        )
        np.testing.assert_array_equal(
            np.concatenate([*sound._forward(pieces, 3, 11, most)]), whole[3:11]
        )
    assert list(sound._forward(pieces, 0, 8, 100))[-1].tolist() == [0.0, 0.0]


def test_sound_that_changes_its_channels_and_rate_midway(tmp_path):
    path, other = tmp_path / "a.mp3", tmp_path / "b.mp3"
    write_video(path, 2.0, sound=tone(), codecs=("", "libmp3lame"))
    write_video(other, 2.0, sound=tone(880), codecs=("", "libmp3lame"), sample_rate=22_050)
    path.write_bytes(path.read_bytes() + other.read_bytes())
    sound = read_audio(path)
    assert len(sound) == pytest.approx(64_000, abs=4_000)
    for part, hertz in ((sound[8_000:24_000], 440), (sound[40_000:56_000], 880)):
        assert np.argmax(np.abs(np.fft.rfft(part))) == pytest.approx(hertz, abs=3)


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
