"""An option of one value that is given twice is refused: which of the two was meant is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        ("limits xenonnt --interaction scalar --interaction axial --masses 1", "--interaction"),
        ("fit xenonnt --parameter flux --cl 0.5 --cl 0.9", "--cl"),
        ("limits xenonnt --interaction vector --masses 1 --charge-u 1 --charge-u 2", "--charge-u"),
        ("scan xenonnt --interaction scalar --masses 1 --masses 2 --couplings 1e-5 -o a.npz", "--masses"),
    ],
)
def test_an_option_of_one_value_is_given_once(spec_builder: Command, typed: str, option: str) -> None:
    done = spec_builder(*typed.split())
    verb = typed.split(maxsplit=1)[0]
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"spec-builder: error: Option '{option}' is given twice, expected once; see ")
    assert done.stderr.endswith(f"spec-builder {verb} --help\n")
    assert done.stderr.count("\n") == 1


def test_options_of_several_values_and_flags_may_stand_twice(spec_builder: Command) -> None:
    done = spec_builder(
        *["limits", "combined", "--interaction", "nsi", "--variant", "pandax4t=ce_rich", "--json", "--json"],
        *("--variant", "xenonnt=absolute_normalisation"),
    )
    assert done.returncode == 0, done.stderr
    assert '"pandax4t": "ce_rich"' in done.stdout
    assert '"xenonnt": "absolute_normalisation"' in done.stdout
