"""Tools that people have read our files and give our numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import profile

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
FILE = ROOT / "workspaces/normsys/combined/BkgOnly.json"
#: How far apart the tools may be, in units of the quantity.
TOLERANCES = {"2NLL": 2e-5, "best": 5e-4, "CLs": 3e-5}


def rows(text: str) -> dict[tuple[str, str], list[str]]:
    table = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {(cells[0], cells[1]): cells[2:] for cells in table[2:]}


def test_five_tools_give_the_same_numbers() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "scripts/consumers", "xenonnt"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found, documented = rows(run.stdout), rows((ROOT / "docs/consumers.md").read_text(encoding="utf-8"))
    assert len(found) == 13
    for (file, quantity), cells in found.items():
        tolerance = TOLERANCES[quantity.split(",")[0].split()[0]]
        numbers = [float(cell) for cell in cells if cell != "-"]
        assert len(numbers) >= 3, (file, quantity)
        assert max(numbers) - min(numbers) < tolerance, (file, quantity, cells)
        shown = documented[file, quantity]
        assert [cell == "-" for cell in shown] == [cell == "-" for cell in cells]
        assert [float(cell) for cell in shown if cell != "-"] == pytest.approx(numbers, abs=tolerance)


def test_the_documented_table_is_complete_and_agrees() -> None:
    documented = rows((ROOT / "docs/consumers.md").read_text(encoding="utf-8"))
    assert {file for file, _ in documented} == {
        f"{law}/{analysis}" for law in ("normsys", "linear") for analysis in ("xenonnt", "pandax4t", "combined")
    }
    for (file, quantity), cells in documented.items():
        numbers = [float(cell) for cell in cells if cell != "-"]
        assert max(numbers) - min(numbers) < TOLERANCES[re.split(r"[ ,]", quantity)[0]], (file, quantity)


@pytest.fixture(scope="module")
def workspace() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def fitted(workspace: dict[str, Any]) -> tuple[Any, list[float], Any]:
    import cabinetry

    model, data = cabinetry.model_utils.model_and_data(workspace)
    return model, data, cabinetry.fit.fit(model, data, tolerance=1e-3)


def test_cabinetry_scans_as_we_profile(workspace: dict[str, Any], fitted: tuple[Any, list[float], Any]) -> None:
    import cabinetry

    model, data, best = fitted
    scan = cabinetry.fit.scan(model, data, "mu_8b", par_range=(0.3, 2.1), n_steps=4, tolerance=1e-3)
    likelihood = Likelihood.from_workspace(workspace, "b8_flux")
    ours = profile(likelihood, "mu_8b", np.asarray(scan.parameter_values)).fits.twice_nll - best.best_twice_nll
    assert scan.delta_nlls == pytest.approx(ours, abs=1e-4)


def test_cabinetry_ranks_what_we_shift(workspace: dict[str, Any], fitted: tuple[Any, list[float], Any]) -> None:
    """The impact of a parameter: the flux when it is held a post-fit uncertainty away."""
    import cabinetry

    from spec_builder.inference.newton import minimise

    model, data, best = fitted
    ranking = cabinetry.fit.ranking(model, data, fit_results=best, tolerance=1e-3)
    assert "mu_8b" not in ranking.labels
    name = "pandax4t_micro_discharge"
    place = ranking.labels.index(name)
    likelihood = Likelihood.from_workspace(workspace, "b8_flux")
    start, free = likelihood.init.copy(), minimise(likelihood).theta[0]
    start[likelihood.index(name)] = ranking.bestfit[place] + ranking.uncertainty[place]
    shifted = minimise(likelihood, start=start, fixed=(name,)).theta[0]
    poi = likelihood.index("mu_8b")
    assert ranking.postfit_up[place] == pytest.approx(shifted[poi] - free[poi], abs=2e-3)
    assert ranking.postfit_up[ranking.labels.index("flux_8b")] == 0, "held in a measurement of the flux"


def test_cabinetry_draws_every_channel(
    fitted: tuple[Any, list[float], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cabinetry

    monkeypatch.setenv("MPLBACKEND", "agg")
    model, data, best = fitted
    prediction = cabinetry.model_utils.prediction(model, fit_results=best)
    figures = cabinetry.visualize.data_mc(prediction, data, figure_folder=tmp_path, close_figure=True)
    assert [figure["region"] for figure in figures] == ["pandax4t_us2", "xenonnt_cs2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pandax4t_us2_postfit.pdf", "xenonnt_cs2_postfit.pdf"]
    likelihood = Likelihood.from_workspace(json.loads(FILE.read_text(encoding="utf-8")), "b8_flux")
    theta = [best.bestfit[best.labels.index(name)] for name in likelihood.parameters]
    expected = np.concatenate([np.sum(channel, axis=0) for channel in prediction.model_yields])
    assert expected == pytest.approx(likelihood.rates(np.array(theta))[0])


def test_jsonpatch_and_patchset_apply_make_what_a_signal_measurement_needs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """pyhf's --patch comes too late for a measurement that is in the patch."""
    command: Callable[[str], str] = lambda name: str(Path(sys.executable).with_name(name))  # noqa: E731
    export = ["export", "xenonnt", "--interaction", "vector_bl", "--style", "signal", "--masses", "10"]
    subprocess.run(
        [command("spec-builder"), *export, "--couplings", "6e-5", "-o", str(tmp_path)], check=True, capture_output=True
    )
    folder, name = tmp_path / "xenonnt", "vector_bl_m1p000e1_g6p000em5"
    pyhf = command("pyhf")
    applied = ["patchset", "apply", "BkgOnly.json", "patchset_vector_bl.json", "--name", name]
    subprocess.run([pyhf, *applied, "--output-file", "patched.json"], cwd=folder, check=True, capture_output=True)
    done = subprocess.run(
        [pyhf, "cls", "patched.json", "--measurement", "signal_strength"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["CLs_obs"] < 0.05
    extract = ["patchset", "extract", "patchset_vector_bl.json", "--name", name, "--output-file", "point.json"]
    subprocess.run([pyhf, *extract], cwd=folder, check=True, capture_output=True)
    late = [pyhf, "cls", "BkgOnly.json", "--patch", "point.json", "--measurement", "signal_strength"]
    assert subprocess.run(late, cwd=folder, check=False, capture_output=True).returncode != 0
    capfd.readouterr()
