"""HS3: the same likelihood in another's hands, pyhs3's, and what is written and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3 import hs3_workspace, read_hs3
from spec_builder.histfactory.hs3_reading import workspace_of_hs3
from spec_builder.histfactory.patch import load_workspace
from spec_builder.histfactory.schema import workspace_problem
from spec_builder.histfactory.workspace_reading import read_specification
from spec_builder.inference.likelihood import Likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

WORKSPACES = Path(__file__).parents[2] / "workspaces"
FILES = sorted(WORKSPACES.rglob("BkgOnly.json"))
ALONE = ("xenonnt", "pandax4t")
#: With pyhs3, which takes half a minute for the others, or has no sum of so many terms (global).
COMPARED = [path for path in FILES if path.parent.name in ("xenonnt", "pandax4t", "combined", "eves", "texono")]
#: Files and measurements; of the two experiments alone one, since the combined one has their channels.
PAIRS = [(path, number) for path in COMPARED for number in (0, 1) if not (number and path.parent.name in ALONE)]


def load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(path.read_text()), json.loads(path.with_suffix(".meta.json").read_text())


@pytest.fixture
def xenonnt() -> tuple[dict[str, Any], dict[str, Any]]:
    return load(WORKSPACES / "normsys/xenonnt/BkgOnly.json")


def test_all_checked_in_workspaces_are_tested() -> None:
    assert len(FILES) == 15


@pytest.mark.parametrize(("path", "measurement"), PAIRS, ids=lambda one: "-".join(getattr(one, "parts", [])[-3:-1]))
def test_pyhs3_has_the_same_likelihood(path: Path, measurement: int) -> None:
    workspace, metadata = load(path)
    compare(workspace, hs3_workspace(workspace, metadata), workspace["measurements"][measurement]["name"])


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
        unconstrained = likelihood.specification.parameters[likelihood.index(name)].constraint is None
        positive = unconstrained or name.split("[")[0] in POSITIVE
        if likelihood.observed.size > 20:  # far from the counts pyhs3's probabilities underflow
            low, high = (0.8, 1.2) if positive else (-1.0, 1.0)
        else:
            low, high = (0.1, 4.0) if positive else (-2.5, 2.5)
        theta[:, likelihood.index(name)] = random.uniform(low, high, len(theta))
    ours = likelihood.twice_nll(theta)
    allowed = np.isfinite(ours)  # under the linear law a rate may be negative
    assert allowed.sum() > 25
    theirs = [float(evaluate(*[np.asarray(row[likelihood.index(name)]) for name in names])) for row in theta[allowed]]
    difference = np.array(theirs) - ours[allowed]
    tolerance = 1e-7 + 3e-9 * np.abs(ours[allowed]).max()
    assert np.ptp(difference) < tolerance
    assert np.abs(difference).max() < tolerance, "even the constant is the same"


def test_measurements_are_analyses(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    content = hs3_workspace(*xenonnt)
    assert content["metadata"]["hs3_version"] == "0.2"
    analyses = {analysis["name"]: analysis for analysis in content["analyses"]}
    assert list(analyses) == ["b8_flux", "new_physics"]
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


def test_modifiers_interpolate_as_readers_do_by_default(xenonnt: tuple[dict[str, Any], dict[str, Any]]) -> None:
    normsys = modifiers(hs3_workspace(*xenonnt))["accidental"]["xenonnt_accidental"]
    assert normsys == {
        "name": "xenonnt_accidental",
        "type": "normsys",
        "parameter": "xenonnt_accidental",
        "constraint": "Gauss",
        "data": {"hi": 1.048, "lo": 0.952},
    }
    workspace, metadata = load(WORKSPACES / "linear/xenonnt/BkgOnly.json")
    linear = modifiers(hs3_workspace(workspace, metadata))
    assert linear["cevns"]["mu_8b"] == {"name": "mu_8b", "type": "normfactor", "parameter": "mu_8b"}
    histosys = linear["accidental"]["xenonnt_accidental"]
    assert "interpolation" not in histosys
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


LUMI = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "inits": [1.0], "bounds": [[0.9, 1.1]]}


def anybodys(*parameters: dict[str, Any]) -> dict[str, Any]:
    """Two channels that share a staterror, a shapesys with a bin without uncertainty, and a luminosity."""
    stat = {"name": "mc", "type": "staterror", "data": [0.6, 0.9]}
    lumi = {"name": "lumi", "type": "lumi", "data": None}
    first = [
        {"name": "signal", "data": [3.0, 1.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}, lumi]},
        {"name": "b", "data": [5.0, 10.0], "modifiers": [stat, lumi]},
        {"name": "c", "data": [4.0, 7.0], "modifiers": [{"name": "shape", "type": "shapesys", "data": [1.0, 0.0]}]},
        {"name": "d", "data": [1.0, 2.0], "modifiers": [{**stat, "data": [0.3, 0.4]}]},
    ]
    second = [
        {"name": "b", "data": [7.0], "modifiers": [{**stat, "data": [0.4]}]},
        {"name": "d", "data": [1.0], "modifiers": [{**stat, "data": [0.3]}]},
    ]
    return {
        "channels": [{"name": "z", "samples": first}, {"name": "a", "samples": second}],
        "observations": [{"name": "z", "data": [14, 19]}, {"name": "a", "data": [9]}],
        "measurements": [{"name": "any", "config": {"poi": "mu", "parameters": [LUMI, *parameters]}}],
        "version": "1.0.0",
    }


def written(parameter: str) -> str:
    """The name in HS3 of a parameter in pyhf."""
    return parameter.replace("mc[", "mc_bin_").removesuffix("]") if parameter.startswith("mc[") else parameter


POSITIVE = ("mu", "lumi", "mc", "shape")


def test_pyhs3_has_the_same_likelihood_with_parameters_of_bins() -> None:
    """Channel by channel: pyhs3's model of all channels asks a staterror for what its channels refuse."""
    import pyhs3
    import pytensor.tensor as pt
    from pyhs3.compile import function
    from pyhs3.context import Context

    workspace = anybodys()
    model = pyhs3.Workspace(**json.loads(json.dumps(hs3_workspace(workspace))))
    likelihood = Likelihood.from_workspace(workspace)
    variables = {written(name): pt.dscalar(name) for name in likelihood.parameters}
    counts = {f"{o['name']}_observed": pt.constant(np.array(o["data"], float)) for o in workspace["observations"]}
    log_probability = pt.constant(0.0)
    for distribution in model.distributions:
        context = Context({**variables, **counts, **distribution.constants})
        constraint = distribution.extended_likelihood(context)
        log_probability += pt.log(distribution.likelihood(context)) + pt.log(constraint)
    inputs = list(variables.values())
    evaluate = function(inputs=inputs, outputs=-2 * log_probability, mode="FAST_COMPILE")
    theta = np.random.default_rng(20250512).uniform(0.7, 1.4, (20, len(inputs)))
    theta[:, likelihood.index("shape[1]")] = 1.0  # held
    theirs = np.array([float(evaluate(*[np.asarray(value) for value in row])) for row in theta])
    difference = theirs - likelihood.twice_nll(theta)
    assert np.ptp(difference) < 1e-9
    assert np.abs(difference).max() < 1e-6, "even the constant is the same, but for pyhs3's eight digits of pi"


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "mc", "inits": [1.0, 1.1, 0.9], "bounds": [[0.1, 4.0], [0.2, 5.0], [0.3, 6.0]], "fixed": True},
        {"name": "mu", "inits": [2.0], "bounds": [[-1.0, 7.0]], "fixed": True},
    ],
)
def test_hs3_and_back_is_the_same_likelihood(parameter: dict[str, Any]) -> None:
    workspace = anybodys(parameter)
    back = workspace_of_hs3(json.loads(json.dumps(hs3_workspace(workspace))))
    assert workspace_problem(back) is None
    assert back["channels"] == workspace["channels"]
    assert back["observations"] == workspace["observations"]
    ours, theirs = (read_specification(content, "any") for content in (workspace, back))
    assert ours.parameters == theirs.parameters
    assert ours.poi == theirs.poi == "mu"


