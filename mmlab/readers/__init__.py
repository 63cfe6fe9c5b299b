"""Readers of what is published, and of captions of one's own; each is a short function.

All readers of captions give `Captions`, all of step localisation `LocalizationVideos`. Files from
outside are opened by `mmlab.readers.safe` alone.
"""

from mmlab.readers.audio_captions import read_audiocaps, read_clotho
from mmlab.readers.captions import Captions, find_subtitles, read_captions
from mmlab.readers.crosstask import read_crosstask, read_crosstask_tasks, read_prepared
from mmlab.readers.localization import LocalizationVideo, LocalizationVideos
from mmlab.readers.mining_youtube import MiningYoutube, MiningYoutubeVideo, read_mining_youtube
from mmlab.readers.subtitles import read_subtitles
from mmlab.readers.tables import read_table

__all__ = [
    "Captions",
    "LocalizationVideo",
    "LocalizationVideos",
    "MiningYoutube",
    "MiningYoutubeVideo",
    "find_subtitles",
    "read_audiocaps",
    "read_captions",
    "read_clotho",
    "read_crosstask",
    "read_crosstask_tasks",
    "read_mining_youtube",
    "read_prepared",
    "read_subtitles",
    "read_table",
]
