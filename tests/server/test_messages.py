from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.masks import FrameMask, Rle
from masklet.server.messages import BadCommand, Kind, MaskMessage, PromptCommand, parse_command

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def test_the_shared_vectors_are_what_the_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_vectors", VECTORS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    for name, content in make.files().items():
        assert (VECTORS / name).read_text(encoding="utf-8") == content, f"{name}: run python tests/vectors/make.py"


@pytest.mark.parametrize("vector", json.loads((VECTORS / "messages.json").read_text()), ids=lambda v: str(v["number"]))
def test_messages_are_read_as_the_vectors_say(vector: dict) -> None:
    message = MaskMessage.decode(bytes.fromhex(vector["bytes"]))
    mask = message.mask
    assert {
        "bytes": message.encode().hex(),
        "kind": int(message.kind),
        "object": message.object,
        "frame": mask.frame,
        "number": message.number,
        "visible": mask.visible,
        "prompted": mask.prompted,
        "edited": message.edited,
        "score": mask.score,
        "iou": mask.iou,
        "height": mask.rle.height,
        "width": mask.rle.width,
        "counts": mask.rle.counts.decode(),
    } == vector


@given(
    kind=st.sampled_from(Kind),
    number=st.integers(0, 2**32 - 1),
    thing=st.integers(0, 2**16 - 1),
    frame=st.integers(0, 2**32 - 1),
    score=st.floats(-50, 50, width=32),
    iou=st.floats(0, 1, width=32),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_messages_survive_the_way(kind, number, thing, frame, score, iou, flags) -> None:
    visible, prompted, edited = flags
    mask = FrameMask(frame=frame, rle=Rle.empty(3, 5), score=score, iou=iou, visible=visible, prompted=prompted)
    message = MaskMessage(kind=kind, object=thing, number=number, mask=mask, edited=edited)
    data = message.encode()
    assert len(data) == 24 + len(mask.rle.counts)
    assert MaskMessage.decode(data) == message


@pytest.mark.parametrize("data", [b"", b"\x01" * 23, b"\x01" * 24])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"at least 24 bytes|run lengths"):
        MaskMessage.decode(data)


def test_a_prompt_is_read_whole() -> None:
    command = parse_command(
        '{"request": 3, "type": "prompt", "frame": 0, "object": 1, "points": [[1, 2.5]], "labels": [0],'
        ' "box": [0, 0, 4, 4], "fresh": true}'
    )
    assert isinstance(command, PromptCommand)
    assert (command.points, command.labels, command.box, command.fresh) == ([(1.0, 2.5)], [0], [0, 0, 4, 4], True)


@given(st.text() | st.from_type(dict).map(repr))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadCommand):
        parse_command(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"frame": -1},
        {"frame": 1.5},
        {"frame": "0"},
        {"frame": True},
        {"object": 0},
        {"object": 65536},
        {"points": [[1, 2, 3]]},
        {"points": [[1]]},
        {"points": [[1, None]]},
        {"points": [[1, 1]] * 1001},
        {"box": [1, 2, 3]},
        {"fresh": 1},
    ],
)
def test_fields_of_the_wrong_kind_are_refused_with_their_request(fields: dict) -> None:
    good = {"request": 5, "type": "prompt", "frame": 0, "object": 1, "points": [[1, 2]], "labels": [1]}
    parse_command(json.dumps(good))
    with pytest.raises(BadCommand) as caught:
        parse_command(json.dumps(good | fields))
    assert caught.value.request == 5
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    with pytest.raises(BadCommand):
        parse_command(f'{{"request": 1, "type": "preview", "frame": 0, "x": {number}, "y": 0}}')
