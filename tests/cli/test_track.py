from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from masklet.cli.journal import Journal, read_records
from masklet.cli.track import Format
from masklet.export import FORMATS, Annotation, read_masklet_json
from masklet.media import open_clip, read_image, write_image
from masklet.model.registry import load_model
from masklet.session import VideoSession

FRAMES, HEIGHT, WIDTH = 8, 48, 64
Cli = Callable[..., tuple[int, str, str]]
POINT = "1@0:point=16,24"


@pytest.fixture
def track(cli: Cli, weights: Path, frames: Path) -> Cli:
    return lambda *words: cli("track", frames, "--model", weights, "--device", "cpu", *words)


def masklets(folder: Path) -> Annotation:
    return read_masklet_json(folder / "masklets.json")


def test_a_point_becomes_a_masklet_a_video_and_a_sheet(track: Cli, tmp_path: Path, weights: Path, frames: Path):
    out = tmp_path / "out"
    code, stdout, _ = track("--prompt", POINT, "-o", out)
    assert code == 0
    for name in ("masklets.json", "overlay.mp4", "sheet.png"):
        assert str(out / name) in stdout
    result = masklets(out)
    (masklet,) = result.masklets
    assert masklet.object_id == 1
    assert masklet.frames == tuple(range(FRAMES))
    assert (masklet.height, masklet.width) == (HEIGHT, WIDTH)
    assert [m.prompted for m in masklet] == [True] + [False] * (FRAMES - 1)
    assert masklet.prompts == ({"object": 1, "frame": 0, "points": [[16, 24]], "labels": [1]},)
    assert (result.info.name, result.info.model) == (frames.name, str(weights))
    with open_clip(out / "overlay.mp4") as overlay:
        assert (len(overlay), overlay.height, overlay.width) == (FRAMES, HEIGHT, WIDTH)
    assert read_image(out / "sheet.png").size > 0
    assert not list(out.glob("state-*"))


def test_several_objects_and_frames(track: Cli, tmp_path: Path):
    words = [
        "--prompt",
        POINT,
        "--prompt",
        "1@0:point=60,4,-",
        "--prompt",
        "2@3:box=8,8,40,40",
        "--prompt",
        "1@5:point=40,24",
    ]
    assert track(*words, "-o", tmp_path)[0] == 0
    first, second = masklets(tmp_path).masklets
    assert [p["frame"] for p in first.prompts] == [0, 5]
    assert first.prompts[0]["labels"] == [1, 0]
    assert first.frames == tuple(range(FRAMES))
    assert second.frames == tuple(range(3, FRAMES))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--prompt", "1@3:point=28,24"], range(3, FRAMES)),
        (["--prompt", "1@3:point=28,24", "--stop", "5"], range(3, 5)),
        (["--prompt", "1@0:point=16,24", "--start", "2", "--stop", "4"], range(2, 4)),
        (["--prompt", "1@3:point=28,24", "--reverse"], range(4)),
        (["--prompt", "1@3:point=28,24", "--reverse", "--start", "2"], range(2, 4)),
        (["--prompt", "1@3:point=28,24", "--both"], range(FRAMES)),
        (["--prompt", "1@3:point=28,24", "--both", "--start", "1", "--stop", "6"], range(1, 6)),
    ],
)
def test_ranges(track: Cli, tmp_path: Path, words: list[str], expected: range):
    assert track(*words, "-o", tmp_path, "--format", "overlay")[0] == 0
    assert masklets(tmp_path).masklets[0].frames == tuple(expected)
    with open_clip(tmp_path / "overlay.mp4") as overlay:
        assert len(overlay) == len(expected)


def test_both_ways_covers_every_object(track: Cli, tmp_path: Path):
    words = ["--prompt", "1@0:point=16,24", "--prompt", "2@5:box=8,8,40,40"]
    assert track(*words, "--both", "-o", tmp_path / "both")[0] == 0
    assert track(*words, "-o", tmp_path / "forward")[0] == 0
    first, second = masklets(tmp_path / "both").masklets
    assert first.frames == second.frames == tuple(range(FRAMES))
    assert first == masklets(tmp_path / "forward").masklets[0]  # the way back leaves it as it was


