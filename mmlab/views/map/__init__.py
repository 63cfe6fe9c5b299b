"""The map of an embedding space, see `EmbeddingMap`.

Read in this order: look -> engine -> plotly_events -> plotly_engine -> scatter_engine ->
background -> canvas -> legend -> card -> controls -> asking -> keeping -> panel -> picture ->
standing -> telling -> lighting -> view -> links.
"""

from mmlab.views.map.links import LinkedMaps, link_maps, side_by_side
from mmlab.views.map.look import look_of
from mmlab.views.map.picture import map_picture
from mmlab.views.map.view import EmbeddingMap

__all__ = ["EmbeddingMap", "LinkedMaps", "link_maps", "look_of", "map_picture", "side_by_side"]
