"""Runs the code blocks of README.md and docs/: those in Python and those for a shell, page by page."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sybil import Sybil
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser

if TYPE_CHECKING:
    from sybil.example import Example

ROOT = Path(__file__).parent
collect_ignore = ["docs/conf.py", "docs/generate.py"]


def enter(namespace: dict[str, Any]) -> None:
    """Give a page a folder of its own that looks like a clone of the repository."""
    folder = namespace["_folder"] = tempfile.TemporaryDirectory()
    for name in ("data", "docs", "scripts", "workspaces"):
        (Path(folder.name) / name).symlink_to(ROOT / name)
    namespace["_before"] = Path.cwd()
    os.chdir(folder.name)
    warnings.filterwarnings("ignore", message="jsonschema.RefResolver", category=DeprecationWarning)


def leave(namespace: dict[str, Any]) -> None:
    """Go back, and remove the folder."""
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


def run_in_shell(example: Example) -> str | None:
    """What is wrong with a block for the shell, None if nothing: every command of it must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(["bash", "-euc", example.parsed], capture_output=True, text=True, env=environment, check=False)
    return None if run.returncode == 0 else f"exit status {run.returncode}\n{run.stdout}{run.stderr}"


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("sh", run_in_shell), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/howto/*.md"],
    setup=enter,
    teardown=leave,
).pytest()
