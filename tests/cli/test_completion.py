"""What a shell is offered on Tab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

EXECUTABLE = str(Path(sys.executable).with_name("spec-builder"))


def offered(*words: str) -> list[str]:
    """The offers after these words, the last of which is being typed."""
    settings = {
        "_SPEC_BUILDER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("spec-builder", *words)),
        "COMP_CWORD": str(len(words)),
    }
    run = subprocess.run([EXECUTABLE], capture_output=True, text=True, env=os.environ | settings, check=True)
    return [line.partition(",")[2] or line for line in run.stdout.split()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lim"], ["limits"]),
        (["limits", "xen"], ["xenonnt"]),
        (["limits", "combined", "--interaction", "v"], ["vector_universal", "vector_bl", "vector"]),
        (["limits", "combined", "--coupling-set", ""], ["A", "B", "C", "D", "E"]),
        (["fit", "xenonnt", "--parameter", ""], ["flux", "sin2thetaw"]),
        (["fit", "xenonnt", "--law", "n"], ["normsys"]),
        (["export", "--variant", "pandax4t=c"], ["pandax4t=ce_rich", "pandax4t=charge_yield"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["verify", ""], ["file,"]),
    ],
)
def test_words_are_completed(words: list[str], expected: list[str]) -> None:
    assert offered(*words) == expected


def test_the_script_for_a_shell_is_one_that_bash_reads(shell: Command) -> None:
    script = shell("spec-builder", "completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "complete " in script
    assert "spec-builder" in script


def test_another_shell_is_refused(spec_builder: Command) -> None:
    run = spec_builder("completion", "tcsh")
    assert run.returncode == 2
    assert run.stderr == "spec-builder: error: shell 'tcsh' is unknown, expected bash, zsh or fish\n"
