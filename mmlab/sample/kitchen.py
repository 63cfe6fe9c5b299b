"""The kitchen around the vessel: wall, window or shelf, wooden table, light; one per video."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import ndimage

from mmlab.sample.ingredients import SIZE, ingredient_sprite
from mmlab.sample.picture import Colour, Sheet, mixed

STAGE = (480, 360)  # width, height in pixels; the camera sees most of it
HORIZON = 118  # where the table begins

_WALLS: tuple[Colour, ...] = (
    (188, 200, 178),
    (224, 212, 190),
    (172, 190, 202),
    (222, 192, 180),
    (186, 184, 188),
    (206, 198, 214),
)
_WOODS: tuple[Colour, ...] = (
    (176, 128, 82),
    (140, 96, 62),
    (200, 160, 112),
    (120, 84, 64),
    (188, 168, 146),
)


def kitchen(generator: np.random.Generator) -> Image.Image:
    """Draw one video's empty kitchen, RGB, of the stage's size."""
    wall = _wall(_WALLS[generator.integers(len(_WALLS))], generator)
    table = _table(_WOODS[generator.integers(len(_WOODS))], generator)
    pixels = np.concatenate([wall, table])
    pixels *= _light(generator)[..., None]
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")
    _furnish(picture, generator)
    return picture


def _wall(colour: Colour, generator: np.random.Generator) -> np.ndarray:
    """Tiles or panels, (HORIZON, W, 3)."""
    y, x = np.mgrid[0:HORIZON, 0 : STAGE[0]]
    width = int(generator.choice([40, 60, 30]))
    height = int(generator.choice([20, 30]))
    shift = (y // height % 2) * (width // 2)
    joint = ((y % height) < 1) | (((x + shift) % width) < 1)
    brightness = 1 + 0.04 * np.sin((x + shift) // width * 12.9 + y // height * 78.2)
    brightness -= 0.10 * joint
    brightness -= 0.25 * np.clip((y - HORIZON + 14) / 14, 0, 1)  # the corner lies in shadow
    return np.array(colour) * brightness[..., None]


def _table(colour: Colour, generator: np.random.Generator) -> np.ndarray:
    """Planks with grain, (H - HORIZON, W, 3)."""
    height, width = STAGE[1] - HORIZON, STAGE[0]
    depth = np.linspace(0, 1, height)[:, None] ** 1.4  # far planks look narrower
    plank = np.floor(depth * 4.5)
    along = ndimage.gaussian_filter(generator.normal(size=(height, width)), (0.8, 26)) * 9
    rings = np.sin(depth * 75 + along * 2.2 + plank * 2.4)
    tone = generator.uniform(0.92, 1.06, 8)[plank.astype(int)]
    seam = np.abs(depth * 4.5 - np.round(depth * 4.5)) < 0.018
    brightness = tone * (1 + 0.05 * rings + 0.035 * along) - 0.28 * seam
    return np.array(colour) * brightness[..., None]


def _light(generator: np.random.Generator) -> np.ndarray:
    """A warm pool of light and darker corners, (H, W)."""
    y, x = np.mgrid[0 : STAGE[1], 0 : STAGE[0]]
    centre_x, centre_y = generator.uniform(150, 330), generator.uniform(120, 220)
    distance = np.hypot((x - centre_x) / STAGE[0], (y - centre_y) / STAGE[1])
    return generator.uniform(1.05, 1.14) - 0.55 * distance**2


def _furnish(picture: Image.Image, generator: np.random.Generator) -> None:
    """Stand a few things along the wall, away from the middle."""
    props = [_window, _plant, _jar, _jar, _cup, _hook]
    for x, number in zip((50, 130, 350, 430), generator.permutation(len(props)), strict=False):
        if generator.random() < 0.75:
            prop = props[number](generator)
            left = int(x - prop.width / 2 + generator.integers(-14, 15))
            picture.paste(prop, (left, HORIZON + 16 - prop.height), prop)


def _muted(generator: np.random.Generator) -> Colour:
    tones = ((164, 106, 84), (108, 122, 110), (206, 192, 168), (104, 110, 128), (176, 148, 104))
    return tones[generator.integers(len(tones))]


def _window(generator: np.random.Generator) -> Image.Image:
    sheet = Sheet(110, 136)
    sky = np.stack([170 + 0 * sheet.y, 206 - 0.2 * sheet.y, 232 - 0.3 * sheet.y], axis=-1)
    sheet.paint(
        sheet.polygon([(-50, -66), (50, -66), (50, 36), (-50, 36)]), (236, 232, 222), depth=3
    )
    for x in (-23, 23):
        pane = sheet.polygon([(x - 20, -60), (x + 20, -60), (x + 20, 30), (x - 20, 30)])
        sheet.paint(pane, sky, depth=0, outline=0.3)
        sheet.paint(sheet.ellipse(x, 34, 24, 20) * pane, (142, 178, 128), depth=4, outline=0)
    return sheet.image()


def _plant(generator: np.random.Generator) -> Image.Image:
    sheet = Sheet(70, 90)
    for lean in np.linspace(-22, 22, 7) + generator.normal(0, 2, 7):
        tip = (lean * 1.2, -36 + abs(lean) * 0.6)
        sheet.paint(sheet.limb((lean * 0.3, 12), tip, 3, 6), (92, 142, 92), depth=4, outline=0.2)
    pot = sheet.polygon([(-18, 8), (18, 8), (13, 42), (-13, 42)])
    sheet.paint(pot, _muted(generator), depth=8)
    return sheet.image()


def _jar(generator: np.random.Generator) -> Image.Image:
    sheet = Sheet(54, 84)
    filled = generator.uniform(-14, 10)
    body = sheet.polygon([(-18, -20), (18, -20), (20, 36), (-20, 36)])
    sheet.paint(body, (206, 216, 216), depth=7, gloss=0.6, opacity=0.75)
    sheet.paint(body * (sheet.y > filled), _muted(generator), depth=7, gloss=0.3, outline=0.2)
    sheet.paint(sheet.limb((-15, -24), (15, -24), 6), (150, 116, 82), depth=4)
    return sheet.image()


def _cup(generator: np.random.Generator) -> Image.Image:
    sheet = Sheet(60, 56)
    colour = mixed(_muted(generator), (255, 255, 255), 0.3)
    ring = sheet.ellipse(18, 4, 11, 12) * (1 - sheet.ellipse(18, 4, 6, 7))
    sheet.paint(ring, colour, depth=3)
    sheet.paint(sheet.polygon([(-20, -16), (16, -16), (12, 24), (-16, 24)]), colour, depth=9)
    return sheet.image()


def _hook(generator: np.random.Generator) -> Image.Image:
    """A ladle and a cloth on a rail."""
    sheet = Sheet(90, 130)
    sheet.paint(sheet.limb((-40, -44), (40, -44), 2.5), (120, 110, 100), depth=2)
    sheet.paint(sheet.limb((-18, -40), (-18, 4), 2), (168, 170, 174), depth=2)
    sheet.paint(sheet.ellipse(-18, 10, 11, 8), (168, 170, 174), depth=5)
    sheet.paint(sheet.polygon([(4, -44), (32, -44), (30, 6), (6, 2)]), _muted(generator), depth=5)
    return sheet.image()


def title_card(
    background: Image.Image, title: str, ingredients: list[str], size: tuple[int, int]
) -> Image.Image:
    """The opening picture: the dish's name on a card, its ingredients below, RGB of `size`."""
    picture = background.resize(size).filter(ImageFilter.GaussianBlur(5))
    width, height = size
    draw = ImageDraw.Draw(picture)
    box = (width * 0.08, height * 0.2, width * 0.92, height * 0.8)
    draw.rounded_rectangle([box[0] + 3, box[1] + 4, box[2] + 3, box[3] + 4], 12, fill=(70, 56, 46))
    draw.rounded_rectangle(box, 12, fill=(250, 244, 230), outline=(176, 140, 96), width=2)
    font = ImageFont.load_default(size=height / 11)
    first, rest = title.split(" ", 1)
    for row, text in enumerate((first, rest)):
        draw.text(
            (width / 2, height * (0.33 + 0.12 * row)), text, (84, 58, 40), font=font, anchor="mm"
        )
    icon = int(SIZE * 0.6)
    left = width / 2 - len(ingredients) * icon / 2
    for place, name in enumerate(ingredients):
        sprite = ingredient_sprite(name).resize((icon, icon), Image.Resampling.LANCZOS)
        picture.paste(sprite, (int(left + place * icon), int(height * 0.56)), sprite)
    return picture
