"""What is asked of a run of the command line: that it printed, or that it refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

__all__ = ["check", "printed", "tree"]


def printed(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


def check(run: subprocess.CompletedProcess[str], words: list[str]) -> None:
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("spec-builder: error: ")
    assert run.stderr.endswith("\n")
    assert run.stderr.count("\n") == 1
    assert [word for word in words if word.lower() not in run.stderr.lower()] == []


def tree(root: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}
