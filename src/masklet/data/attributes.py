"""Attributes of sequences and objects, from a CSV: what results are sliced by.

    sequence,object,occlusion,age
    bear,1,low,adult
    cows,,high,

`sequence` names the video or picture. `object` is optional, and empty where a row is of all of a sequence's objects.
All other columns are attributes; an empty cell means that the attribute is not known.
"""

from __future__ import annotations

import csv
from pathlib import Path

Attributes = dict[tuple[str, int | None], dict[str, str]]
"""(sequence, object or None for all of its objects) -> attribute -> value."""


def read_attributes(path: Path) -> Attributes:
    """Read a CSV of attributes (UTF-8, with a header).

    Raises
    ------
    FileNotFoundError: no such file.
    ValueError: an empty file, a header without `sequence` or without attributes or with a column twice, a row of
        another length, without a sequence, with an object that is no whole number, or a second row of the same
        sequence and object; the message names the file and the line.
    """
    found: Attributes = {}
    lines: dict[tuple[str, int | None], int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                key, attributes = _row(f"{path}, line {reader.line_num}", header, [cell.strip() for cell in row])
                if key in found:
                    raise ValueError(
                        f"{path}, line {reader.line_num}: a second row of {_named(key)}, after line {lines[key]}"
                    )
                found[key], lines[key] = attributes, reader.line_num
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no CSV in UTF-8: {error}") from error
    if not found:
        raise ValueError(f"{path}: the file has no rows")
    return found


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise ValueError(f"{path}: the file is empty; expected a header with sequence, perhaps object, and attributes")
    if "sequence" not in header:
        raise ValueError(f"{path}, line 1: expected a column named sequence, got {', '.join(header)}")
    for name in header:
        if not name:
            raise ValueError(f"{path}, line 1: a column has no name")
        if header.count(name) > 1:
            raise ValueError(f"{path}, line 1: the column {name} is there twice")
    if not set(header) - {"sequence", "object"}:
        raise ValueError(f"{path}, line 1: no attributes beside {' and '.join(header)}")


def _row(where: str, header: list[str], row: list[str]) -> tuple[tuple[str, int | None], dict[str, str]]:
    if len(row) != len(header):
        raise ValueError(f"{where}: expected {len(header)} cells as in the header, got {len(row)}")
    cells = dict(zip(header, row, strict=True))
    sequence, number = cells.pop("sequence"), cells.pop("object", "")
    if not sequence:
        raise ValueError(f"{where}: the row names no sequence")
    if number and not (number.isascii() and number.isdecimal()):
        raise ValueError(f"{where}: object is a whole number or empty, got {number!r}")
    return (sequence, int(number) if number else None), {name: value for name, value in cells.items() if value}


def _named(key: tuple[str, int | None]) -> str:
    sequence, number = key
    return sequence if number is None else f"{sequence}, object {number}"
