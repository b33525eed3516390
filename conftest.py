"""Runs the code blocks of README.md and docs/, page by page; and what holds for all tests, also those of the package.

A block in Python or for a shell (``sh``) must succeed; the lines of an ``output`` block must stand, in their order, in
what the shell printed last.
"""

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

# As many workers run tests as there are cores; threads of BLAS beside them wait for each other. The workers' numpy
# reads this when it is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).parent
collect_ignore = ["docs/conf.py", "docs/generate.py", "docs/terms.py"]


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
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    example.namespace["_printed"] = run.stdout
    return None if run.returncode == 0 else f"exit status {run.returncode}\n{run.stdout}"


def compare_output(example: Example) -> str | None:
    """The first line that was not printed, None if all were."""
    printed = iter(line.strip() for line in example.namespace["_printed"].splitlines())
    missing = (line for line in example.parsed.splitlines() if line.strip() not in printed)
    line = next(missing, None)
    return None if line is None else f"not printed: {line!r}, but\n{example.namespace['_printed']}"


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser("sh", run_in_shell),
        CodeBlockParser("output", compare_output),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md", "docs/companions/*.md", "docs/howto/*.md"],
    setup=enter,
    teardown=leave,
).pytest()
