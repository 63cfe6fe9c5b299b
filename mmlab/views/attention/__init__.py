"""Words, seconds of picture and seconds of sound on one clock, with the clip playing.

Read in this order: telling -> panorama -> links -> moments -> later -> deletion -> explaining ->
controls -> clock -> picture -> page -> saving -> view. The clock's JavaScript: clock_data ->
clock_telling -> clock_elements -> clock_drawing -> clock_pointer -> clock.
"""

from mmlab.views.attention.clock import AttentionClock
from mmlab.views.attention.panorama import spectrogram_image
from mmlab.views.attention.view import AttentionView

__all__ = ["AttentionClock", "AttentionView", "spectrogram_image"]
