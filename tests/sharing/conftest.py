"""A small archive, made once: two interactions on a grid of four masses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import read_archive
from spec_builder.sharing.export import PatchRequest
from tests.archives import unpack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def small_request() -> PatchRequest:
    """Two interactions, four masses, four couplings each."""
    choices = [choose("scalar"), choose("vector_universal")]
    return PatchRequest(choices, [0.01, 1.0, 10.0, 1000.0], None)


@pytest.fixture(scope="session")
def packed(small_request: PatchRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``combined.tar.gz``, alone in its folder; not to be changed."""
    folder = tmp_path_factory.mktemp("archive")
    (path,) = write_archives(["combined"], folder, small_request, submission=False)
    return path


@pytest.fixture
def unpacked(packed: Path, tmp_path: Path) -> Path:
    """The archive's folder on another path, to be changed."""
    unpack(packed, tmp_path)
    return tmp_path / "combined"


@pytest.fixture(scope="session")
def files(packed: Path) -> dict[str, bytes]:
    """The archive's files by name."""
    return read_archive(packed)
