"""Mistakes in the description of a response."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.reading import load_experiment
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path

TOML = "experiment.toml"


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        ("[[0.3]]", "a list of [coefficient, power of the energy in keV], found"),
        ("[[0.3, 0], [-0.1, 1]]", "positive at every energy, found"),
        ("[[0.3, 1]]", "a resolution that grows less above the last bin; hold_above_keV holds it, found"),
        ("[[1e-6, 0]]", "wider: at most 20000 standard deviations lie below the end of the last bin, found"),
    ],
)
def test_mistakes_in_a_resolution(tmp_path: Path, resolution: str, message: str) -> None:
    """The last one means that there is none; its quadrature had no end."""
    file = copy_of("xenonnt_er", tmp_path / "mine") / TOML
    file.write_text(file.read_text("utf-8").replace("[[0.310, 0.5], [0.0037, 1]]", resolution), "utf-8")
    with pytest.raises(SpecBuilderError, match=re.escape(f"resolution_keV must be {message}")):
        load_experiment(str(file.parent))
