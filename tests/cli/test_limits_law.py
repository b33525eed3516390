"""An experiment whose limits need one law: every verb of limits refuses another one, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.copies import copy_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

REASON = "signals would cancel themselves"
SPECTRUM = """\
# title: Falling
# source: made up
# status: computed
# unit: recoil_energy_keV: keV; rate: events/(t yr keV)
# labels: end_keV = 3
recoil_energy_keV,rate
0.0,40.0
3.0,0.0
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of an experiment whose description refuses limits under ``linear``, and a spectrum."""
    copy_of("xenonnt", tmp_path / "mine")
    description = tmp_path / "mine" / "experiment.toml"
    law = f'\n[limits]\nlaw = "normsys"\nreason = "{REASON}"\n'
    description.write_text(description.read_text("utf-8") + law, "utf-8")
    (tmp_path / "falling.csv").write_text(SPECTRUM, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


POINT = "--interaction scalar --mass 1 --coupling 1e-5"
ONE = "--interaction scalar --masses 1"
TYPED = [
    f"limits ./mine {ONE}",
    f"limits ./mine {ONE} --expected asimov",
    f"limits ./mine {ONE} --expected toys --toys 5 -j 1",
    f"limits ./mine {ONE} --method feldman-cousins --toys 10 -j 1",
    f"limits pandax4t+./mine {ONE}",
    "limits ./mine --spectrum falling.csv",
    "limits ./mine --spectrum falling.csv --expected asimov",
    "plane ./mine --interaction scalar --points 3 -o out",
    "plane ./mine --interaction scalar --points 3 --method feldman-cousins --toys 10 -j 1 -o out",
    f"scan ./mine {ONE} --couplings 1e-5 -j 1 -o out.csv",
    "scan ./mine --spectrum falling.csv -j 1 -o out.csv",
    f"explain ./mine {POINT}",
    "explain ./mine --spectrum falling.csv",
    f"export ./mine {ONE} --couplings 1e-5 -o out",
    "export ./mine --spectrum falling.csv -o out",
    f"archive ./mine {ONE} -o out",
    "coverage ./mine --interaction scalar --mass 1 --values 1e-5 --toys 10 -j 1",
    f"point ./mine {POINT}",
    "explore ./mine --interaction scalar --points 3 -o out.html",
]


@pytest.mark.parametrize("typed", TYPED)
def test_limits_under_another_law_are_refused_with_the_reason(spec_builder: Command, desk: Path, typed: str) -> None:
    before = sorted(desk.iterdir())
    run = spec_builder(*typed.split(), "--law", "linear")
    assert run.returncode == 2
    assert run.stderr.endswith(f"mine: limits need law normsys, not linear: {REASON}\n")
    assert run.stderr.count("error: ") == 1
    assert sorted(desk.iterdir()) == before


@pytest.mark.parametrize("law", ["linear", "normsys"])
def test_the_flux_is_fitted_and_the_workspace_written_under_any_law(
    spec_builder: Command, desk: Path, law: str
) -> None:
    assert spec_builder("fit", "./mine", "--parameter", "flux", "--law", law).returncode == 0
    assert spec_builder("export", "./mine", "--law", law, "-o", desk / "out").returncode == 0
