"""Files of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.figures.profiles import draw_pulls
from spec_builder.figures.style import save_figure
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.studies.fits import fit_analysis

if TYPE_CHECKING:
    from pathlib import Path

    from spec_builder.studies.fits import FitResult


@pytest.fixture(scope="module")
def flux_fits() -> list[FitResult]:
    return [fit_analysis(load_analysis(name, "linear"), "flux", cl=ONE_SIGMA) for name in ANALYSES]


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_two_saves_give_the_same_bytes(tmp_path: Path, flux_fits: list[FitResult], suffix: str) -> None:
    paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for path in paths:
        save_figure(draw_pulls(flux_fits), path)
    first, second = (path.read_bytes() for path in paths)
    assert len(first) > 5000
    assert first == second


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_the_suffix_chooses_the_format(tmp_path: Path, flux_fits: list[FitResult], suffix: str, start: bytes) -> None:
    path = tmp_path / f"pulls{suffix}"
    save_figure(draw_pulls(flux_fits), path)
    assert path.read_bytes().startswith(start)


def test_unknown_suffix(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    with pytest.raises(SpecBuilderError, match=r"pulls\.jpg: expected a name that ends in \.png, \.pdf, \.svg"):
        save_figure(draw_pulls(flux_fits), tmp_path / "pulls.jpg")


def test_figures_are_not_overwritten(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    path = tmp_path / "pulls.png"
    path.write_bytes(b"mine")
    with pytest.raises(SpecBuilderError, match=r"exists already; give another name$"):
        save_figure(draw_pulls(flux_fits), path)
    assert path.read_bytes() == b"mine"
    save_figure(draw_pulls(flux_fits), path, force=True)
    assert path.read_bytes() != b"mine"