def test_bins_of_a_staterror_may_have_brackets_as_version_060_wrote_them() -> None:
    text = json.dumps(hs3_workspace(anybodys()))
    for i in range(3):
        text = text.replace(f'"mc_bin_{i}"', f'"mc[{i}]"')
    assert "mc_bin" not in text
    assert workspace_of_hs3(json.loads(text)) == workspace_of_hs3(hs3_workspace(anybodys()))


def test_root_finds_what_it_wants() -> None:
    """A domain and a point of its names, of the first measurement, and constraints where it looks for them."""
    workspace = anybodys({"name": "mu", "inits": [2.0], "bounds": [[-1.0, 7.0]]})
    workspace["measurements"].append({"name": "default", "config": {"poi": "mu", "parameters": [LUMI]}})
    content = hs3_workspace(workspace)
    assert [domain["name"] for domain in content["domains"]] == ["default_domain", "default_bounds"]
    assert [point["name"] for point in content["parameter_points"]] == ["default_values", "default_start"]
    assert {"name": "mu", "min": -1.0, "max": 7.0} in content["domains"][0]["axes"]
    assert {"name": "mu", "value": 2.0, "const": False} in content["parameter_points"][0]["parameters"]
    channel, other, gaussian = content["distributions"]
    assert channel["staterror"] == other["staterror"] == {"constraint": "Gauss", "constraint_type": "Gauss"}
    assert channel["samples"][0]["modifiers"][1]["constraint_name"] == gaussian["name"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_the_checked_in_workspaces_come_back(path: Path) -> None:
    workspace, metadata = load(path)
    back = workspace_of_hs3(json.loads(json.dumps(hs3_workspace(workspace, metadata))))
    assert back["channels"] == workspace["channels"]
    for name in (measurement["name"] for measurement in workspace["measurements"]):
        ours, theirs = (Likelihood.from_workspace(content, name) for content in (workspace, back))
        assert ours.specification.parameters == theirs.specification.parameters
        assert ours.twice_nll(ours.init) == theirs.twice_nll(theirs.init)


def test_a_published_base_has_no_parameter_of_interest_yet() -> None:
    workspace = anybodys()
    workspace["measurements"][0]["config"]["poi"] = "mu_signal"
    (analysis,) = hs3_workspace(workspace)["analyses"]
    assert "parameters_of_interest" not in analysis


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["channels"][0]["samples"][1]["modifiers"][0].update(data=[0.0, 0.1]), None),
        (
            lambda w: [s["modifiers"][0].update(data=[0.0, 0.1]) for s in w["channels"][0]["samples"][1::2]],
            "channel 'z', staterror 'mc', bin 0: has no uncertainty",
        ),
        (
            lambda w: w["channels"][0]["samples"][2].update(data=[0.0, 7.0]),
            "channel 'z', sample 'c', modifier 'shape', bin 0: has no events to be uncertain of",
        ),
        (
            lambda w: w["channels"][0]["samples"][0]["modifiers"][0].update(name="mc_bin_1"),
            "parameter 'mc_bin_1': would have the name of a bin of staterror 'mc'",
        ),
        (
            lambda w: [c["samples"][-1]["modifiers"][0].update(name="other") for c in w["channels"]],
            "channel 'a': has several staterrors \\(mc, other\\)",
        ),
        (
            lambda w: w["measurements"][0]["config"]["parameters"].append({"name": "mc", "sigmas": [0.1, 0.1, 0.1]}),
            r"parameter 'mc\[0\]': the measurement's auxdata, sigmas or factors are not those of its modifier",
        ),
    ],
)
def test_what_hs3_cannot_hold_is_named(change: Callable[[dict[str, Any]], object], message: str | None) -> None:
    workspace = anybodys()
    change(workspace)
    if message is None:
        assert hs3_workspace(workspace)["distributions"]
        return
    with pytest.raises(SpecBuilderError, match=message):
        hs3_workspace(workspace)


