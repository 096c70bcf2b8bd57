"""Text that goes over pictures, emoji included, from the fonts that are there.

Letters come from the font that Pillow brings along. What it lacks (emoji above all) is looked for in fonts of the
system, by the names under which they are commonly installed.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from masklet.export.text import Picture, Rgb, default_font

_SYSTEM_FONTS = (
    "NotoColorEmoji.ttf",
    "Noto-COLRv1.ttf",
    "seguiemj.ttf",
    "Apple Color Emoji.ttc",
    "NotoEmoji-Regular.ttf",
    "Symbola.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
)
_BITMAP_SIZES = (109, 136, 160, 128)
"""Sizes of the pictures in emoji fonts that hold pictures instead of outlines."""
_NO_CHARACTER = "\U0010ffff"
_INVISIBLE = "\ufe0f\ufe0e\u200d"
"""Say how the character before is shown, or join two: drawn by no font on their own."""
_DRAWN_AT = 96

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class MissingGlyph(ValueError):
    """No font that was found has a character."""


@lru_cache(maxsize=64)
def text_picture(text: str, size: int, colour: Rgb) -> Picture:
    """A line of text as HxWx4 RGBA (straight alpha), letters with a thin dark rim so that they show on any picture.

    Args:
        size: height of the line's letters in pixels.

    Raises:
        MissingGlyph: a character that no font here can draw.
    """
    runs = [
        ("".join(characters), font)
        for font, characters in groupby((c for c in text if c not in _INVISIBLE), key=_font_for)
    ]
    pieces = [_drawn(piece, font, colour) for piece, font in runs]
    height = max(piece.height for piece in pieces)
    line = Image.new("RGBA", (sum(piece.width for piece in pieces), height))
    x = 0
    for piece in pieces:
        line.paste(piece, (x, (height - piece.height) // 2))
        x += piece.width
    scale = size / _DRAWN_AT
    small = line.resize((max(round(line.width * scale), 1), max(round(height * scale), 1)), Image.Resampling.BOX)
    pixels = np.array(small)
    pixels.setflags(write=False)
    return pixels


def _drawn(text: str, font: Font, colour: Rgb) -> Image.Image:
    """Text in one font as an RGBA picture whose letters are `_DRAWN_AT` pixels high."""
    bitmap = isinstance(font, ImageFont.FreeTypeFont) and font.size in _BITMAP_SIZES
    rim = 0 if bitmap else max(2, _DRAWN_AT // 20)
    left, top, right, bottom = font.getbbox(text, stroke_width=rim)
    ascent, descent = font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (bottom, 0)
    top, bottom = min(top, 0), max(bottom, ascent + descent)
    image = Image.new("RGBA", (max(round(right - left), 1), max(round(bottom - top), 1)), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.text(
        (-left, -top), text, font=font, fill=(*colour, 255), stroke_width=rim, stroke_fill=(0, 0, 0, 200),
        embedded_color=True,
    )  # fmt: skip
    if not bitmap:
        return image
    size = _DRAWN_AT / (ascent + descent) * 1.2
    return image.resize((max(round(image.width * size), 1), max(round(image.height * size), 1)))


def _font_for(character: str) -> Font:
    for font in (default_font(_DRAWN_AT), *_system_fonts()):
        if character.isspace() or _draws(font, character):
            return font
    raise MissingGlyph(
        f"no font here can draw {character!r} (U+{ord(character):04X}); for emoji install one, such as Debian's "
        "fonts-noto-color-emoji"
    )


def _draws(font: Font, character: str) -> bool:
    """Whether a font has a character: what it lacks, it draws like a code that is none."""
    drawn = _drawn(character, font, (255, 255, 255))
    return drawn.getbbox() is not None and drawn.tobytes() != _drawn(_NO_CHARACTER, font, (255, 255, 255)).tobytes()


@lru_cache(maxsize=1)
def _system_fonts() -> tuple[ImageFont.FreeTypeFont, ...]:
    found: list[ImageFont.FreeTypeFont] = []
    for name in _SYSTEM_FONTS:
        for size in (_DRAWN_AT, *_BITMAP_SIZES):
            try:
                found.append(ImageFont.truetype(name, size))
            except OSError:  # not installed, or a font of pictures of another size
                continue
            break
    return tuple(found)