@pytest.mark.parametrize(
    ("clicked", "direction", "passes"),
    [
        (5, [], [(3, FRAMES)]),
        (1, ["--reverse"], [(3, -1)]),
        (5, ["--both"], [(3, FRAMES), (2, -1)]),
        (1, ["--both"], [(3, FRAMES), (2, -1)]),
    ],
)
def test_clicks_on_a_further_frame_correct_what_tracking_finds_there(
    track: Cli, tmp_path: Path, weights: Path, frames: Path, clicked: int, direction: list[str], passes: list[Any]
):
    words = ["--prompt", "1@3:box=20,16,36,32", "--prompt", f"1@{clicked}:point=60,4,-", *direction]
    assert track(*words, "-o", tmp_path, "--format", "sheet")[0] == 0
    expected: dict[int, np.ndarray] = {}
    model = load_model(weights, device="cpu")
    with open_clip(frames) as clip, VideoSession(model, clip, archive=False) as session:
        session.prompt(3, 1, box=(20, 16, 36, 32))
        for start, stop in passes:
            for result in session.propagate(start, stop, reverse=stop < start):
                if result.frame == clicked:
                    result = session.prompt(clicked, 1, points=[(60, 4)], labels=[0])  # noqa: PLW2901
                expected[result.frame] = result.objects[1].mask
    (found,) = masklets(tmp_path).masklets
    assert [m.frame for m in found if m.prompted] == sorted([3, clicked])
    assert found.frames == tuple(sorted(expected))
    for frame, mask in expected.items():
        np.testing.assert_array_equal(found.mask(frame), mask)


def test_clicks_that_tracking_does_not_come_by_stand_alone(track: Cli, tmp_path: Path):
    words = ["--prompt", "1@1:point=20,24", "--prompt", "1@3:box=20,16,36,32", "--prompt", "1@6:point=40,24"]
    assert track(*words, "--stop", "5", "-o", tmp_path / "some")[0] == 0
    assert masklets(tmp_path / "some").masklets[0].frames == (1, 2, 3, 4)
    assert track(*words[:4], "-o", tmp_path / "forward")[0] == 0  # the box lies behind the click: both stand alone
    (found,) = masklets(tmp_path / "forward").masklets
    assert [m.frame for m in found if m.prompted] == [1, 3]


def test_masks_and_a_prompts_file(track: Cli, tmp_path: Path):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[16:32, 8:24] = 3
    labels[2:9, 40:60] = 7
    write_image(tmp_path / "labels.png", labels)
    (tmp_path / "prompts.json").write_text('[{"object": 9, "frame": 2, "mask": "labels.png", "label": 7}]')
    out = tmp_path / "out"
    assert track("--mask", tmp_path / "labels.png", "--prompts", tmp_path / "prompts.json", "-o", out)[0] == 0
    found = masklets(out).masklets
    assert [m.object_id for m in found] == [3, 7, 9]
    assert overlap(found[0].mask(0), labels == 3) > 0.6
    assert overlap(found[1].mask(0), labels == 7) > 0.6


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def test_black_and_white_is_object_one(track: Cli, tmp_path: Path):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[16:32, 8:24] = 255
    write_image(tmp_path / "mask.png", mask)
    assert track("--mask", tmp_path / "mask.png", "-o", tmp_path / "out")[0] == 0
    assert [m.object_id for m in masklets(tmp_path / "out").masklets] == [1]


def test_every_format(track: Cli, tmp_path: Path):
    assert {"json", *get_args(Format)} == set(FORMATS)
    words = [word for name in get_args(Format) for word in ("--format", name)]
    code, stdout, _ = track("--prompt", POINT, "--stop", "3", *words, "-o", tmp_path)
    assert code == 0
    for form in FORMATS.values():
        assert str(tmp_path / form.file) in stdout
        assert (tmp_path / form.file).exists()