def spoilt(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(hs3_workspace(anybodys())))
    change(content)
    return content


def point(content: dict[str, Any], name: str) -> dict[str, Any]:
    """A parameter of the first point."""
    found: dict[str, Any] = next(p for p in content["parameter_points"][0]["parameters"] if p["name"] == name)
    return found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.pop("data"), "likelihood 'main_likelihood', data: there is no 'z_data'"),
        (lambda h: h["likelihoods"][0]["distributions"].append("y"), "distributions: there is no 'y'"),
        (lambda h: h["likelihoods"][0]["data"].pop(), "likelihood 'main_likelihood': has 2 distributions and 1 data"),
        (lambda h: h["data"][0].pop("contents"), "not a model in HS3 of binned channels: KeyError 'contents'"),
        (lambda h: h.pop("likelihoods"), "analysis 'any': there is no likelihood 'main_likelihood'"),
        (
            lambda h: h["likelihoods"].append(h["likelihoods"][0] | {"name": "other"}),
            "has several likelihoods, name a measurement of one: any, other",
        ),
        (
            lambda h: h["distributions"][0].update(type="exponential_dist"),
            "distribution 'z': is a exponential_dist; only histfactory_dist fits",
        ),
        (
            lambda h: h["distributions"][2].update(mean="mu"),
            "constraint 'lumi_constraint' has no counterpart in a pyhf workspace",
        ),
        (
            lambda h: h["distributions"][0]["samples"][1]["modifiers"][0].update(constraint="Poisson"),
            "parameter 'mc_bin_1': several samples share it in a staterror, which pyhf",
        ),
        (
            lambda h: h["distributions"][0]["samples"][1]["modifiers"][1].update(type="custom"),
            "sample 'b', modifier 'lumi': type 'custom' has no counterpart in a pyhf workspace",
        ),
        (
            lambda h: [a.pop("min") for a in h["domains"][0]["axes"] if a["name"] == "mc_bin_2"],
            "parameter 'mc_bin_0': has bounds, which not all bins of its modifier have",
        ),
        (
            lambda h: h["analyses"][0].update(init="best"),
            "analysis 'any': there is no parameter point 'best' to start from",
        ),
    ],
)
def test_what_a_workspace_cannot_hold_is_named(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        workspace_of_hs3(spoilt(change))


def test_widths_of_root_are_relative() -> None:
    def relative(h: dict[str, Any]) -> None:
        h["metadata"].update(packages=[{"name": "ROOT", "version": "6.36"}])
        h["distributions"][0]["samples"][2]["modifiers"][0]["data"]["vals"] = [0.25, 1.0]

    (shape,) = workspace_of_hs3(spoilt(relative))["channels"][0]["samples"][2]["modifiers"]
    assert shape["data"] == [1.0, 0.0], "a quarter of 4 events, and all of 7 that are held, which is none"


def test_parameters_that_root_names_get_names_of_pyhf() -> None:
    def rename(h: dict[str, Any]) -> None:
        text = json.dumps(h["distributions"][:2]).replace("mc_bin_0", "gamma_stat_a_bin_0")
        h["distributions"][:2] = json.loads(
            text.replace("mc_bin_1", "gamma_stat_z_bin_0").replace("mc_bin_2", "gamma_stat_z_bin_1")
        )

    back = workspace_of_hs3(spoilt(rename))
    names = {m["name"] for c in back["channels"] for s in c["samples"] for m in s["modifiers"]}
    assert names == {"mu", "lumi", "shape", "mc_a", "mc_z"}
    likelihood, ours = Likelihood.from_workspace(back), Likelihood.from_workspace(anybodys())
    assert likelihood.twice_nll(likelihood.init) == pytest.approx(ours.twice_nll(ours.init), abs=1e-12)


def test_an_analysis_without_a_start_has_roots_own() -> None:
    def move(h: dict[str, Any]) -> None:
        h["analyses"][0].pop("init")
        point(h, "mu").update(value=0.5, const=True)
        point(h, "mc_bin_1").pop("value")
        h["parameter_points"][0]["parameters"].remove(point(h, "mc_bin_1"))
        point(h, "mc_bin_2").update(value=1.25)

    parameters = {p.name: p for p in read_specification(workspace_of_hs3(spoilt(move)), "any").parameters}
    assert (parameters["mu"].init, parameters["mu"].fixed) == (0.5, True)
    assert [parameters[f"mc[{i}]"].init for i in range(3)] == [1.0, 1.0, 1.25]


@pytest.mark.parametrize("kind", ["staterror", "shapesys", "shapefactor", "normfactor"])
def test_a_parameter_of_interest_comes_back_by_its_name(kind: str) -> None:
    """Whether it is the one bin of a modifier, whose parameter HS3 names, or has brackets in its own name."""
    name = "kappa" if kind != "normfactor" else "kappa[x]"
    data = [1.5] if kind in ("staterror", "shapesys") else None
    own = {"name": name, "type": kind, "data": data}
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "b", "data": [6.0], "modifiers": [own]}]}],
        "observations": [{"name": "c", "data": [9]}],
        "measurements": [{"name": "any", "config": {"poi": name, "parameters": []}}],
        "version": "1.0.0",
    }
    back = workspace_of_hs3(json.loads(json.dumps(hs3_workspace(workspace))))
    assert back["channels"] == workspace["channels"]
    assert back["measurements"][0]["config"]["poi"] == name
    assert Likelihood.from_workspace(back).poi == Likelihood.from_workspace(workspace).poi != ""


