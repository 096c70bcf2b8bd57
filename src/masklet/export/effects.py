"""Effects for objects and background: what may be done to a picture, as values, as JSON and in words.

Effects are a list; each works on what those before it left, and on its own target: an object's id, "objects" (all of
them together) or "background" (what no object covers). Lengths are pixels of the full-size frame, colours `#rrggbb`
or `#rgb`. `masklet.export.apply_effects` draws them.

In JSON an effect is an object with its `kind`, its `target` and those parameters that are not at their defaults:
`{"kind": "blur", "target": "background", "radius": 20}`. On a command line it is `background=blur:radius=20`.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from masklet.export.files import check_keys, within
from masklet.export.text import Picture, Rgb

Target = int | Literal["objects", "background"]
ReadPicture = Callable[[str], bytes]

MOST_EFFECTS = 32
MOST_PICTURE_BYTES = 4 << 20
MOST_PICTURE_PIXELS = 8192 * 4320
_PICTURE_FORMATS = ("PNG", "JPEG", "WEBP")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_DATA = re.compile(r"data:image/(?:png|jpeg|webp);base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A parameter from `low` to `high`."""

    low: float
    high: float
    whole: bool = False

    def check(self, value: object, what: str) -> None:
        right = isinstance(value, int if self.whole else (int, float)) and not isinstance(value, bool)
        if not (right and isinstance(value, (int, float)) and self.low <= value <= self.high):
            kind = "a whole number" if self.whole else "a number"
            raise ValueError(f"{what} is {kind} from {self.low:g} to {self.high:g}, got {value!r}")

    def read(self, text: str) -> int | float | str:
        try:
            return int(text) if self.whole else float(text)
        except ValueError:
            return text  # `check` says what is wrong with it


@dataclass(frozen=True, slots=True)
class Colour:
    """A parameter such as `#ffcc00`."""

    def check(self, value: object, what: str) -> None:
        if not (isinstance(value, str) and _COLOUR.fullmatch(value)):
            raise ValueError(f"{what} is a colour such as #ffcc00 or #fc0, got {value!r}")

    def read(self, text: str) -> str:
        return text


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is one of a few words."""

    words: tuple[str, ...]

    def check(self, value: object, what: str) -> None:
        if value not in self.words:
            raise ValueError(f"{what} is one of {', '.join(self.words)}, got {value!r}")

    def read(self, text: str) -> str:
        return text


@dataclass(frozen=True, slots=True)
class Words:
    """A parameter of 1 to `longest` characters on one line."""

    longest: int

    def check(self, value: object, what: str) -> None:
        if not (isinstance(value, str) and 1 <= len(value) <= self.longest and value.isprintable() and value.strip()):
            raise ValueError(f"{what} is one line of 1 to {self.longest} characters, got {value!r}")

    def read(self, text: str) -> str:
        return text


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """A parameter that is a PNG, JPEG or WebP file's content, or None."""

    def check(self, value: object, what: str) -> None:
        if value is None:
            return
        if not isinstance(value, bytes):
            raise ValueError(f"{what} is the content of a picture file, got {type(value).__name__}")
        if len(value) > MOST_PICTURE_BYTES:
            raise ValueError(f"{what} has at most {MOST_PICTURE_BYTES} bytes, got {len(value)}")
        with _opened(value, what) as image:
            if image.width * image.height > MOST_PICTURE_PIXELS:
                raise ValueError(f"{what} has at most {MOST_PICTURE_PIXELS} pixels, got {image.width}x{image.height}")


Parameter = Number | Colour | Choice | Words | PictureBytes


def _number(default: float, low: float, high: float, *, whole: bool = False) -> Any:
    return field(default=default, metadata={"parameter": Number(low, high, whole)})


def _colour(default: str) -> Any:
    return field(default=default, metadata={"parameter": Colour()})


