"""Workspaces and patch sets that other people wrote, through the verbs."""

from __future__ import annotations

import contextlib
import copy
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]


# Small workspaces after symptoms that users reported of other tools; right numbers are pyhf's, tightly converged.
NORM = {"name": "bx", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}


def factor(name: str = "mu") -> dict[str, Any]:
    return {"name": name, "type": "normfactor", "data": None}


def sample(name: str, data: list[float], *modifiers: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "data": data, "modifiers": [*modifiers]}


def workspace(
    *samples: dict[str, Any], observed: list[float], parameters: tuple[dict[str, Any], ...] = (), poi: str = "mu"
) -> dict[str, Any]:
    """One channel ``sr``, one measurement ``fit``."""
    return {
        "channels": [{"name": "sr", "samples": [*samples]}],
        "observations": [{"name": "sr", "data": observed}],
        "measurements": [{"name": "fit", "config": {"poi": poi, "parameters": [*parameters]}}],
        "version": "1.0.0",
    }


def patch_set(
    base: dict[str, Any], labels: list[str], patches: dict[str, tuple[list[Any], list[Any]]]
) -> dict[str, Any]:
    """A patch set of a workspace: values and operations by name."""
    text = json.dumps(base, sort_keys=True, ensure_ascii=False).encode()
    return {
        "version": "1.0.0",
        "metadata": {
            "description": "made up",
            "digests": {"sha256": hashlib.sha256(text).hexdigest()},
            "labels": labels,
            "references": {"hepdata": "ins1234567"},
        },
        "patches": [
            {"metadata": {"name": name, "values": values}, "patch": operations}
            for name, (values, operations) in patches.items()
        ],
    }


AT_BOUND = workspace(
    sample("sig", [6.0, 10.0], factor()),
    sample("bkg", [49.0, 44.0], {"name": "bx", "type": "shapesys", "data": [2.0, 1.0]}),
    observed=[49, 44],
)
NEGATIVE_BIN = workspace(
    sample("sig", [5.0, 2.0], factor()),
    sample("nlo", [-0.8, 1.5], {"name": "n", "type": "normsys", "data": {"hi": 1.3, "lo": 0.7}}),
    sample("bkg", [12.0, 6.0], {"name": "b", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}),
    observed=[17, 10],
)
WITHOUT_EFFECT = workspace(sample("sig", [0.0, 0.0], factor()), sample("bkg", [12.0, 4.0], NORM), observed=[19, 9])
SIMPLE = workspace(sample("sig", [5.0, 2.0], factor()), sample("bkg", [12.0, 4.0], NORM), observed=[19, 9])
LARGE_COUNTS = workspace(
    sample("sig", [1e6, 2e6], factor()),
    sample(
        "bkg",
        [3e11, 4e11],
        {"name": "bx", "type": "normsys", "data": {"hi": 1.00001, "lo": 0.99999}},
        {
            "name": "by",
            "type": "histosys",
            "data": {"hi_data": [3.0001e11, 4.0002e11], "lo_data": [2.9999e11, 3.9998e11]},
        },
    ),
    observed=[300000500000, 400001200000],
)
OTHER_ALPHABETS = workspace(
    sample("⁸B ν-signal, “quoted”", [5.0, 2.0], factor("μ")),
    sample("bkg\tTab", [9.0, 4.0], {**NORM, "name": "é"}, {**NORM, "name": "e\N{COMBINING ACUTE ACCENT}"}),
    observed=[13, 7],
    poi="μ",
)
OTHER_ALPHABETS["measurements"][0]["name"] = "mesure ☀"


