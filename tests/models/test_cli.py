"""The frame of the command lines: exit codes, one sentence on stderr, only the asked command imported, a bar on stderr."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.__main__ import COMMANDS, main
from models.cli import progress_bar, run_command

ROOT = Path(__file__).parents[2]
COMMAND = """
from models.errors import InputError

def add_parser(subparsers):
    subparsers.add_parser("{name}").add_argument("--count", type=int, default=0)

def run(args):
    {body}
"""
BODIES = {"good": "return args.count", "bad": 'raise InputError("First line;\\n   second  line.")', "stopped": "raise KeyboardInterrupt",
          "broken": 'raise ZeroDivisionError("a bug")'}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with one command of each kind."""
    folder = tmp_path / "invented" / "commands"
    folder.mkdir(parents=True)
    for name, body in BODIES.items():
        (folder / f"{name}.py").write_text(COMMAND.format(name=name, body=body), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("invented")]:
        monkeypatch.delitem(sys.modules, name)
    return "invented"


def test_exit_codes_and_sentences(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [run_command(package, "Of a test.", dict.fromkeys(BODIES, ""), words)
             for words in (["good"], ["good", "--count", "7"], ["bad"], ["stopped"])]
    assert codes == [0, 7, 2, 130]
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == ["error: First line; second line.", "error: interrupted; nothing more was written."]


def test_only_the_asked_command_is_imported(package: str) -> None:
    assert run_command(package, "", dict.fromkeys(BODIES, ""), ["good"]) == 0
    assert [name for name in sys.modules if name.startswith("invented.commands.")] == ["invented.commands.good"]


def test_a_bug_is_not_dressed_up_as_bad_input(package: str) -> None:
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run_command(package, "", dict.fromkeys(BODIES, ""), ["broken"])


@pytest.mark.parametrize(("words", "code", "sentence"), [
    ([], 2, "the following arguments are required: command"),
    (["fly"], 2, "invalid choice: 'fly'"),
    (["list", "--fly"], 2, "unrecognized arguments: --fly"),
    (["predict"], 2, "the following arguments are required: --input"),
    (["train"], 2, "the following arguments are required: config"),
    (["corpus", "eat", "x"], 2, "invalid choice: 'eat'"),
    (["evaluate"], 2, "the following arguments are required: config"),
])
def test_misspelt_command_lines(capsys: pytest.CaptureFixture[str], words: list[str], code: int, sentence: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == code
    assert sentence in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["models", "--help"])
    with pytest.raises(SystemExit, match="0"):
        main()
    shown = capsys.readouterr().out
    assert all(f"{name}" in shown and purpose in shown for name, purpose in COMMANDS.items())


def test_as_a_process_a_broken_model_is_one_sentence(copy_of: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text\nok\n", encoding="utf-8")
    words = ["predict", "--model", str(copy_of("bert", num_hidden_layers=3)), "--input", str(tmp_path / "rows.csv"), "--json"]
    done = subprocess.run([sys.executable, "-m", "models", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith("Loading weights:")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert "would answer at random" in lines[0]


def test_the_help_needs_no_torch() -> None:
    code = "import sys\nfrom models.__main__ import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_bar_goes_to_stderr_and_closes_itself(capsys: pytest.CaptureFixture[str]) -> None:
    report = progress_bar("work")
    for done in (1, 2, 4, 4):
        report(done, 4)
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("4/4") == 2
    assert "work: 100%" in errors
