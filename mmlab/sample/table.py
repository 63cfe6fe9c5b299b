"""What stands on the table in one step: the vessel and the pieces of food in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from mmlab.sample.camera import FRAME, Shot, paste
from mmlab.sample.ingredients import ingredient_sprite
from mmlab.sample.vessels import cloth, vessel

VESSEL_AT = (240, 226)  # the usual middle of the vessel's opening on the stage
FOOD_SIZE = 1.12  # of the sprites
_PLACES = {
    "one": [(0, 0)],
    "two": [(-36, -2), (36, 4)],
    "three": [(-46, 0), (46, -2), (0, 10)],
    "four": [(-42, -10), (42, -12), (-40, 16), (44, 15)],
}
"""Where the pieces of a count stand, in pixels of the stage from the middle of the food."""


class Table:
    """The vessel and its food on the stage.

    Attributes:
        stage: the kitchen with the back of the vessel, RGB.
        vessel: its sprites.
        vessel_at: (x, y) of the vessel's middle on the stage, pixels.
        food_at: (x, y) of the food's middle on the stage, pixels.
        food: the sprite of one piece.
        places: (pieces, 2) of the pieces' feet from `food_at`, far ones first.
    """

    def __init__(
        self, room: Image.Image, attributes: Mapping[str, str], generator: np.random.Generator
    ) -> None:
        shift_x, shift_y = generator.uniform((-16, -8), (16, 8)).tolist()
        self.vessel = vessel(attributes["vessel"], attributes["colour"])
        self.vessel_at = (VESSEL_AT[0] + shift_x, VESSEL_AT[1] + shift_y)
        self.food_at = self.on_stage(*self.vessel.floor, since=self.vessel_at)
        self.food = ingredient_sprite(attributes["ingredient"])
        places = np.array(_PLACES[attributes["count"]], float)
        places += generator.uniform(-5, 5, places.shape)
        self.places = places[np.argsort(places[:, 1])]
        self._turns = generator.uniform(-14, 14, len(places))
        self.stage = room.copy()
        paste(self.stage, self.vessel.back, self.vessel_at)

    def on_stage(
        self, x: float, y: float, since: tuple[float, float] | None = None
    ) -> tuple[float, float]:
        """A place given from the middle of the food (or another one) in pixels of the stage."""
        origin = since or self.food_at
        return origin[0] + x, origin[1] + y

    def pieces(self, shot: Shot) -> list[Image.Image]:
        """The food's pieces as the camera sees them, each turned a little."""
        sprite = shot.scaled(self.food, FOOD_SIZE)
        return [sprite.rotate(turn, Image.Resampling.BICUBIC) for turn in self._turns]

    def piece_at(self, piece: int) -> tuple[float, float]:
        """The middle of a piece on the stage; it stands a little above its foot."""
        x, y = self.places[piece].tolist()
        return self.on_stage(x, y - 16)

    def at_rest(self, covered: bool) -> Image.Image:
        """The stage with everything on it; a cloth may cover the food."""
        stage = self.stage.copy()
        if covered:
            paste(stage, cloth(), self.on_stage(0, -14))
        else:
            as_large = Shot(0, 0, FRAME[0])  # a pixel of the stage is one of the frame
            for number, piece in enumerate(self.pieces(as_large)):
                paste(stage, piece, self.piece_at(number))
        paste(stage, self.vessel.front, self.vessel_at)
        return stage