def published() -> tuple[dict[str, Any], dict[str, Any]]:
    """A base and its patches after the usual manner: the parameter of interest and the luminosity come with them."""
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.017], "inits": [1.0], "bounds": [[0.915, 1.085]]}
    strength = {"name": "mu_SIG", "inits": [1.0], "bounds": [[0.0, 10.0]]}
    stat = {"name": "stat", "type": "staterror", "data": [0.8, 0.5]}
    base = workspace(
        sample("bkg", [12.0, 6.0], NORM, stat), observed=[14, 8], parameters=(lumi, strength), poi="mu_SIG"
    )
    base["channels"].append({"name": "CR_tt", "samples": [sample("bkg", [90.0], NORM, factor("mu_tt"))]})
    base["observations"].append({"name": "CR_tt", "data": [95]})
    patches = {}
    for i, (first, second) in enumerate([(6.0, 2.0), (3.0, 1.5), (2.0, 1.0)]):
        width = {"name": "sigx", "type": "normsys", "data": {"hi": 1.15, "lo": 0.85}}
        own = [factor("mu_SIG"), {"name": "lumi", "type": "lumi", "data": None}, width]
        signals = {0: sample("signal", [first, second], *own), 1: sample("signal", [0.2], *own)}
        operations = [{"op": "add", "path": f"/channels/{k}/samples/-", "value": v} for k, v in signals.items()]
        patches[f"p_{i}"] = ([100 * i, 50], operations)
    return base, patch_set(base, ["m1", "m2"], patches)


