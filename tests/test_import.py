"""What an import and a call for help cost: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from spec_builder.cli import cli

HEAVY = ("pyhf", "scipy", "matplotlib", "iminuit", "numpy", "jsonschema")

# prints, after the words on standard output, the modules that were loaded
CALL = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr))
sys.argv = ["spec-builder", *sys.argv[1:]]
from spec_builder.cli import main
main()
"""
IMPORT = "import json, spec_builder, sys; print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    return run


def test_import_is_light() -> None:
    loaded = json.loads(python(IMPORT).stdout)
    assert "spec_builder" in loaded
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("arguments", ["--help", "--version", "--cite", *(f"{verb} --help" for verb in cli.commands)])
def test_help_is_light(arguments: str) -> None:
    run = python(CALL, *arguments.split())
    assert run.stdout
    loaded = json.loads(run.stderr)
    assert "spec_builder" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_a_fit_of_an_analysis_needs_neither_pyhf_nor_matplotlib() -> None:
    """The inference is our own: a second of pyhf's import is for those who use it."""
    loaded = json.loads(python(CALL, "fit", "xenonnt", "--parameter", "flux").stderr)
    assert "iminuit" in loaded
    assert [name for name in ("pyhf", "matplotlib") if name in loaded] == []


def test_a_public_name_leaves_the_heavy_modules_out() -> None:
    """Names are loaded when they are first used, each from its own module."""
    code = "import sys, spec_builder; spec_builder.SpecBuilderError; assert 'numpy' not in sys.modules"
    python(code)
