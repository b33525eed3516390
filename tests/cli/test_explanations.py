"""``explain``: what speaks against a point."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("spectra_desk")


def test_explain_says_what_speaks_against_a_point(spec_builder: Command) -> None:
    run = spec_builder("explain", "xenonnt", "--spectrum", "spectra/m06.csv", "--strength", "3")
    assert run.stdout.startswith("xenonnt: what speaks against m06 at strength 3\n")
    typed = ["explain", "xenonnt", "--interaction", "vector_bl", "--mass", "10", "--coupling", "5e-5"]
    run = spec_builder(*typed, "--csv")
    assert run.stdout.startswith("# title: xenonnt: what speaks against vector_bl, g = 5e-05 at 10 MeV\n")
    assert json.loads(spec_builder(*typed, "--json").stdout)["delta_chi2"] > 2.7
    assert "2411.11749" in spec_builder(*typed, "--cite").stdout


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("xenonnt", "give --interaction, one of "),
        ("xenonnt --interaction scalar --mass 1", "interaction 'scalar': give the coupling"),
        ("xenonnt --interaction scalar --coupling 1e-5", "interaction 'scalar' has a mediator: give its masses"),
        ("xenonnt --interaction scalar --mass 1 --coupling -1", "coupling -1: interaction 'scalar' has none below 0"),
        ("xenonnt --interaction scalar --mass 1 --coupling nan", "coupling 'nan': 'nan' is not a number"),
        ("xenonnt --interaction scalar --mass -1 --coupling 1", "masses '-1': '-1' is not a positive number"),
        ("xenonnt --interaction nsi --mass 1 --coupling 1", "interaction 'nsi' has no mediator: masses do not apply"),
        ("xenonnt --interaction scalar --strength 2", "--strength does not apply to an interaction"),
        ("xenonnt --spectrum spectra", "spectra: a folder, expected one table FILE.csv"),
        ("xenonnt --spectrum spectra/m06.csv --mass 1", "--mass does not apply to a spectrum"),
        ("xenonnt --spectrum spectra/m06.csv --strength -1", "strength -1.0: expected a number >= 0"),
        ("xenonnt --spectrum spectra/m06.csv --json --csv", "give --json or --csv, not both"),
    ],
)
def test_mistakes_of_explain_end_in_one_line(spec_builder: Command, typed: str, words: str) -> None:
    run = spec_builder("explain", *typed.split())
    assert run.returncode == 2
    assert words in run.stderr
    assert run.stderr.count("\n") == 1
