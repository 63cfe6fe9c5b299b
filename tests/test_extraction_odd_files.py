"""Odd and broken files: each gives features, or an error that says what is wrong and what to do."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mmlab.extraction import extract
from mmlab.media import MediaError, read_frames
from tests.conftest import BLUE, grey_clock, moving_square, tone, write_video


def write_sound(path: Path, codec: str, layout: str = "mono", sample_rate: int = 48_000) -> Path:
    """Two seconds of the same tone in every channel."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=sample_rate, layout=layout)
        wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * sample_rate) / sample_rate)
        channels = len(av.AudioLayout(layout).channels)
        samples = np.repeat((wave * 32_767).astype(np.int16), channels)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout=layout)
        frame.sample_rate, frame.pts = sample_rate, 0
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=sample_rate)
        for part in [*resampler.resample(frame), None]:
            output.mux(stream.encode(part))
    return path


def cut_in_half(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def as_live_stream(path: Path, target: Path) -> Path:
    """The same packets as a program writes them that cannot go back to fill in the duration."""
    buffer = io.BytesIO()
    pipe = type("Pipe", (), {"write": buffer.write})()
    with av.open(str(path)) as source, av.open(pipe, "w", format="matroska") as output:
        streams = {
            stream.index: output.add_stream_from_template(stream) for stream in source.streams
        }
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    target.write_bytes(buffer.getvalue())
    return target


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Five seconds of picture and sound."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_video(path, 5.0, picture=moving_square(), sound=tone())


@pytest.mark.parametrize("codecs", ["flac mkv", "pcm_s16le wav", "aac m4a", "libmp3lame mp3"])
@pytest.mark.parametrize(("layout", "rate"), [("5.1", 48_000), ("stereo", 44_100), ("mono", 8_000)])
def test_sound_of_any_kind(tmp_path, codecs, layout, rate):
    codec, ending = codecs.split()
    if (codec, layout) == ("libmp3lame", "5.1"):
        pytest.skip("mp3 has no 5.1")
    features = extract(write_sound(tmp_path / f"sound.{ending}", codec, layout, rate))
    assert "video" not in features.tokens
    assert features.duration_seconds == pytest.approx(2.0, abs=0.2)
    assert features.tokens["audio"][20:180].mean(axis=0).argmax() == 5  # the band of 440 Hz
    assert features.levels["loudness"][:2] == pytest.approx(-10, abs=8)


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx", "libvpx-vp9"])
def test_codecs_of_the_web_with_a_variable_frame_rate(tmp_path, codec):
    times = np.array([0.0, 0.1, 0.2, 0.3, 1.9, 2.0, 2.1, 2.9])
    path = write_video(
        tmp_path / "a.webm",
        3.0,
        picture=grey_clock(),
        sound=tone(),
        times=times,
        codecs=(codec, "libopus"),
        sample_rate=48_000,
    )
    features = extract(path)
    wanted = np.arange(3)[:, None] + np.arange(9) / 8
    shown = times[np.searchsorted(times, wanted + 1e-3, side="right") - 1]
    expected = (20 + 20 * shown).mean(axis=1) / 255
    np.testing.assert_allclose(features.levels["brightness"], expected, atol=0.015)
    assert len(features.tokens["audio"]) == pytest.approx(301, abs=4)


def test_an_album_cover_is_not_a_video(tmp_path):
    path, cover = tmp_path / "song.m4a", io.BytesIO()
    Image.new("RGB", (64, 64), BLUE).save(cover, "PNG")
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16_000, layout="mono")
        picture = output.add_stream("png", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic
        samples = tone()(np.arange(16_000) / 16_000).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        still = av.VideoFrame.from_image(Image.open(cover))
        output.mux([*picture.encode(still), *picture.encode(None)])
        output.mux([*stream.encode(frame), *stream.encode(None)])
    features = extract(path)
    assert set(features.tokens) == {"audio"}
    assert features.width == 0


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_sound_and_picture_may_start_apart(tmp_path, ending):
    late_sound = write_video(
        tmp_path / f"a.{ending}", 3.0, picture=grey_clock(), sound=tone(), sound_starts_at=0.5
    )
    features = extract(late_sound)
    assert features.sound_start_seconds == pytest.approx(0.5, abs=0.03)
    assert features.picture_start_seconds == pytest.approx(0.0, abs=0.03)
    assert (features.tokens["audio"][:40] < -60).all()
    late_picture = write_video(
        tmp_path / f"b.{ending}", picture=grey_clock(), sound=tone(), times=np.arange(12, 75) / 25
    )
    features = extract(late_picture)
    assert features.picture_start_seconds == pytest.approx(0.48, abs=0.03)
    assert features.sound_start_seconds == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_rotated_pictures_are_upright(tmp_path, quarter_turns):
    path = write_video(tmp_path / "a.mp4", 1.0, picture=moving_square(pixels_per_second=(0, 0)))
    upright = read_frames(path, [0.0])[0]
    content, one = bytearray(path.read_bytes()), 1 << 16
    cosine, sine = [(0, one), (-one, 0), (0, -one)][quarter_turns - 1]
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(
        ">9i", cosine, sine, 0, -sine, cosine, 0, 0, 0, 1 << 30
    )
    path.write_bytes(content)
    features = extract(path)
    expected = np.rot90(upright, -quarter_turns)
    assert (features.height, features.width) == expected.shape[:2]
    difference = read_frames(path, [0.0])[0].astype(int) - expected
    assert np.abs(difference).mean() < 1.0


@pytest.mark.parametrize("sound", [None, tone()])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_a_video_of_one_frame(tmp_path, sound, ending):
    path = write_video(
        tmp_path / f"still.{ending}",
        3.0,
        picture=grey_clock(),
        sound=sound,
        times=np.array([0.0]),
        codecs=("mpeg4", "libmp3lame"),
    )
    features = extract(path)
    assert len(features.tokens["video"]) == (3 if sound else 1)
    assert (features.tokens["video"] == features.tokens["video"][0]).all()


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.webp", "picture.mp4"])
def test_an_image_is_no_video(tmp_path, name):
    Image.new("RGB", (32, 32)).save(tmp_path / name, None if name[-1] != "4" else "PNG")
    with pytest.raises(MediaError, match="still image, not a video; leave it out"):
        extract(tmp_path / name)


def test_a_playlist_does_not_reach_other_files(tmp_path, film):
    path = tmp_path / "list.mp4"
    (tmp_path / "film.mp4").write_bytes(film.read_bytes())
    path.write_text("ffconcat version 1.0\nfile 'film.mp4'\n")
    with pytest.raises(MediaError, match="playlist"):
        extract(path)


def test_slides_on_show_for_long_are_not_taken_for_a_truncated_file(tmp_path):
    slides = np.array([0.0, 30.0, 60.0])
    path = write_video(tmp_path / "slides.mkv", picture=grey_clock(seconds_to_grey=2), times=slides)
    features = extract(path)
    expected = (20 + 2 * np.array([0, 30])) / 255
    np.testing.assert_allclose(
        features.levels["brightness"][[0, 28, 31, 58]], expected.repeat(2), 0.1
    )


def test_time_stamps_that_jump(tmp_path):
    start = np.arange(25) / 25
    flat = grey_clock(seconds_to_grey=1e-6)
    path = write_video(tmp_path / "a.mkv", picture=flat, times=np.append(start, start + 50))
    assert len(extract(path).tokens["video"]) == 51
    write_video(path, picture=flat, times=np.append(start, start + 2e6))
    with pytest.raises(MediaError, match="556 hours: its time stamps are damaged; convert it"):
        extract(path)


def test_time_stamps_that_go_back(tmp_path):
    """A recording that was started again: the second part has the times of the first."""
    path = tmp_path / "again.ts"
    write_video(
        tmp_path / "part.ts", 2.0, picture=grey_clock(), sound=tone(), codecs=("mpeg4", "aac")
    )
    path.write_bytes((tmp_path / "part.ts").read_bytes() * 2)
    features = extract(path)
    assert len(features.tokens["video"]) >= 2
    assert features.levels["brightness"][0] == pytest.approx(30 / 255, abs=0.02)


def test_a_header_without_a_duration(tmp_path):
    codecs = ("mpeg4", "aac")
    path = write_video(tmp_path / "a.mp4", 3.0, picture=grey_clock(), sound=tone(), codecs=codecs)
    live = as_live_stream(path, tmp_path / "live.mkv")
    with av.open(str(live)) as container:
        assert not container.duration
    features = extract(live)
    assert features.duration_seconds == pytest.approx(3.0, abs=0.1)
    expected = np.array([30, 50, 70]) / 255
    np.testing.assert_allclose(features.levels["brightness"], expected, atol=0.02)


def test_hours_of_nothing_are_refused(tmp_path):
    """A damaged clock: seconds that are thousands of them."""
    few = np.array([0.0, 20_000.0, 40_000.0])
    path = write_video(tmp_path / "a.mkv", picture=grey_clock(seconds_to_grey=0), times=few)
    with pytest.raises(MediaError, match="claims to last 11 hours: its time stamps are damaged"):
        extract(path)


@pytest.mark.parametrize(("hours", "truncated"), [(0.5, True), (10, False), (100, False)])
def test_a_header_that_claims_hours_for_seconds(tmp_path, hours, truncated):
    path = write_video(tmp_path / "a.mkv", 3.0, picture=grey_clock(), sound=tone())
    content = bytearray(path.read_bytes())
    duration = content.index(b"\x44\x89\x88") + 3  # its number and its 8 bytes: milliseconds
    content[duration : duration + 8] = struct.pack(">d", hours * 3.6e6)
    path.write_bytes(content)
    if truncated:
        with pytest.raises(MediaError, match="truncated: its picture ends at 3.0 s of 1800.0 s"):
            extract(path)
    else:
        assert extract(path).duration_seconds == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_truncated_files_say_so(tmp_path, ending):
    codecs = ("libvpx", "libopus") if ending == "webm" else ("libx264", "aac")
    options = {"movflags": "faststart"} if ending == "mp4" else {}
    path = write_video(
        tmp_path / f"a.{ending}",
        8.0,
        picture=grey_clock(),
        sound=tone(),
        codecs=codecs,
        options=options,
        sample_rate=48_000,
    )
    with pytest.raises(
        MediaError, match=r"truncated: its picture ends at \d.\d s of 8.0 s; download"
    ):
        extract(cut_in_half(path))


@pytest.mark.parametrize("codecs", ["pcm_s16le wav", "flac flac", "libmp3lame mp3"])
def test_truncated_sound_has_its_true_length(tmp_path, codecs):
    codec, ending = codecs.split()
    path = cut_in_half(write_video(tmp_path / f"a.{ending}", 8.0, sound=tone(), codecs=("", codec)))
    features = extract(path)
    assert features.duration_seconds == pytest.approx(4.0, abs=0.5)
    assert len(features.tokens["audio"]) == pytest.approx(400, abs=50)


def overwritten(film, target, kind, byte):
    """A copy of a film with every packet of one kind overwritten."""
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as container:
        stream = container.streams.best(kind)
        places = [(packet.pos, packet.size) for packet in container.demux(stream) if packet.size]
    for start, size in places:
        content[start : start + size] = byte * size
    target.write_bytes(content)
    return target


def test_broken_sound_leaves_the_picture_and_is_told(tmp_path, film):
    features = extract(overwritten(film, tmp_path / "broken.mp4", "audio", b"\xff"))
    np.testing.assert_array_equal(features.tokens["video"], extract(film).tokens["video"])
    assert not len(features.tokens["audio"])
    assert not len(features.levels["loudness"])
    assert features.notes == ("its sound cannot be decoded",)


def test_broken_picture_leaves_the_sound_and_is_told(tmp_path, film):
    features = extract(overwritten(film, tmp_path / "broken.mp4", "video", b"\x00"))
    assert set(features.tokens) == {"audio"}
    assert features.width == 0
    assert features.notes == ("its picture cannot be decoded",)


def test_damage_in_the_middle_costs_only_that_part(tmp_path, film):
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux() if packet.size]
    for start, size in places[len(places) // 3 : len(places) // 2]:
        content[start : start + size] = b"\xff" * size
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    features = extract(damaged)
    assert len(features.tokens["video"]) == 5
    assert len(features.tokens["audio"]) == pytest.approx(502, abs=3)


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "empty"), (b"\x00" * 99, "not a media file")]
)
def test_nothing_and_rubbish(tmp_path, content, problem):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=problem):
        extract(path)


def test_an_absurd_number_of_frames_takes_nothing_down(tmp_path, film):
    """decord would reserve memory for as many as the header claims, and end the process."""
    content = bytearray(film.read_bytes())
    many = content.index(b"stts") + 12
    assert struct.unpack(">I", content[many : many + 4]) == (125,)
    content[many : many + 4] = struct.pack(">I", 0x7FFFFFFF)
    path = tmp_path / "many.mp4"
    path.write_bytes(content)
    assert 1 <= len(extract(path).tokens["video"]) <= 5
