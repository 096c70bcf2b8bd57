"""Attributes from a CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from masklet.data.attributes import read_attributes


def written(folder: Path, text: str) -> Path:
    path = folder / "attributes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_of_objects_or_of_whole_sequences(tmp_path: Path) -> None:
    path = written(
        tmp_path, '\ufeffsequence,object,age, light\nbear,1,adult,"dark, wet"\nbear,2,,dark\n\ncows,, young ,bright\n'
    )
    assert read_attributes(path) == {
        ("bear", 1): {"age": "adult", "light": "dark, wet"},
        ("bear", 2): {"light": "dark"},
        ("cows", None): {"age": "young", "light": "bright"},
    }


def test_columns_may_come_in_any_order_and_objects_not_at_all(tmp_path: Path) -> None:
    assert read_attributes(written(tmp_path, "motion,sequence\nfast,bear\n")) == {("bear", None): {"motion": "fast"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"attributes\.csv: the file is empty"),
        ("sequence,age\n", r"attributes\.csv: the file has no rows"),
        ("name,age\nbear,old\n", "line 1: expected a column named sequence, got name, age"),
        ("sequence,age,age\nbear,1,2\n", "line 1: the column age is there twice"),
        ("sequence,\nbear,1\n", "line 1: a column has no name"),
        ("sequence,object\nbear,1\n", "line 1: no attributes beside sequence and object"),
        ("sequence,age\nbear,old\ncows\n", "line 3: expected 2 cells as in the header, got 1"),
        ("sequence,age\n,old\n", "line 2: the row names no sequence"),
        ("sequence,object,age\nbear,x,old\n", "line 2: object is a whole number or empty, got 'x'"),
        ("sequence,object,age\nbear,-1,old\n", "line 2: object is a whole number or empty, got '-1'"),
        ("sequence,age\nbear,old\ncows,old\nbear,new\n", "line 4: a second row of bear, after line 2"),
        (
            "sequence,object,age\nbear,1,old\nbear,01,new\n",
            "line 3: a second row of bear, object 1, after line 2",
        ),
        ('sequence,age\nbear,"old\n', r"attributes\.csv: no CSV in UTF-8"),
    ],
)
def test_what_is_no_table_of_attributes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_attributes(written(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file"):
        read_attributes(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("sequence,age\nb\xe4r,old\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.csv: no CSV in UTF-8"):
        read_attributes(tmp_path / "latin.csv")
