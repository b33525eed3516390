"""HS3: the same likelihood in another's hands, pyhs3's, and what is written and what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3 import hs3_workspace, read_hs3
from spec_builder.inference.likelihood import Likelihood

WORKSPACES = Path(__file__).parents[2] / "workspaces"
FILES = sorted(WORKSPACES.glob("*/*/BkgOnly.json"))
MEASUREMENTS = ("b8_flux", "new_physics")


def load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(path.read_text()), json.loads(path.with_suffix(".meta.json").read_text())


@pytest.fixture
def xenonnt() -> tuple[dict[str, Any], dict[str, Any]]:
    return load(WORKSPACES / "normsys/xenonnt/BkgOnly.json")


def test_all_checked_in_workspaces_are_tested() -> None:
    assert len(FILES) == 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_pyhs3_has_the_same_likelihood(path: Path, measurement: str) -> None:
    workspace, metadata = load(path)
    compare(workspace, hs3_workspace(workspace, metadata), measurement)


def test_pyhs3_has_the_same_likelihood_of_anybodys_workspace() -> None:
    """Asymmetric variations, a parameter with two roles in a sample, settings left to pyhf's defaults."""
    both = [
        {"name": "a", "type": "normsys", "data": {"hi": 1.3, "lo": 0.6}},
        {"name": "a", "type": "histosys", "data": {"hi_data": [6.0, 11.0], "lo_data": [4.0, 7.0]}},
        {"name": "b", "type": "histosys", "data": {"hi_data": [5.0, 9.0], "lo_data": [4.5, 9.5]}},
    ]
    signal = [{"name": "mu_8b", "type": "normfactor", "data": None}, both[0]]
    samples = [
        {"name": "background", "data": [5.0, 10.0], "modifiers": both},
        {"name": "signal", "data": [3.0, 1.0], "modifiers": signal},
    ]
    workspace = {
        "channels": [{"name": name, "samples": samples} for name in ("first", "second")],
        "observations": [{"name": "first", "data": [7, 12]}, {"name": "second", "data": [9, 9]}],
        "measurements": [{"name": "any", "config": {"poi": "mu_8b", "parameters": []}}],
        "version": "1.0.0",
    }
    compare(workspace, hs3_workspace(workspace), "any")


def compare(workspace: dict[str, Any], hs3: dict[str, Any], measurement: str) -> None:
    """-2 ln L of pyhs3 and of ours at random points."""
    import pyhs3
    from pyhs3.compile import function
    from pytensor.graph.traversal import explicit_graph_inputs

    content = json.loads(json.dumps(hs3))
    model = pyhs3.Workspace(**content)
    built = model.model(model.analyses[measurement], progress=False, mode="FAST_COMPILE")
    twice_nll = -2 * built.log_prob
    inputs = [variable for variable in explicit_graph_inputs([twice_nll]) if variable.name]
    evaluate = function(inputs=inputs, outputs=twice_nll, mode="FAST_COMPILE")

    likelihood = Likelihood.from_workspace(workspace, measurement)
    names = [variable.name for variable in inputs]
    assert sorted(names) == sorted(likelihood.parameters[i] for i in likelihood.free)
    random = np.random.default_rng(20250512)
    theta = np.repeat(likelihood.init[None], 50, axis=0)
    for name in names:
        low, high = (0.1, 4.0) if name == "mu_8b" else (-2.5, 2.5)
        theta[:, likelihood.index(name)] = random.uniform(low, high, len(theta))
    ours = likelihood.twice_nll(theta)
    allowed = np.isfinite(ours)  # under the linear law a rate may be negative
    assert allowed.sum() > 25
    theirs = [float(evaluate(*[np.asarray(row[likelihood.index(name)]) for name in names])) for row in theta[allowed]]
    difference = np.array(theirs) - ours[allowed]
    assert np.ptp(difference) < 1e-7
    assert np.abs(difference).max() < 1e-7, "even the constant is the same"


