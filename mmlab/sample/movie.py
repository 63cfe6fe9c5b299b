"""One planned video as an mp4: H.264 picture, AAC sound."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

from mmlab.sample.camera import FRAME
from mmlab.sample.scene import video_frames
from mmlab.sample.sound import SAMPLE_RATE, sound_track
from mmlab.sample.world import FRAMES_PER_SECOND, Video

SOUND_BITS_PER_SECOND = 32_000
QUALITY = "28"  # x264's constant rate factor, lower is better
SECONDS_BETWEEN_KEY_FRAMES = 8
# x264's macroblock tree is the one part of it that now and then gives other bytes for the same
# frames (3 to 10 times in 80 when measured), so it is off; the rest halves the search for motion.
_X264 = "mbtree=0:subme=1:b-adapt=0:rc-lookahead=4"
_SAMPLES_PER_PACKET = 1024


def render(video: Video) -> bytes:
    """Draw, sound and encode a video; the same plan gives the same pixels and samples."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        picture.width, picture.height = FRAME
        picture.pix_fmt = "yuv420p"
        picture.thread_count = 1  # several threads would make the bytes depend on the machine
        picture.gop_size = SECONDS_BETWEEN_KEY_FRAMES * FRAMES_PER_SECOND
        picture.options = {"preset": "veryfast", "crf": QUALITY, "x264-params": _X264}
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = SOUND_BITS_PER_SECOND
        sound.options = {"aac_coder": "fast"}
        samples = sound_track(video)[None]  # (1, samples)
        sent = 0
        for number, image in enumerate(video_frames(video)):
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(picture.encode(frame))
            until = round((number + 1) / FRAMES_PER_SECOND * SAMPLE_RATE)
            sent = _send_sound(container, sound, samples[:, :until], sent)
        container.mux(picture.encode(None))
        _send_sound(container, sound, samples, sent, last=True)
        container.mux(sound.encode(None))
    return buffer.getvalue()


def _send_sound(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    samples: np.ndarray,
    sent: int,
    last: bool = False,
) -> int:
    """Encode the samples after `sent`, in whole packets unless they are the last.

    Returns:
        How many samples are sent by now.
    """
    while sent + (1 if last else _SAMPLES_PER_PACKET) <= samples.shape[1]:
        part = np.ascontiguousarray(samples[:, sent : sent + _SAMPLES_PER_PACKET])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, sent
        frame.time_base = Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(frame))
        sent += part.shape[1]
    return sent