def interrupt_at(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Ctrl-C while the frame number `count` of the journal is being written."""
    append = Journal.append

    def then_interrupt(journal: Journal, record: object) -> None:
        append(journal, record)  # pyright: ignore[reportArgumentType]
        if journal.count == count:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Journal, "append", then_interrupt)


@pytest.mark.parametrize("clicked", ["1@5:point=36,24", "2@5:point=60,4,-"])
@pytest.mark.parametrize("direction", [[], ["--both"], ["--reverse"]])
def test_ctrl_c_keeps_what_is_done_and_resume_ends_as_if_nothing_had_happened(
    track: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: list[str], clicked: str
):
    words = ["--prompt", "1@4:point=32,24", "--prompt", "2@6:box=8,8,40,40", "--prompt", clicked, *direction]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert track(*words, "-o", whole)[0] == 0
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        code, stdout, _ = track(*words, "-o", stopped)
    assert code == 130
    assert "stopped after 2 of" in stdout
    assert len({frame for found in masklets(stopped).masklets for frame in found.frames}) == 2
    with open_clip(stopped / "overlay.mp4") as overlay:
        assert len(overlay) == 2
    assert track("-o", stopped, "--resume")[0] == 0
    for name in ("track.jsonl", "masklets.json", "sheet.png"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes(), name
    same_video(stopped / "overlay.mp4", whole / "overlay.mp4")


def test_a_killed_run_goes_on_from_its_last_saved_state(track: Cli, tmp_path: Path, weights: Path, frames: Path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code = (
        "import os, signal, sys\n"
        "from masklet.cli import journal, main, states\n"
        "states.SAVE_EVERY = states.SAVE_SHARE = 0\n"
        "append = journal.Journal.append\n"
        "def then_die(self, record):\n"
        "    append(self, record)\n"
        "    if self.count == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "journal.Journal.append = then_die\n"
        "main.main(sys.argv[1:])\n"
    )
    words = ["track", frames, "--model", weights, "--device", "cpu", "--prompt", POINT, "-o", killed]
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [p.name for p in killed.glob("state-*")] == ["state-4"]
    assert not (killed / "overlay.mp4").exists()
    assert track("-o", killed, "--resume")[0] == 0
    assert track("--prompt", POINT, "-o", whole)[0] == 0
    for name in ("track.jsonl", "masklets.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    same_video(killed / "overlay.mp4", whole / "overlay.mp4")


def same_video(a: Path, b: Path) -> None:
    """The same pictures; an encoder may spend a bit more or less on them from run to run."""
    with open_clip(a) as first, open_clip(b) as second:
        for one, two in zip(first, second, strict=True):
            assert np.abs(one.astype(int) - two).mean() < 1


def test_resume_without_a_saved_state_starts_again(track: Cli, tmp_path: Path):
    assert track("--prompt", POINT, "-o", tmp_path)[0] == 0
    whole = (tmp_path / "track.jsonl").read_bytes()
    (tmp_path / "track.jsonl").write_bytes(whole[: len(whole) // 2])
    assert track("-o", tmp_path, "--resume")[0] == 0
    assert (tmp_path / "track.jsonl").read_bytes() == whole


def test_resuming_a_finished_run_writes_other_formats(track: Cli, tmp_path: Path):
    assert track("--prompt", POINT, "-o", tmp_path, "--format", "sheet")[0] == 0
    journal = (tmp_path / "track.jsonl").read_bytes()
    assert track("-o", tmp_path, "--resume", "--format", "overlay")[0] == 0
    assert (tmp_path / "overlay.mp4").exists()
    assert (tmp_path / "track.jsonl").read_bytes() == journal


def test_an_older_run_is_kept_unless_it_is_to_be_overwritten(track: Cli, tmp_path: Path):
    assert track("--prompt", POINT, "-o", tmp_path)[0] == 0
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert track("--prompt", "1@0:point=9,9", "-o", tmp_path)[0] == 2
    assert track("--prompt", "1@0:point=999,9", "-o", tmp_path, "--overwrite")[0] == 2
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert track("--prompt", "4@0:point=9,9", "-o", tmp_path, "--overwrite", "--format", "sheet")[0] == 0
    assert [m.object_id for m in masklets(tmp_path).masklets] == [4]
    assert not (tmp_path / "overlay.mp4").exists()


def test_a_bad_picture_in_the_middle_loses_nothing_before_it(cli: Cli, weights: Path, frames: Path, tmp_path: Path):
    folder = tmp_path / "frames"
    shutil.copytree(frames, folder)
    bad = folder / "shot 5.png"
    bad.write_bytes(bad.read_bytes()[:200])
    out = tmp_path / "out"
    code, _, stderr = cli("track", folder, "--model", weights, "--device", "cpu", "--prompt", POINT, "-o", out)
    assert code == 2
    assert "shot 5.png" in stderr
    assert masklets(out).masklets[0].frames == tuple(range(5))
    shutil.copy(frames / "shot 5.png", bad)
    code, *_ = cli("track", folder, "--model", weights, "--device", "cpu", "-o", out, "--resume")
    assert code == 0
    assert masklets(out).masklets[0].frames == tuple(range(FRAMES))


def test_a_full_disk_is_one_line_and_keeps_what_is_written(track: Cli, tmp_path: Path, weights: Path, frames: Path):
    out = tmp_path / "out"
    code = (
        "import resource, sys\n"
        "from masklet.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1200, 1200))\n"  # no file can grow beyond this
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["track", frames, "--model", weights, "--device", "cpu", "--prompt", POINT, "-o", out, "--format", "coco"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(out) in done.stderr
    kept = [record.frame for record in read_records(out / "track.jsonl")]
    assert kept == list(range(len(kept)))
    assert 0 < len(kept) < FRAMES
    assert track("-o", out, "--resume")[0] == 0
    assert masklets(out).masklets[0].frames == tuple(range(FRAMES))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to track"),
        (["--prompt", "1:point=1,2"], "such as"),
        (["--prompt", "1@0:point=1000,2"], "outside"),
        (["--prompt", POINT, "--prompt", "1@4:point=1000,2"], "outside"),
        (["--prompt", POINT, "--prompt", "1@99:point=1,2"], "99"),
        (["--prompt", "1@0:box=30,30,10,10"], "reversed or empty"),
        (["--prompt", "1@99:point=1,2"], "99"),
        (["--prompt", "1@0:mask=none.png"], "none.png"),
        (["--prompt", POINT, "--start", "8"], "0..8"),
        (["--prompt", POINT, "--start", "5", "--stop", "5"], "5..5"),
        (["--prompt", POINT, "--stop", "9"], "0..9"),
        (["--prompt", POINT, "--both", "--reverse"], "not the two"),
        (["--prompt", POINT, "--resume", "--overwrite"], "not the two"),
        (["--prompt", POINT, "--format", "xyz"], "xyz"),
        (["--mask", "none.png"], "none.png"),
        (["--prompts", "none.json"], "none.json"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(track: Cli, tmp_path: Path, words: list[str], said: str):
    code, stdout, stderr = track(*words, "-o", tmp_path / "out")
    assert code == 2
    assert stdout == ""
    assert stderr.startswith("masklet: ")
    assert stderr.count("\n") == 1
    assert said in stderr
    assert not (tmp_path / "out" / "track.jsonl").exists()


def test_other_wrong_input(cli: Cli, track: Cli, frames: Path, weights: Path, tmp_path: Path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "words.mp4").write_text("no video")
    for name in ("empty.mp4", "words.mp4", "missing.mp4"):
        code, _, stderr = cli("track", tmp_path / name, "--model", weights, "--prompt", POINT, "-o", tmp_path / "out")
        assert code == 2
        assert name in stderr
        assert stderr.count("\n") == 1
    assert track("--prompt", POINT, "-o", tmp_path / "words.mp4")[0] == 2
    code, _, stderr = track("--prompt", POINT, "-o", "/proc/masklet")
    assert code == 2
    assert "/proc/masklet" in stderr
    for option, value in (("--model", "no-such-model"), ("--device", "abacus"), ("--device", "cuda:99")):
        code, _, stderr = cli("track", frames, option, value, "--prompt", POINT, "-o", tmp_path / "out")
        assert code == 2
        assert value in stderr
        assert stderr.count("\n") == 1


def test_resume_refuses_another_job_or_clip(cli: Cli, track: Cli, frames: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert track("--prompt", POINT, "-o", out)[0] == 0
    for words in (["--prompt", "1@0:point=9,9"], ["--stop", "3"], ["--reverse"], ["--dtype", "bfloat16"]):
        code, _, stderr = track(*words, "-o", out, "--resume")
        assert code == 2
        assert "--overwrite" in stderr
    shorter = tmp_path / "shorter"
    shutil.copytree(frames, shorter)
    (shorter / "shot 7.png").unlink()
    code, _, stderr = cli("track", shorter, "-o", out, "--resume")
    assert code == 2
    assert "7 frames" in stderr


def test_the_journal_is_json_lines(track: Cli, tmp_path: Path):
    assert track("--prompt", POINT, "-o", tmp_path, "--format", "sheet")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "track.jsonl").read_text().splitlines()]
    assert lines[0]["prompts"] == [{"object": 1, "frame": 0, "points": [[16.0, 24.0]], "labels": [1]}]
    assert [line["frame"] for line in lines[1:]] == list(range(FRAMES))