def test_measurements_are_analyses(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    content = hs3_workspace(*xenonnt)
    assert content["metadata"]["hs3_version"] == "0.2"
    analyses = {analysis["name"]: analysis for analysis in content["analyses"]}
    assert list(analyses) == list(MEASUREMENTS)
    assert all(analysis["parameters_of_interest"] == ["mu_8b"] for analysis in analyses.values())
    points = {point["name"]: point["parameters"] for point in content["parameter_points"]}
    for name, constant in (("b8_flux", "flux_8b"), ("new_physics", "mu_8b")):
        values = points[analyses[name]["init"]]
        assert [p["name"] for p in values if p["const"]] == [constant]
        assert {p["name"]: p["value"] for p in values}["mu_8b"] == 1.0
    domains = {domain["name"]: domain for domain in content["domains"]}
    for analysis in analyses.values():
        (domain,) = analysis["domains"]
        assert domains[domain]["type"] == "product_domain"
        for axis in domains[domain]["axes"]:
            bounds = (0.0, 10.0) if axis["name"] == "mu_8b" else (-15.0, 15.0)
            assert (axis["min"], axis["max"]) == bounds


def test_modifiers_say_how_they_interpolate(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    normsys = modifiers(hs3_workspace(*xenonnt))["accidental"]["xenonnt_accidental"]
    assert normsys == {
        "name": "xenonnt_accidental",
        "type": "normsys",
        "parameter": "xenonnt_accidental",
        "constraint": "Gauss",
        "data": {"hi": 1.048, "lo": 0.952},
        "interpolation": {"type": "mult", "in": "poly6", "out": "exp"},
    }
    workspace, metadata = load(WORKSPACES / "linear/xenonnt/BkgOnly.json")
    linear = modifiers(hs3_workspace(workspace, metadata))
    assert linear["cevns"]["mu_8b"] == {"name": "mu_8b", "type": "normfactor", "parameter": "mu_8b"}
    histosys = linear["accidental"]["xenonnt_accidental"]
    assert histosys["interpolation"] == {"type": "add", "in": "poly6", "out": "poly1"}
    original = workspace["channels"][0]["samples"][0]["modifiers"][0]["data"]
    assert histosys["data"]["hi"]["contents"] == original["hi_data"]


def modifiers(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (channel,) = content["distributions"]
    return {sample["name"]: {m["name"]: m for m in sample["modifiers"]} for sample in channel["samples"]}


def test_axes_of_one_run_have_its_edges_and_of_several_count_bins() -> None:
    content = hs3_workspace(*load(WORKSPACES / "normsys/combined/BkgOnly.json"))
    pandax, xenon = (distribution["axes"][0] for distribution in content["distributions"])
    assert pandax == {
        "name": "pandax4t_us2_N_e",
        "min": 4.0,
        "max": 8.0,
        "edges": [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0],
    }
    assert xenon == {"name": "xenonnt_cs2_bin", "min": 0.0, "max": 3.0, "nbins": 3}
    assert [data["axes"] for data in content["data"]] == [d["axes"] for d in content["distributions"]]
    notes = content["misc"]["spec_builder"]["axes"]
    assert notes["pandax4t_us2_N_e"]["unit"] == "electrons"
    assert notes["xenonnt_cs2_bin"]["observable"] == "cS2"
    assert notes["xenonnt_cs2_bin"]["unit"] == "PE"
    assert set(notes["xenonnt_cs2_bin"]["bin_edges"]) == {"sr0", "sr1"}
    assert "edges differ" in notes["xenonnt_cs2_bin"]["note"]


def test_without_metadata_axes_count_bins(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    content = hs3_workspace(xenonnt[0])
    assert content["distributions"][0]["axes"][0]["nbins"] == 3
    assert "publications" not in content["metadata"]


def test_metadata_of_other_bins(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    workspace, metadata = xenonnt
    metadata["experiments"]["xenonnt"]["runs"]["sr0"]["bin_edges"].append(600.0)
    with pytest.raises(SpecBuilderError, match="run 'sr0' has 4 bins, but channel 'xenonnt_cs2' has 3"):
        hs3_workspace(workspace, metadata)


def test_malformed_metadata_are_refused(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    workspace, metadata = xenonnt
    del metadata["paper"]
    other = {"xenonnt": {"channel": "xenonnt_cs2", "runs": {}}}
    wrongs: tuple[dict[str, Any], ...] = (metadata, {"experiments": []}, {"experiments": other})
    for wrong in wrongs:
        with pytest.raises(SpecBuilderError, match=r"metadata: not that of a workspace of spec_builder \(\w+Error"):
            hs3_workspace(workspace, wrong)


def test_other_modifiers_are_named(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    workspace, metadata = xenonnt
    sample = workspace["channels"][0]["samples"][0]
    sample["modifiers"].append({"name": "mc", "type": "staterror", "data": [0.1, 0.1, 0.1]})
    with pytest.raises(
        SpecBuilderError, match="sample 'accidental', modifier 'mc': type 'staterror' is not written to HS3; expected"
    ):
        hs3_workspace(workspace, metadata)


def test_other_constraints_are_named(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    workspace = copy.deepcopy(xenonnt[0])
    for parameter in workspace["measurements"][0]["config"]["parameters"]:
        if parameter["name"] == "xenonnt_neutron":
            parameter["auxdata"] = [0.5]
    with pytest.raises(SpecBuilderError, match="'xenonnt_neutron': is constrained otherwise than by a Gaussian"):
        hs3_workspace(workspace)


def test_read_hs3_takes_the_metadata_beside(tmp_path: Path, xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    workspace, metadata = xenonnt
    (tmp_path / "w.json").write_text(json.dumps(workspace), encoding="utf-8")
    assert "law" not in read_hs3(str(tmp_path / "w.json"))["misc"]["spec_builder"]
    (tmp_path / "w.meta.json").write_text(json.dumps(metadata), encoding="utf-8")
    assert read_hs3(str(tmp_path / "w.json"))["misc"]["spec_builder"]["law"] == "normsys"
    (tmp_path / "w.meta.json").write_text(json.dumps(metadata | {"sha256": "0"}), encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"w\.meta\.json: is the metadata of another workspace"):
        read_hs3(str(tmp_path / "w.json"))
