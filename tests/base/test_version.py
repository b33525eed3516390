"""One version, wherever it stands."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import spec_builder
from spec_builder.base.version import __version__

ROOT = Path(__file__).parents[2]


def test_it_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert spec_builder.__version__ == __version__


def test_the_citation_is_of_this_version() -> None:
    (cited,) = re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text("utf-8"), flags=re.MULTILINE)
    assert cited == __version__


def test_the_changelog_knows_it() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)


def test_the_build_reads_it_where_it_stands() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'input = "spec_builder/base/version.py"' in text
    assert f'"{__version__}"' not in text


def test_the_installed_one_is_no_newer() -> None:
    try:
        installed = version("spec_builder")
    except PackageNotFoundError:
        pytest.skip("not installed")
    assert tuple(map(int, installed.split(".")[:2])) <= tuple(map(int, __version__.split(".")[:2]))
