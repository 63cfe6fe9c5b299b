"""The camera: which part of the stage fills the frame."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from mmlab.sample.kitchen import STAGE

FRAME = (320, 240)  # width, height of the video in pixels


@dataclass(frozen=True)
class Shot:
    """A rectangle of the stage: left, top and width in pixels, of the frame's proportions."""

    left: float
    top: float
    width: float

    @classmethod
    def around(cls, x: float, y: float, width: float) -> Shot:
        """The shot of a width whose middle is as near to (x, y) as the stage allows."""
        height = width * FRAME[1] / FRAME[0]
        left = min(max(x - width / 2, 0.0), STAGE[0] - width)
        top = min(max(y - height / 2, 0.0), STAGE[1] - height)
        return cls(left, top, width)

    @property
    def scale(self) -> float:
        """Pixels of the frame per pixel of the stage."""
        return FRAME[0] / self.width

    def take(self, stage: Image.Image) -> Image.Image:
        """What the camera sees of a picture of the stage."""
        height = self.width * FRAME[1] / FRAME[0]
        box = (self.left, self.top, self.left + self.width, self.top + height)
        return stage.resize(FRAME, Image.Resampling.BILINEAR, box=box)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A place on the stage in pixels of the frame."""
        return (x - self.left) * self.scale, (y - self.top) * self.scale

    def scaled(self, sprite: Image.Image, size: float = 1.0) -> Image.Image:
        """A sprite of the stage as large as the camera sees it, `size` times enlarged."""
        factor = self.scale * size
        shape = (max(1, round(sprite.width * factor)), max(1, round(sprite.height * factor)))
        return sprite.resize(shape, Image.Resampling.LANCZOS)


def paste(picture: Image.Image, sprite: Image.Image, middle: tuple[float, float]) -> None:
    """Put a sprite on a picture, its middle at a place in pixels."""
    place = (round(middle[0] - sprite.width / 2), round(middle[1] - sprite.height / 2))
    picture.paste(sprite, place, sprite)
