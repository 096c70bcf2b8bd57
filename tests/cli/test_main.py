from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import masklet
from masklet.cli import main as entry
from masklet.media import write_image
from masklet.model.configs import CONFIGS

Cli = Callable[..., tuple[int, str, str]]
COMMANDS = ("segment", "everything", "track", "info", "models", "evaluate", "compare", "report")


def test_help_names_every_command(cli: Cli):
    code, stdout, _ = cli("--help")
    assert code == 0
    for command in COMMANDS:
        assert command in stdout


@pytest.mark.parametrize("command", COMMANDS[:4])
def test_each_command_has_help_with_examples(cli: Cli, command: str):
    code, stdout, _ = cli(command, "--help")
    assert code == 0
    assert f"masklet {command} " in stdout.partition("Examples of use")[2]


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from masklet.cli.main import main; main(['track', '--help']);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'av', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_version(cli: Cli):
    assert cli("--version")[:2] == (0, f"{masklet.__version__}\n")


@pytest.mark.parametrize("words", [["trak"], ["track"], ["info"], ["segment", "--point"], ["models", "x"]])
def test_wrong_words_are_one_line_and_exit_code_2(cli: Cli, words: list[str]):
    code, stdout, stderr = cli(*words)
    assert (code, stdout) == (2, "")
    assert stderr.startswith("masklet: ")
    assert stderr.count("\n") == 1


def test_ctrl_c_is_exit_code_130(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_words: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "app", interrupted)
    assert cli("models") == (130, "", "stopped\n")


def test_models_lists_every_name(cli: Cli):
    code, stdout, _ = cli("models")
    assert code == 0
    for name in CONFIGS:
        assert name in stdout


def test_info(cli: Cli, weights: Path, frames: Path):
    for path, words in (
        (frames, ("folder of pictures", "64x48", "8")),
        (frames / "shot 1.png", ("picture", "64x48")),
        (weights, ("checkpoint", "random", "64")),
    ):
        code, stdout, _ = cli("info", path)
        assert code == 0
        assert all(word in stdout for word in words)


def test_info_of_a_run(cli: Cli, weights: Path, frames: Path, tmp_path: Path):
    words = ["--model", weights, "--device", "cpu", "--prompt", "3@1:point=20,24", "--stop", "4", "-o", tmp_path]
    assert cli("track", frames, *words)[0] == 0
    code, stdout, _ = cli("info", tmp_path / "masklets.json")
    assert code == 0
    assert "object 3" in stdout
    assert "3 frames" in stdout
    code, stdout, _ = cli("info", tmp_path / "track.jsonl")
    assert code == 0
    assert str(frames) in stdout
    code, stdout, _ = cli("info", tmp_path / "overlay.mp4")
    assert code == 0
    assert "h264" in stdout


def test_info_refuses_what_it_does_not_know(cli: Cli, tmp_path: Path):
    for name in ("words.txt", "words.json", "words.jsonl", "words.pt", "words.safetensors", "words.png", "a[b]c.txt"):
        path = tmp_path / name
        path.write_text("words")
        code, _, stderr = cli("info", path)
        assert code == 2, name
        assert name in stderr
        assert stderr.count("\n") == 1
    assert cli("info", tmp_path / "missing")[0] == 2
    write_image(tmp_path / "deep.png", np.zeros((3, 5), np.uint16))
    assert "5x3" in cli("info", tmp_path / "deep.png")[1]
