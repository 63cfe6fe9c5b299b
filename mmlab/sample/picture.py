"""A small paint box: shapes as masks, shaded as if they were inflated, stacked on a sheet.

A mask is blurred into a hill, the hill's slope is lit from the upper left, and the result looks
like a soft solid body. Everything is drawn twice as large as needed and reduced at the end, which
smooths the edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SUPERSAMPLE = 2
_LIGHT = np.array([-0.42, -0.62, 0.66])
_HALF = (_LIGHT + [0, 0, 1]) / np.linalg.norm(_LIGHT + [0, 0, 1])  # between the light and the eye

Colour = tuple[float, float, float]
"""Red, green, blue in 0..255."""


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with a share (0..1) of `second`."""
    return tuple(a + share * (b - a) for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


class Sheet:
    """A transparent sheet; x goes right, y down, in final pixels from `origin` (the centre)."""

    def __init__(self, width: int, height: int, origin: tuple[float, float] | None = None) -> None:
        self._origin = origin or (width / 2, height / 2)
        size = (height * SUPERSAMPLE, width * SUPERSAMPLE)
        self._colour = np.zeros((*size, 3), np.float32)  # premultiplied
        self._alpha = np.zeros(size, np.float32)
        rows, columns = np.indices(size, dtype=np.float32)
        self.x = (columns + 0.5) / SUPERSAMPLE - self._origin[0]
        self.y = (rows + 0.5) / SUPERSAMPLE - self._origin[1]

    def ellipse(
        self, x: float, y: float, half_width: float, half_height: float, degrees: float = 0.0
    ) -> np.ndarray:
        """The mask (H, W) of an ellipse turned clockwise by `degrees`."""
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        along = (self.x - x) * cos + (self.y - y) * sin
        across = (self.y - y) * cos - (self.x - x) * sin
        return ((along / half_width) ** 2 + (across / half_height) ** 2 < 1).astype(np.float32)

    def limb(
        self, start: tuple[float, float], end: tuple[float, float], *radii: float
    ) -> np.ndarray:
        """The mask of a rounded rod from `start` to `end`; one radius, or one for each end."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        along = ((self.x - start[0]) * dx + (self.y - start[1]) * dy) / (dx * dx + dy * dy)
        along = np.clip(along, 0, 1)
        radius = radii[0] + along * (radii[-1] - radii[0])
        distance = np.hypot(self.x - start[0] - along * dx, self.y - start[1] - along * dy)
        return (distance < radius).astype(np.float32)

    def polygon(self, points: Sequence[tuple[float, float]], smooth: bool = False) -> np.ndarray:
        """The mask of a polygon, or of the closed smooth curve through its points."""
        corners = _smooth(np.array(points, float)) if smooth else np.array(points, float)
        height, width = self._alpha.shape
        corners = (corners + self._origin) * SUPERSAMPLE
        image = Image.new("L", (width, height))
        ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners.tolist()], fill=1)
        return np.asarray(image, np.float32)

    def paint(
        self,
        mask: np.ndarray,
        colour: Colour | np.ndarray,
        *,
        depth: float = 8.0,
        gloss: float = 0.25,
        outline: float = 0.35,
        opacity: float = 1.0,
    ) -> None:
        """Lay a shaded shape on top.

        Args:
            mask: (H, W) in 0..1.
            colour: one colour, or (H, W, 3) for a texture.
            depth: pixels over which the edge rounds off; 0 is flat.
            gloss: strength of the highlight, 0..1.
            outline: how much darker the edge is, 0..1.
            opacity: 0..1.
        """
        area = _bounds(mask)
        if area is None:
            return
        inside = mask[area]
        flat = np.asarray(colour, np.float32)
        paint = np.broadcast_to(flat, (*mask.shape, 3))[area].copy()
        if depth:
            diffuse, highlight = _lit(inside, depth * SUPERSAMPLE)
            paint = paint * diffuse[..., None] + 255 * gloss * highlight[..., None]
        if outline:
            rim = np.pad(inside, 4)
            rim = ndimage.uniform_filter(rim, 2 * SUPERSAMPLE + 1)[4:-4, 4:-4]
            paint *= 1 - outline * np.clip(2 - 2 * rim, 0, 1)[..., None]
        alpha = (inside * opacity)[..., None]
        self._colour[area] = np.clip(paint, 0, 255) * alpha + self._colour[area] * (1 - alpha)
        self._alpha[area] = alpha[..., 0] + self._alpha[area] * (1 - alpha[..., 0])

    def shade(self, mask: np.ndarray, blur: float, strength: float = 0.4) -> None:
        """Lay a soft shadow of the mask on top, blurred by `blur` pixels."""
        soft = ndimage.gaussian_filter(mask, blur * SUPERSAMPLE / 2, truncate=3) * strength
        self._colour *= 1 - soft[..., None]
        self._alpha = soft + self._alpha * (1 - soft)

    def image(self) -> Image.Image:
        """The sheet as an RGBA picture of its final size."""
        solid = np.maximum(self._alpha, 1e-6)[..., None]
        pixels = np.dstack([self._colour / solid, 255 * self._alpha])
        picture = Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8), "RGBA")
        return picture.reduce(SUPERSAMPLE)


def _bounds(mask: np.ndarray) -> tuple[slice, slice] | None:
    """The smallest box around the mask."""
    boxes = ndimage.find_objects((mask > 0).astype(np.uint8))
    return boxes[0] if boxes else None


def _smooth(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """The closed Catmull-Rom curve through (P, 2) points."""
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    beyond = np.roll(points, -2, axis=0)
    t = (np.arange(steps) / steps)[:, None, None]
    cubic = (
        2 * points
        + (after - before) * t
        + (2 * before - 5 * points + 4 * after - beyond) * t**2
        + (3 * points - before - 3 * after + beyond) * t**3
    )
    return (cubic / 2).transpose(1, 0, 2).reshape(-1, 2)


def _lit(mask: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Diffuse light around 1 and a highlight in 0..1 on the mask blown up like a cushion."""
    margin = int(2 * depth) + 1
    size = max(int(depth), 1)
    hill = np.pad(mask, margin)
    for _ in range(3):  # three box filters are nearly a Gaussian, at a price without its radius
        hill = ndimage.uniform_filter(hill, size)
    slope_y, slope_x = np.gradient(hill[margin:-margin, margin:-margin] * depth * 1.1)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = (_LIGHT[2] - slope_x * _LIGHT[0] - slope_y * _LIGHT[1]) / length
    shine = (_HALF[2] - slope_x * _HALF[0] - slope_y * _HALF[1]) / length
    return 0.55 + 0.62 * np.clip(facing, 0, 1), np.clip(shine, 0, 1) ** 24