def _feather(default: float) -> Any:
    return _number(default, 0, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What all effects have: the target.

    Raises:
        ValueError: a target that is no object id (0 or more), "objects" or "background", or a parameter out of range.
    """

    kind: ClassVar[str]
    target: Target

    def __post_init__(self) -> None:
        is_id = isinstance(self.target, int) and not isinstance(self.target, bool) and self.target >= 0
        if not is_id and self.target not in ("objects", "background"):
            raise ValueError(f"a target is an object's id, objects or background, got {self.target!r}")
        for name, parameter in parameters(type(self)).items():
            parameter.check(getattr(self, name), f"{self.kind}: {name}")

    def to_json(self) -> dict[str, Any]:
        """The JSON form; `effects_from_json` reads it back. Parameters at their defaults are left out."""
        record: dict[str, Any] = {"kind": self.kind, "target": self.target}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name != "target" and (entry.default is MISSING or value != entry.default):
                record[entry.name] = _data_url(value) if isinstance(value, bytes) else value
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(Effect):
    """Fill the target from what surrounds it; `grow`: how far the fill reaches beyond it, for its soft edges."""

    kind: ClassVar[str] = "erase"
    grow: int = _number(4, 0, 100, whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur(Effect):
    """Blur the target with its own colours; `radius`: standard deviation of the Gaussian."""

    kind: ClassVar[str] = "blur"
    radius: float = _number(12, 0.5, 100)
    feather: float = _feather(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixelate(Effect):
    """Squares of `size` pixels, on a grid that stays where it is, in the mean of the target's colours in them."""

    kind: ClassVar[str] = "pixelate"
    size: int = _number(16, 2, 256, whole=True)
    feather: float = _feather(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desaturate(Effect):
    """Take the colours out: all of them with `amount` 1, none with 0."""

    kind: ClassVar[str] = "desaturate"
    amount: float = _number(1, 0, 1)
    feather: float = _feather(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient(Effect):
    """Lay a course of colours over the target's box, from `start` to `end`; `angle`: 0 to the right, 90 down."""

    kind: ClassVar[str] = "gradient"
    start: str = _colour("#ff3d81")
    end: str = _colour("#3d7bff")
    angle: float = _number(90, -360, 360)
    opacity: float = _number(0.6, 0, 1)
    feather: float = _feather(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spotlight(Effect):
    """Darken everything but the target: to black with `darkness` 1."""

    kind: ClassVar[str] = "spotlight"
    darkness: float = _number(0.7, 0, 1)
    feather: float = _feather(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline(Effect):
    """Draw a line of `width` pixels around the target; the target itself stays. On a cut-out it is opaque."""

    kind: ClassVar[str] = "outline"
    colour: str = _colour("#ffffff")
    width: float = _number(4, 1, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOut(Effect):
    """Make everything but the target transparent."""

    kind: ClassVar[str] = "cut-out"
    feather: float = _feather(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay(Effect):
    """Tint the target."""

    kind: ClassVar[str] = "overlay"
    colour: str = _colour("#ff3d81")
    opacity: float = _number(0.5, 0, 1)
    feather: float = _feather(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace(Effect):
    """Put a colour, or a picture that covers the whole frame, in place of the target. What was cut out is opaque again.

    `picture`: the content of a PNG, JPEG or WebP file; it is scaled to cover the frame, and its middle is taken.
    """

    kind: ClassVar[str] = "replace"
    colour: str = _colour("#00b140")
    picture: bytes | None = field(default=None, repr=False, metadata={"parameter": PictureBytes()})
    feather: float = _feather(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow(Effect):
    """Write text (or emoji) that goes with the target: with "objects", with each of them.

    `size`: height of the letters; `place`: "above" the target's box, on its "centre" or "below" it.
    """

    kind: ClassVar[str] = "follow"
    text: str = field(metadata={"parameter": Words(80)})
    size: int = _number(40, 6, 512, whole=True)
    colour: str = _colour("#ffffff")
    place: str = field(default="above", metadata={"parameter": Choice(("above", "centre", "below"))})

    def __post_init__(self) -> None:
        Effect.__post_init__(self)
        if self.target == "background":
            raise ValueError("follow: text goes with an object or with all objects, not with the background")


KINDS: dict[str, type[Effect]] = {
    effect.kind: effect
    for effect in (
        Erase,
        Blur,
        Pixelate,
        Desaturate,
        Gradient,
        Spotlight,
        Outline,
        CutOut,
        Overlay,
        Replace,
        Follow,
    )
}


def parameters(effect: type[Effect]) -> dict[str, Parameter]:
    """Name -> what it may be, of a kind of effect."""
    return {entry.name: entry.metadata["parameter"] for entry in fields(effect) if "parameter" in entry.metadata}


def has_alpha(effects: Iterable[Effect]) -> bool:
    """Whether the effects may leave something transparent."""
    return any(isinstance(effect, CutOut) for effect in effects)


def check_targets(effects: Iterable[Effect], objects: Iterable[int]) -> None:
    """Raise ValueError where an effect is for an object that is not among `objects`."""
    known = set(objects)
    for effect in effects:
        if isinstance(effect.target, int) and effect.target not in known:
            raise ValueError(f"{effect.kind}: there is no object {effect.target}; objects: {sorted(known)}")


def effects_from_json(value: object, read_picture: ReadPicture | None = None) -> tuple[Effect, ...]:
    """Effects from a list of JSON objects.

    Args:
        read_picture: gives the content of the file that a `picture` names; without it a picture is a data: URL.

    Raises:
        ValueError: no such list, more than 32 effects, an unknown kind or parameter, a value out of its range.
    """
    if not isinstance(value, list):
        raise ValueError(f"effects are a list, got {type(value).__name__}")
    if len(value) > MOST_EFFECTS:
        raise ValueError(f"there may be {MOST_EFFECTS} effects, got {len(value)}")
    found: list[Effect] = []
    for number, record in enumerate(value, 1):
        with within(f"effect {number}"):
            found.append(_from_record(record, read_picture))
    return tuple(found)


def parse_effect(text: str, read_picture: ReadPicture) -> Effect:
    """An effect in words: `TARGET=KIND`, or `TARGET=KIND:NAME=VALUE;NAME=VALUE`.

    Raises:
        ValueError: anything else, with what was expected.
    """
    target, equals, rest = text.partition("=")
    kind, _, listed = rest.partition(":")
    if not equals or kind not in KINDS:
        expected = f"TARGET=KIND or TARGET=KIND:NAME=VALUE;..., where KIND is one of {', '.join(KINDS)}"
        raise ValueError(f"effect {text!r}: expected {expected}")
    known = parameters(KINDS[kind])
    record: dict[str, Any] = {"kind": kind, "target": int(target) if target.isdecimal() else target}
    for part in filter(None, listed.split(";")):
        name, _, value = part.partition("=")
        parameter = known.get(name)
        record[name] = value if parameter is None or isinstance(parameter, PictureBytes) else parameter.read(value)
    with within(f"effect {text!r}"):
        return _from_record(record, read_picture)


def _from_record(record: object, read_picture: ReadPicture | None) -> Effect:
    if not isinstance(record, Mapping):
        raise ValueError(f"an effect is an object with kind and target, got {type(record).__name__}")
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, got {kind!r}")
    effect = KINDS[kind]
    required = {entry.name for entry in fields(effect) if entry.default is MISSING}
    values = check_keys(dict(record), {"kind", *required}, parameters(effect), f"effect {kind}")
    del values["kind"]
    picture = values.get("picture")
    if picture is not None:
        if not isinstance(picture, str):
            raise ValueError(f"{kind}: picture is a text, got {type(picture).__name__}")
        values["picture"] = (read_picture or _from_data_url)(picture)
    return effect(**values)


def _from_data_url(text: str) -> bytes:
    head = _DATA.match(text)
    if head is None:
        raise ValueError(f"picture is data:image/png;base64,... (or jpeg, webp), got {text[:40]!r}")
    try:
        return base64.b64decode(text[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"picture is not base64: {error}") from error


def _data_url(content: bytes) -> str:
    with _opened(content, "picture") as image:
        kind = (image.format or "png").lower()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _opened(content: bytes, what: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=_PICTURE_FORMATS)
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{what} is a PNG, JPEG or WebP file: {error}") from error


def decode_picture(content: bytes, height: int, width: int) -> Picture:
    """A picture file as HxWx3 that covers height x width pixels, its middle. ValueError for damaged ones."""
    with _opened(content, "picture") as image:
        scale = max(height / image.height, width / image.width)
        size = (max(width, math.ceil(image.width * scale)), max(height, math.ceil(image.height * scale)))
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        try:
            whole = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        except (OSError, SyntaxError) as error:
            raise ValueError(f"picture cannot be read: {error}") from error
        return np.asarray(whole.crop((left, top, left + width, top + height)), np.uint8)


def rgb(colour: str) -> Rgb:
    """`#rrggbb` or `#rgb` as three numbers 0..255."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