def of_other_channels() -> tuple[dict[str, Any], dict[str, Any]]:
    """Patches that leave different channels."""
    base = workspace(sample("bkg", [12.0, 7.0], NORM), observed=[15, 9], poi="")
    base["channels"].insert(0, {"name": "cr", "samples": [sample("bkg", [50.0], NORM)]})
    base["observations"].insert(0, {"name": "cr", "data": [55]})
    add = {"op": "add", "path": "/channels/1/samples/-", "value": sample("signal", [3.0, 1.0], factor())}
    operations: dict[str, tuple[list[Any], list[Any]]] = {
        "a": ([1, 1], [add, {"op": "remove", "path": "/channels/0"}]),
        "b": ([2, 1], [add]),
    }
    return base, patch_set(base, ["m1", "m2"], operations)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write JSON files into the working folder: ``desk(base=content)``."""
    monkeypatch.chdir(tmp_path)

    def write(**files: Any) -> None:
        for name, content in files.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    return write


def fitted(spec_builder: Command, *options: str) -> dict[str, Any]:
    run = spec_builder("fit", "w.json", "--json", *options)
    assert run.returncode == 0, run.stderr
    content: dict[str, Any] = json.loads(run.stdout)
    return content


def refused(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    for word in words:
        assert word in run.stderr


# ---------------------------------------------------------------- fits


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
def test_a_minimum_on_a_bound_is_on_the_bound(desk: Callable[..., None], spec_builder: Command, minimiser: str) -> None:
    desk(w=AT_BOUND)
    found = fitted(spec_builder, "--minimiser", minimiser)
    assert found["value"] == 0
    assert found["at_bound"] is True
    assert found["bounds"] == {"mu": "lower"}
    assert "AT A BOUND: mu at its lower bound 0\n" in spec_builder("fit", "w.json").stdout
    assert found["valid"] is True
    assert found["down"] is None


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
def test_a_negative_bin_of_a_sample_is_noted(desk: Callable[..., None], spec_builder: Command, minimiser: str) -> None:
    desk(w=NEGATIVE_BIN)
    found = fitted(spec_builder, "--minimiser", minimiser)
    assert found["twice_nll"] == pytest.approx(12.516270925, abs=1e-7)  # pyhf
    run = spec_builder("verify", "w.json")
    assert run.returncode == 0
    assert "channel 'sr', sample 'nlo' is negative in bin 0, the sum of the samples is not" in run.stdout


def test_a_parameter_without_effect_is_named(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=WITHOUT_EFFECT)
    assert fitted(spec_builder)["flat"] == [["mu"]]
    assert "2NLL does not depend on mu\n" in spec_builder("fit", "w.json").stdout


def test_two_factors_of_one_sample_are_flat_together(desk: Callable[..., None], spec_builder: Command) -> None:
    content = copy.deepcopy(SIMPLE)
    content["channels"][0]["samples"][0]["modifiers"].append(factor("nu"))
    desk(w=content)
    assert fitted(spec_builder)["flat"] == [["mu", "nu"]]
    assert "2NLL does not depend on mu and nu together" in spec_builder("fit", "w.json").stdout


def test_a_usual_model_has_no_flat_direction(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=SIMPLE)
    found = fitted(spec_builder)
    assert found["flat"] == []
    assert found["rounding"] < 1e-12
    assert "rounded" not in spec_builder("fit", "w.json").stdout


def test_rounding_of_large_counts_is_said(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=LARGE_COUNTS)
    found = fitted(spec_builder)
    assert 1e-3 < found["rounding"] < 0.1
    assert found["value"] == pytest.approx(0.7, abs=0.3)
    text = spec_builder("fit", "w.json").stdout
    assert "rounded to about 0.009 by the size of its terms" in text
    assert re.search(r"standard deviations \(sqrt\(q0\), asymptotic\), known to 0\.\d+ as 2NLL is rounded", text)


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
def test_intervals_at_large_counts(desk: Callable[..., None], spec_builder: Command, minimiser: str) -> None:
    """Within rounding, by the inverse of the Fisher matrix: the model is affine over so small a range."""
    content = copy.deepcopy(LARGE_COUNTS)
    del content["channels"][0]["samples"][1]["modifiers"][1]  # it can take the signal's place
    desk(w=content)
    found = fitted(spec_builder, "--minimiser", minimiser)
    signal, background = np.array([1e6, 2e6]), np.array([3e6, 4e6])  # events for mu + 1, and for bx + 1
    slopes = np.stack([signal, background]) / np.sqrt(content["observations"][0]["data"])
    error = np.sqrt(np.linalg.inv(slopes @ slopes.T + np.diag([0.0, 1.0]))[0, 0])
    assert found["valid"]
    assert found["value"] == pytest.approx(0.735714, abs=1e-5)
    assert found["up"] == pytest.approx(error, abs=0.01 * error)  # rounding: 0.009 of 1 in 2NLL
    assert found["down"] is None  # beyond the bound


def test_another_parameter_of_interest_and_held_ones(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=SIMPLE)
    found = fitted(spec_builder, "--poi", "bx", "--fix", "mu=1")
    data = pyhf.Workspace(SIMPLE)
    model = data.model(poi_name="bx")
    with tight():
        best, twice_nll = pyhf.infer.mle.fixed_poi_fit(
            1.0, data.data(data.model()), data.model(), return_fitted_val=True
        )
    assert found["parameter"] == "bx"
    assert found["theta"]["mu"] == 1
    assert found["twice_nll"] == pytest.approx(float(twice_nll), abs=1e-6)
    assert found["value"] == pytest.approx(float(best[model.config.par_names.index("bx")]), abs=1e-4)
    assert found["significance"] is None, "a nuisance parameter at zero is no absent signal"


@contextlib.contextmanager
def tight() -> Any:
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-6))
    yield
    pyhf.set_backend("numpy")


def test_a_fit_without_a_parameter_of_interest(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=SIMPLE)
    without, usual = fitted(spec_builder, "--poi", ""), fitted(spec_builder)
    assert without["parameter"] is without["value"] is without["up"] is without["significance"] is None
    assert without["twice_nll"] == pytest.approx(usual["twice_nll"], abs=1e-9)
    assert without["pulls"]["bx"] == pytest.approx(usual["pulls"]["bx"], abs=1e-5)
    assert "a fit without a parameter of interest" in spec_builder("fit", "w.json", "--poi", "").stdout
    base = copy.deepcopy(SIMPLE)
    base["measurements"][0]["config"]["poi"] = ""
    desk(w=base)
    assert fitted(spec_builder)["twice_nll"] == without["twice_nll"]


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
def test_a_fit_with_nothing_to_vary(desk: Callable[..., None], spec_builder: Command, minimiser: str) -> None:
    desk(w=SIMPLE)
    found = fitted(spec_builder, "--fix", "mu=1", "--fix", "bx=0", "--minimiser", minimiser)
    model = pyhf.Workspace(SIMPLE).model()
    pars = [{"mu": 1.0, "bx": 0.0}[name] for name in model.config.par_names]
    theirs = float(-2 * model.logpdf(pars, pyhf.Workspace(SIMPLE).data(model))[0])
    assert found["twice_nll"] == pytest.approx(theirs, abs=1e-10)
    assert found["fixed"] is found["valid"] is True


def test_a_model_without_parameters_is_refused(desk: Callable[..., None], spec_builder: Command) -> None:
    content = workspace(sample("b", [9.0]), observed=[9], poi="")
    desk(w=content)
    refused(spec_builder("fit", "w.json"), "w.json: no sample has a modifier")
    refused(spec_builder("verify", "w.json"), "w.json: no sample has a modifier")
    add = {"op": "add", "path": "/channels/0/samples/-", "value": sample("s", [1.0], factor())}
    desk(BkgOnly=content, set=patch_set(content, ["x"], {"p": ([1], [add])}))
    assert spec_builder("verify", "set.json").returncode == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--poi", "nu"), "w.json: parameter 'nu' is unknown, expected one of bx, mu"),
        (("--fix", "nu=1"), "w.json: parameter 'nu' is unknown, expected one of bx, mu"),
        (("--fix", "mu=11"), "w.json: parameter 'mu' cannot be held at 11, outside its bounds [0, 10]"),
        (("--fix", "mu"), "fix 'mu': expected NAME=VALUE with a number"),
        (("--fix", "mu=nan"), "fix 'mu=nan': expected NAME=VALUE with a number"),
        (("--fix", "mu=1", "--fix", "mu=2"), "fix 'mu' is given twice"),
    ],
)
def test_wrong_parameters(
    desk: Callable[..., None], spec_builder: Command, options: tuple[str, ...], word: str
) -> None:
    desk(w=SIMPLE)
    refused(spec_builder("fit", "w.json", *options), word)


# ---------------------------------------------------------------- profiles


def test_any_parameter_of_a_workspace_is_profiled(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=SIMPLE)
    found = fitted(spec_builder)
    profile = json.loads(spec_builder("profile", "w.json", "--json", "--points", "41").stdout)
    assert profile["parameter"] == "mu"
    assert profile["best"]["up"] == pytest.approx(found["up"], abs=1e-6)
    nuisance = json.loads(spec_builder("profile", "w.json", "--parameter", "bx", "--json", "--points", "5").stdout)
    assert nuisance["parameter"] == "bx"
    assert nuisance["delta_chi2"][0] == pytest.approx(9, abs=1e-6)
    held = json.loads(spec_builder("profile", "w.json", "--fix", "bx=1", "--json", "--points", "5").stdout)
    assert held["best"]["twice_nll"] == pytest.approx(fitted(spec_builder, "--fix", "bx=1")["twice_nll"], abs=1e-9)
    refused(spec_builder("profile", "w.json", "--fix", "mu=1"), "w.json: parameter 'mu' is held, and has no profile")


def test_two_parameters_and_their_contours(desk: Callable[..., None], spec_builder: Command) -> None:
    desk(w=SIMPLE)
    both = ("profile", "w.json", "--parameter", "mu", "--parameter", "bx", "--points", "41")
    surface = json.loads(spec_builder(*both, "--json").stdout)
    found = fitted(spec_builder)
    assert surface["best"]["values"] == pytest.approx([found["value"], found["theta"]["bx"]], abs=1e-5)
    height = np.array(surface["delta_chi2"])
    assert height.shape == (41, 41)
    assert -1e-8 < height.min() < 0.1
    one, other = surface["contours"]
    assert [one["delta_chi2"], other["delta_chi2"]] == pytest.approx([2.2957, 5.9915], abs=1e-4)
    data = pyhf.Workspace(SIMPLE)
    model = data.model()
    for contour in (one, other):
        for mu, bx in contour["lines"][0][::7]:
            pars = [{"mu": mu, "bx": bx}[name] for name in model.config.par_names]
            twice_nll = float(-2 * model.logpdf(pars, data.data(model))[0])
            assert twice_nll - found["twice_nll"] == pytest.approx(contour["delta_chi2"], abs=0.05)
    rows = list(csv.reader(line for line in io.StringIO(spec_builder(*both).stdout) if line[0] != "#"))
    assert rows[0] == ["mu", "bx", "delta_chi2", "valid"]
    assert len(rows) == 1 + 41 * 41


def test_two_parameters_of_an_analysis(spec_builder: Command) -> None:
    options = ("--parameter", "flux", "--parameter", "xenonnt_accidental", "--points", "31", "--json")
    surface = json.loads(spec_builder("profile", "xenonnt", *options).stdout)
    fit = json.loads(spec_builder("fit", "xenonnt", "--parameter", "flux", "--json").stdout)
    assert surface["parameters"] == ["flux", "xenonnt_accidental"]
    assert surface["best"]["twice_nll"] == pytest.approx(fit["twice_nll"], abs=1e-8)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--parameter", "mu", "--parameter", "mu"), "parameter 'mu' is given twice"),
        (("--parameter", "mu", "--parameter", "nu"), "parameter 'nu' is unknown, expected one of bx, mu"),
        (("--parameter", "mu", "--parameter", "bx", "--fix", "bx=0"), "parameter 'bx' is held"),
        (("--parameter", "mu", "--parameter", "bx", "--points", "2"), "points 2: a profile of two parameters needs"),
        (("--parameter", "a", "--parameter", "b", "--parameter", "c"), "give --parameter once or twice"),
        (("--law", "linear"), "--law does not apply to a workspace"),
    ],
)
def test_wrong_profiles(desk: Callable[..., None], spec_builder: Command, options: tuple[str, ...], word: str) -> None:
    desk(w=SIMPLE)
    refused(spec_builder("profile", "w.json", *options), word)


# ---------------------------------------------------------------- published bases and their patches


def test_a_published_base_is_sound_for_patches(desk: Callable[..., None], spec_builder: Command) -> None:
    base, patches = published()
    desk(BkgOnly=base, set=patches)
    run = spec_builder("verify", "BkgOnly.json", "set.json")
    assert run.returncode == 0, run.stderr
    assert (
        "sound for patches: no modifier has the parameter of interest 'mu_SIG' of measurement 'fit' yet" in run.stdout
    )
    assert "no modifier uses the settings of 'lumi' in measurement 'fit'" in run.stdout
    assert "3 patches in m1, m2, each applied and evaluated" in run.stdout
    refused(
        spec_builder("fit", "BkgOnly.json"),
        "BkgOnly.json: measurement 'fit': no modifier has the parameter of interest 'mu_SIG'; apply a patch",
    )
    assert json.loads(spec_builder("hs3", "BkgOnly.json").stdout)["analyses"][0]["name"] == "fit"


def test_patches_of_a_published_base_are_fitted_and_scanned(
    desk: Callable[..., None], spec_builder: Command, tmp_path: Path
) -> None:
    base, patches = published()
    desk(BkgOnly=base, set=patches, p=patches["patches"][1]["patch"])
    run = spec_builder("scan", "BkgOnly.json", "--patchset", "set.json", "--jobs", "1", "-o", "scan.csv")
    assert run.returncode == 0, run.stderr
    rows = table(tmp_path / "scan.csv")
    fit = json.loads(spec_builder("fit", "BkgOnly.json", "--patch", "p.json", "--json").stdout)
    assert fit["parameter"] == "mu_SIG"
    assert float(rows[1]["twice_nll"]) == pytest.approx(fit["twice_nll"], abs=1e-7)
    assert float(rows[1]["theta_mu_SIG"]) == pytest.approx(fit["value"], abs=1e-4)
    least = min(float(row["twice_nll"]) for row in rows)
    assert [float(row["delta_chi2"]) for row in rows] == pytest.approx(
        [float(row["twice_nll"]) - least for row in rows], abs=1e-9
    )
    spec = pyhf.PatchSet(patches).apply(base, "p_1")
    model = pyhf.Workspace(spec).model()
    data = pyhf.Workspace(spec).data(model)
    theirs = float(pyhf.infer.mle.fit(data, model, return_fitted_val=True)[1])
    assert fit["twice_nll"] <= theirs + 1e-7
    assert fit["twice_nll"] == pytest.approx(theirs, abs=1e-3)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in path.read_text("utf-8").splitlines() if line[0] != "#"))


def test_a_scan_holds_parameters(desk: Callable[..., None], spec_builder: Command, tmp_path: Path) -> None:
    base, patches = published()
    desk(BkgOnly=base, set=patches)
    scan = ("scan", "BkgOnly.json", "--patchset", "set.json", "--jobs", "1", "-o", "scan.csv", "--force")
    assert spec_builder(*scan, "--fix", "mu_SIG=1", "--poi", "").returncode == 0
    assert {row["theta_mu_SIG"] for row in table(tmp_path / "scan.csv")} == {"1.0"}
    refused(spec_builder(*scan, "--fix", "mu=1"), "set.json: patch 'p_0': parameter 'mu' is unknown")


def test_models_of_different_data_are_not_compared(
    desk: Callable[..., None], spec_builder: Command, tmp_path: Path
) -> None:
    base, patches = of_other_channels()
    desk(BkgOnly=base, set=patches)
    assert spec_builder("verify", "BkgOnly.json", "set.json").returncode == 0
    run = spec_builder("scan", "BkgOnly.json", "--patchset", "set.json", "--jobs", "1", "-o", "scan.csv")
    assert run.returncode == 0, run.stderr
    assert "# delta_chi2: \"none: the patches' models have different data" in (tmp_path / "scan.csv").read_text()
    rows = table(tmp_path / "scan.csv")
    assert [row["patch"] for row in rows] == ["a", "b"]
    assert "delta_chi2" not in rows[0]


def test_one_bad_patch_is_passed_over(desk: Callable[..., None], spec_builder: Command, tmp_path: Path) -> None:
    base, patches = published()
    patches["patches"][1]["patch"][0]["path"] = "/channels/7/samples/-"
    patches["patches"][2]["patch"][0]["value"]["modifiers"][0]["Data"] = None
    desk(BkgOnly=base, set=patches)
    scan = ("scan", "BkgOnly.json", "--patchset", "set.json", "--jobs", "1", "-o", "scan.csv")
    refused(spec_builder(*scan), "set.json: patch 'p_1': the patch does not apply")
    run = spec_builder(*scan, "--keep-going")
    assert run.returncode == 0
    first, second = run.stderr.splitlines()
    assert "set.json: patch 'p_1': the patch does not apply" in first
    assert "set.json: patch 'p_2': " in second
    assert "modifier 'mu_SIG': key 'Data' is unknown" in second
    assert [row["patch"] for row in table(tmp_path / "scan.csv")] == ["p_0"]
    assert spec_builder("verify", "set.json").stderr.count("\n") == 2, "each bad patch has its line"


# ---------------------------------------------------------------- unsound files


def test_every_verb_that_reads_a_workspace_checks_it(desk: Callable[..., None], spec_builder: Command) -> None:
    content = copy.deepcopy(SIMPLE)
    content["measurements"][0]["config"]["parameters"] = [{"name": "mu", "Bounds": [[0, 0.5]]}]
    _, patches = published()
    desk(w=content, set=patches)
    for verb in (
        ("fit", "w.json"),
        ("profile", "w.json"),
        ("scan", "w.json", "--patchset", "set.json", "-o", "x.csv"),
        ("hs3", "w.json"),
    ):
        refused(spec_builder(*verb), "w.json: ", "measurement 'fit', parameter 'mu': key 'Bounds' is unknown")
    refused(spec_builder("verify", "w.json"), "w.json: ", "'Bounds' was unexpected")


def test_settings_that_no_modifier_uses_are_noted_unless_misspelt(
    desk: Callable[..., None], spec_builder: Command
) -> None:
    content = copy.deepcopy(SIMPLE)
    content["measurements"][0]["config"]["parameters"] = [{"name": "alpha_bx", "fixed": True}]
    desk(w=content)
    run = spec_builder("verify", "w.json")
    assert run.returncode == 0
    assert "no modifier uses the settings of 'alpha_bx' in measurement 'fit'" in run.stdout
    content["channels"][0]["samples"][1]["modifiers"][0]["name"] = "background_x"
    content["measurements"][0]["config"]["parameters"] = [{"name": "background_X", "fixed": True}]
    desk(w=content)
    refused(spec_builder("verify", "w.json"), "parameter 'background_X': no modifier", "(is 'background_x' meant?)")


def test_observations_of_channels_that_were_taken_out_are_noted(
    desk: Callable[..., None], spec_builder: Command
) -> None:
    content = copy.deepcopy(SIMPLE)
    content["observations"].append({"name": "vr", "data": [5]})
    desk(w=content)
    run = spec_builder("verify", "w.json")
    assert run.returncode == 0
    assert "observation 'vr' has no channel" in run.stdout
    assert fitted(spec_builder)["valid"]


def test_the_one_bin_of_a_shapesys_may_be_of_interest(desk: Callable[..., None], spec_builder: Command) -> None:
    shape = {"name": "NP", "type": "shapesys", "data": [1.5]}
    desk(w=workspace(sample("sig", [5.0], factor()), sample("bkg", [3.0], shape), observed=[9], poi="NP"))
    found = fitted(spec_builder, "--fix", "mu=1")
    assert found["parameter"] == "NP[0]"
    assert found["value"] > 1


def test_a_modifier_that_stands_twice_is_refused_before_a_fit(desk: Callable[..., None], spec_builder: Command) -> None:
    content = copy.deepcopy(SIMPLE)
    content["channels"][0]["samples"][1]["modifiers"] *= 2
    desk(w=content)
    refused(spec_builder("fit", "w.json"), "channel 'sr', sample 'bkg', modifier 'bx' (normsys) stands twice")


@pytest.mark.parametrize("labels", [[{"a": 1}], [None], [["a"]], "a", [1]])
def test_labels_that_are_no_text(desk: Callable[..., None], spec_builder: Command, labels: Any) -> None:
    base, patches = published()
    patches["metadata"]["labels"] = labels
    desk(BkgOnly=base, set=patches)
    refused(spec_builder("verify", "set.json"), "set.json: metadata/labels")
    refused(spec_builder("scan", "BkgOnly.json", "--patchset", "set.json", "-o", "x.csv"), "set.json: metadata/labels")


# ---------------------------------------------------------------- HS3


def test_hs3_is_fitted_verified_and_comes_back(
    desk: Callable[..., None], spec_builder: Command, tmp_path: Path
) -> None:
    desk(w=NEGATIVE_BIN)
    (tmp_path / "x.hs3.json").write_text(spec_builder("hs3", "w.json").stdout, encoding="utf-8")
    ours = json.loads(spec_builder("fit", "x.hs3.json", "--json").stdout)
    assert ours["twice_nll"] == fitted(spec_builder)["twice_nll"]
    assert spec_builder("verify", "x.hs3.json").stdout.startswith("x.hs3.json: ok (model in HS3, 1 channel, 2 bins")
    back = json.loads(spec_builder("hs3", "x.hs3.json").stdout)
    assert back["channels"] == NEGATIVE_BIN["channels"]
    pyhf.Workspace(back).model()


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("encoding", "verbs"),
    [
        ("ascii", (("fit", "w.json"), ("verify", "w.json"), ("profile", "w.json", "--points", "3"))),
        ("cp1252", (("fit", "w.json"),)),
    ],
)
def test_names_beyond_ascii_are_printed_on_any_terminal(
    desk: Callable[..., None], encoding: str, verbs: Sequence[Sequence[str]]
) -> None:
    desk(w=OTHER_ALPHABETS)
    for words in verbs:
        run = subprocess.run(
            [sys.executable, "-c", "from spec_builder.cli import main; main()", *words],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            check=False,
        )
        assert run.returncode == 0, run.stderr
        shown = "☀" if words[0] == "verify" else "μ"
        assert shown.encode("utf-8") in run.stdout


def test_names_do_not_steer_a_terminal(desk: Callable[..., None], spec_builder: Command) -> None:
    content = copy.deepcopy(SIMPLE)
    content["measurements"][0]["name"] = "\x1b]0;owned\x07m\nother.json: ok (workspace"
    content["channels"][0]["samples"][1]["modifiers"][0]["name"] = "\x1b[31mred"
    desk(w=content)
    for words in (("verify", "w.json"), ("fit", "w.json"), ("fit", "w.json", "--poi", "\x1b[2J")):
        run = spec_builder(*words)
        assert not {"\x1b", "\x07"} & set(run.stdout + run.stderr)
        assert "\nother.json: ok" not in run.stdout
    assert "\\x1b[31mred" in spec_builder("fit", "w.json").stdout
