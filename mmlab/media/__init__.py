"""Media files, addressed in seconds: pictures, sound, and small clips for a browser.

Second 0 of a file is where its container starts, so that picture and sound stay together.
Pictures are read by decord first and by PyAV where decord cannot; both give the same frames.
What is named `stream_...` or `...Blocks` keeps only a small part of a file in memory.
Read in this order: probe -> frames -> sound -> clip.
"""

from mmlab.media.clip import cut_clip
from mmlab.media.frames import poster, read_frames, stream_frames, stream_windows
from mmlab.media.probe import MediaError, MediaInfo, probe
from mmlab.media.sound import SoundBlocks, read_audio

__all__ = [
    "MediaError",
    "MediaInfo",
    "SoundBlocks",
    "cut_clip",
    "poster",
    "probe",
    "read_audio",
    "read_frames",
    "stream_frames",
    "stream_windows",
]