def test_a_luminosity_of_any_constraint_is_written() -> None:
    """Also one that looks like the unit Gaussian of a normsys."""
    unit = {"name": "lumi", "auxdata": [0.0], "sigmas": [1.0], "bounds": [[-5.0, 5.0]], "inits": [1.0]}
    workspace = anybodys()
    workspace["measurements"][0]["config"]["parameters"] = [unit]
    back = workspace_of_hs3(json.loads(json.dumps(hs3_workspace(workspace))))
    assert back["channels"] == workspace["channels"]
    ours, theirs = (read_specification(content, "any") for content in (workspace, back))
    assert ours.parameters == theirs.parameters


def test_files_go_either_way(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(anybodys()), encoding="utf-8")
    hs3 = tmp_path / "w.hs3.json"
    hs3.write_text(json.dumps(read_hs3(str(path))), encoding="utf-8")
    assert read_hs3(str(hs3))["channels"] == anybodys()["channels"]
    assert load_workspace(str(hs3)) == read_hs3(str(hs3))


@pytest.mark.parametrize("name", ["xenonnt_neutron", "lumi"])
def test_other_constraints_are_named(xenonnt: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    """Of whatever name: a normsys may be called as pyhf's luminosity is."""
    workspace = json.loads(json.dumps(xenonnt[0]).replace("xenonnt_neutron", name))
    for parameter in workspace["measurements"][0]["config"]["parameters"]:
        if parameter["name"] == name:
            parameter["auxdata"] = [0.5]
    with pytest.raises(SpecBuilderError, match=f"'{name}': is constrained otherwise than by a Gaussian"):
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
