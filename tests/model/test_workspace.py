"""The workspaces that go out of the door: sorted, valid, complete."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json, digest
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.model.signal import Template
from spec_builder.model.workspace import round_yields, signal_modifiers

if TYPE_CHECKING:
    from spec_builder.experiments.description import Experiment

RELATIVE = {
    "flux_8b": 0.12,
    "xenonnt_fiducial": 0.05,
    "xenonnt_accidental": 0.048,
    "xenonnt_neutron": 0.5,
    "xenonnt_electron_recoil": 1.0,
    "pandax4t_signal": 0.22,
    "pandax4t_cathode": 0.31,
    "pandax4t_micro_discharge": 0.23,
}
EVERY_WORKSPACE = list(itertools.product(ANALYSES, LAWS))


@pytest.fixture(scope="module")
def workspaces() -> dict[tuple[str, str], dict[str, Any]]:
    return {(name, law): load_analysis(name, law).workspace for name, law in EVERY_WORKSPACE}


def samples(workspace: dict[str, Any]) -> list[dict[str, Any]]:
    return [sample for channel in workspace["channels"] for sample in channel["samples"]]


@pytest.mark.parametrize("choice", EVERY_WORKSPACE)
class TestEveryWorkspace:
    """What holds for each analysis under each law."""

    @pytest.fixture
    def workspace(self, workspaces: dict[tuple[str, str], dict[str, Any]], choice: tuple[str, str]) -> dict[str, Any]:
        return workspaces[choice]

    def test_is_sorted_as_pyhf_sorts(self, workspace: dict[str, Any]) -> None:
        assert json.dumps(pyhf.Workspace.sorted(pyhf.Workspace(workspace))) == json.dumps(pyhf.Workspace(workspace))

    def test_is_valid_by_the_schema(self, workspace: dict[str, Any]) -> None:
        pyhf.schema.validate(workspace, "workspace.json")
        broken = {**workspace, "version": "2.0"}
        with pytest.raises(pyhf.exceptions.InvalidSpecification):
            pyhf.schema.validate(broken, "workspace.json")

    def test_has_the_digest_of_pyhf(self, workspace: dict[str, Any]) -> None:
        assert digest(workspace) == pyhf.utils.digest(pyhf.Workspace(workspace))

    def test_survives_its_file(self, workspace: dict[str, Any]) -> None:
        read = json.loads(canonical_json(workspace))
        assert read == workspace
        assert digest(read) == digest(workspace)

    def test_measurements(self, workspace: dict[str, Any]) -> None:
        fixed = {
            measurement["name"]: [p["name"] for p in measurement["config"]["parameters"] if p["fixed"]]
            for measurement in workspace["measurements"]
        }
        assert fixed == {"b8_flux": ["flux_8b"], "new_physics": ["mu_8b"]}
        assert {m["config"]["poi"] for m in workspace["measurements"]} == {"mu_8b"}

    def test_bounds(self, workspace: dict[str, Any]) -> None:
        modifiers = {m["name"] for sample in samples(workspace) for m in sample["modifiers"]}
        for measurement in workspace["measurements"]:
            bounds = {p["name"]: p["bounds"] for p in measurement["config"]["parameters"]}
            assert set(bounds) == modifiers
            assert bounds.pop("mu_8b") == [[0.0, 10.0]]
            assert all(bound == [[-15.0, 15.0]] for bound in bounds.values())

    def test_bounds_reach_pyhf(self, workspace: dict[str, Any]) -> None:
        for measurement in ("b8_flux", "new_physics"):
            config = pyhf.Workspace(workspace).model(measurement_name=measurement).config
            bounds = {n: tuple(b) for n, b in zip(config.par_names, config.suggested_bounds(), strict=True)}
            assert bounds.pop("mu_8b") == (0.0, 10.0)
            assert set(bounds.values()) == {(-15.0, 15.0)}

    def test_counts_are_integers(self, workspace: dict[str, Any]) -> None:
        counts = [count for observation in workspace["observations"] for count in observation["data"]]
        assert all(type(count) is int for count in counts)

    def test_yields_have_eight_digits(self, workspace: dict[str, Any]) -> None:
        for sample in samples(workspace):
            assert sample["data"] == round_yields(sample["data"])
            assert min(sample["data"]) > 0

    def test_normalisation_stands_on_the_signal_alone(self, workspace: dict[str, Any]) -> None:
        for sample in samples(workspace):
            normfactors = [m["name"] for m in sample["modifiers"] if m["type"] == "normfactor"]
            assert normfactors == (["mu_8b"] if sample["name"] == "cevns" else [])

    def test_channel_names_do_not_look_like_roles(self, workspace: dict[str, Any]) -> None:
        for channel in workspace["channels"]:
            assert not any(role in channel["name"].upper() for role in ("SR", "CR", "VR"))

    def test_sizes_of_the_uncertainties(self, workspace: dict[str, Any], choice: tuple[str, str]) -> None:
        for sample in samples(workspace):
            for modifier in sample["modifiers"]:
                if modifier["type"] == "normfactor":
                    continue
                size, data = RELATIVE[modifier["name"]], modifier["data"]
                if choice[1] == "normsys":
                    assert modifier["type"] == "normsys"
                    assert data == {"hi": 1 + size, "lo": 0.5 if size == 1 else 1 - size}
                else:
                    assert modifier["type"] == "histosys"
                    assert data["hi_data"] == [events * (1 + size) for events in sample["data"]]
                    assert data["lo_data"] == [events * (1 - size) for events in sample["data"]]


def test_contents_of_the_combined_workspace(workspaces: dict[tuple[str, str], dict[str, Any]]) -> None:
    structure = {
        channel["name"]: {s["name"]: {m["name"] for m in s["modifiers"]} for s in channel["samples"]}
        for channel in workspaces["combined", "normsys"]["channels"]
    }
    assert structure == {
        "pandax4t_us2": {
            "cevns": {"mu_8b", "flux_8b", "pandax4t_signal"},
            "cathode": {"pandax4t_cathode"},
            "micro_discharge": {"pandax4t_micro_discharge"},
        },
        "xenonnt_cs2": {
            "cevns": {"mu_8b", "flux_8b", "xenonnt_fiducial"},
            "accidental": {"xenonnt_accidental"},
            "neutron": {"xenonnt_neutron"},
            "electron_recoil": {"xenonnt_electron_recoil"},
        },
    }


def test_signal_and_counts(workspaces: dict[tuple[str, str], dict[str, Any]]) -> None:
    workspace = workspaces["combined", "linear"]
    signal = {c["name"]: sum(s["data"]) for c in workspace["channels"] for s in c["samples"] if s["name"] == "cevns"}
    assert signal == pytest.approx({"pandax4t_us2": 48.8, "xenonnt_cs2": 11.128}, rel=1e-7)
    observed = {o["name"]: sum(o["data"]) for o in workspace["observations"]}
    assert observed == {"pandax4t_us2": 332, "xenonnt_cs2": 37}


@pytest.mark.parametrize("law", LAWS)
def test_combining_the_single_workspaces_gives_the_combined_one(
    workspaces: dict[tuple[str, str], dict[str, Any]], law: str
) -> None:
    xenonnt, pandax4t = (pyhf.Workspace(workspaces[name, law]) for name in ("xenonnt", "pandax4t"))
    for left, right in ((xenonnt, pandax4t), (pandax4t, xenonnt)):
        both = pyhf.Workspace.sorted(pyhf.Workspace.combine(left, right, join="outer"))
        assert pyhf.utils.digest(both) == digest(workspaces["combined", law])


@pytest.mark.parametrize("law", LAWS)
def test_order_of_the_experiments_does_not_matter(workspaces: dict[tuple[str, str], dict[str, Any]], law: str) -> None:
    assert load_analysis("pandax4t+xenonnt", law).workspace == workspaces["combined", law]


def test_a_variant_changes_its_own_channel_alone(workspaces: dict[tuple[str, str], dict[str, Any]]) -> None:
    default = {c["name"]: c for c in workspaces["combined", "normsys"]["channels"]}
    workspace = load_analysis("combined", variants={"pandax4t": "md_rich"}).workspace
    varied = {c["name"]: c for c in workspace["channels"]}
    assert varied["xenonnt_cs2"] == default["xenonnt_cs2"]
    assert varied["pandax4t_us2"] != default["pandax4t_us2"]


@given(events=st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=8))
def test_rounding_of_yields(events: list[float]) -> None:
    rounded = round_yields(events)
    np.testing.assert_allclose(rounded, events, rtol=5.1e-8)
    assert round_yields(rounded) == rounded
    assert [f"{value:.7e}" for value in rounded] == [f"{value:.7e}" for value in events]


def test_one_ulp_does_not_change_a_yield() -> None:
    events = np.array([1.2345678, 16.0, 0.07])
    assert round_yields(np.nextafter(events, np.inf)) == round_yields(events)


def test_channel_given_twice() -> None:
    with pytest.raises(
        SpecBuilderError, match="channel 'xenonnt_cs2' stands twice: an analysis holds each experiment once"
    ):
        load_analysis("xenonnt+xenonnt")


def test_a_free_background_with_the_factor_of_another() -> None:
    """Experiment ``a`` with background ``b_c`` and ``a_b`` with ``c`` would have one free size."""
    plain = load_analysis("xenonnt", "linear")
    (experiment,), (channel,) = plain.experiments, plain.channels

    def free(called: str, background: str) -> Experiment:
        sample = replace(channel.backgrounds[0], name=background, free=True)
        own = replace(channel, name=f"{called}_cs2", backgrounds=(sample,))
        return replace(experiment, name=called, channels=(own,))

    for experiments in ((free("mu", "8b"),), (free("a", "b_c"), free("a_b", "c"))):
        with pytest.raises(SpecBuilderError, match=r"factor '(mu_8b|a_b_c)' is there already, rename"):
            _ = replace(plain, experiments=experiments).workspace
    assert replace(plain, experiments=(free("a", "b_c"), free("a_b", "d"))).workspace["channels"]


def test_uncertainty_with_the_name_of_the_normalisation() -> None:
    plain = load_analysis("xenonnt", "linear")
    (channel,) = plain.channels
    renamed = replace(channel, signals=(replace(channel.signals[0], uncertainties={"mu_8b": 0.1}),))
    analysis = replace(plain, experiments=(replace(plain.experiments[0], channels=(renamed,)),))
    with pytest.raises(SpecBuilderError, match="xenonnt: 'mu_8b' is the signal's normalisation, rename"):
        _ = analysis.workspace


# ---------------------------------------------------------------- several samples, shapes, free backgrounds


def parameters(workspace: dict[str, Any], measurement: str) -> dict[str, dict[str, Any]]:
    config = next(m["config"] for m in workspace["measurements"] if m["name"] == measurement)
    return {parameter["name"]: parameter for parameter in config["parameters"]}


def fixed(workspace: dict[str, Any], measurement: str) -> set[str]:
    return {name for name, parameter in parameters(workspace, measurement).items() if parameter["fixed"]}


@pytest.mark.parametrize(
    ("name", "held", "factors"),
    [
        ("coherent_csi", {
            "flux_sns", "coherent_csi_efficiency", "coherent_csi_quenching", "coherent_csi_form_factor",
        }, {"mu_sns"}),
        ("eves", {"flux_pp"}, {"mu_pp"}),
        ("texono", set(), {"mu_reactor"}),
        ("global", {"flux_8b", "mu_sns", "mu_pp", "mu_reactor"}, {"mu_8b", "mu_sns", "mu_pp", "mu_reactor"}),
    ],
)  # fmt: skip
def test_what_the_measurements_hold(name: str, held: set[str], factors: set[str]) -> None:
    workspace = load_analysis(name).workspace
    first = workspace["measurements"][0]["name"]
    assert fixed(workspace, first) == held
    assert fixed(workspace, "new_physics") == factors
    assert set(parameters(workspace, first)) == {m["name"] for s in samples(workspace) for m in s["modifiers"]}


def test_free_backgrounds_are_normfactors() -> None:
    workspace = load_analysis("eves").workspace
    free = {"lz_ws2022_er_argon37", "pandax4t_run0_er_tritium"}
    for measurement in ("eves_pp_flux", "new_physics"):
        for name in free:
            found = parameters(workspace, measurement)[name]
            assert (found["inits"], found["bounds"], found["fixed"]) == ([1.0], [[0.0, 10.0]], False)
    factors = {m["name"]: s["name"] for s in samples(workspace) for m in s["modifiers"] if m["type"] == "normfactor"}
    assert factors == {"lz_ws2022_er_argon37": "argon37", "pandax4t_run0_er_tritium": "tritium", "mu_pp": "eves_pp"}


@pytest.mark.parametrize("law", LAWS)
def test_an_absolute_uncertainty_is_added_under_either_law(law: str) -> None:
    workspace = load_analysis("texono", law).workspace
    (background,) = (s for s in samples(workspace) if s["name"] == "background")
    (modifier,) = background["modifiers"]
    assert (modifier["name"], modifier["type"]) == ("texono_systematic", "histosys")
    assert modifier["data"]["hi_data"] == pytest.approx([5986 + 61])
    assert modifier["data"]["lo_data"] == pytest.approx([5986 - 61])


def shaped(law: str) -> dict[str, Any]:
    return load_analysis("coherent_csi", law, {"coherent_csi": "response_shapes"}).workspace


SHAPES = ("coherent_csi_efficiency", "coherent_csi_quenching0", "coherent_csi_quenching1")


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_split_under_normsys_and_plain_under_linear(name: str) -> None:
    found = {}
    for law in LAWS:
        (signal,) = (s for s in samples(shaped(law)) if s["name"] == "cevns")
        found[law] = {m["type"]: m["data"] for m in signal["modifiers"] if m["name"] == name}
    assert set(found["linear"]) == {"histosys"}
    assert set(found["normsys"]) == {"histosys", "normsys"}
    total = sum(signal["data"])
    for side in ("hi", "lo"):
        plain, split = (np.array(found[law]["histosys"][f"{side}_data"]) for law in ("linear", "normsys"))
        ratio = found["normsys"]["normsys"][side]
        assert ratio == pytest.approx(plain.sum() / total, rel=1e-7)
        assert split.sum() == pytest.approx(total, rel=1e-6)
        np.testing.assert_allclose(split * ratio, plain, rtol=1e-6)


@pytest.mark.parametrize("law", LAWS)
def test_shaped_workspaces_are_valid_and_sorted(law: str) -> None:
    workspace = shaped(law)
    pyhf.schema.validate(workspace, "workspace.json")
    assert json.dumps(pyhf.Workspace.sorted(pyhf.Workspace(workspace))) == json.dumps(pyhf.Workspace(workspace))
    assert digest(workspace) == pyhf.utils.digest(pyhf.Workspace(workspace))


def test_a_shape_of_nothing_has_ratio_one_and_no_shape() -> None:
    template = Template(np.zeros(2), {"shape": (np.ones(2), np.zeros(2))})
    first, second = signal_modifiers("normsys", {}, template)
    assert first == {"name": "shape", "type": "histosys", "data": {"hi_data": [0.0, 0.0], "lo_data": [0.0, 0.0]}}
    assert second == {"name": "shape", "type": "normsys", "data": {"hi": 1.0, "lo": 1.0}}


@pytest.mark.parametrize("name", ["coherent_csi", "eves", "texono", "global"])
def test_pyhf_agrees_on_the_companions(name: str) -> None:
    """Value of 2NLL at the start, and half a standard deviation away."""
    workspace = load_analysis(name).workspace
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    model = pyhf.Workspace(workspace).model(measurement_name="new_physics")
    data = pyhf.Workspace(workspace).data(model)
    for step in (0.0, 0.5):
        ours = likelihood.init + np.where(likelihood.init == 0, step, 0.0)
        place = {name: i for i, name in enumerate(likelihood.parameters)}
        theirs = [ours[place[name]] for name in model.config.par_names]
        expected = -2 * float(model.logpdf(theirs, data)[0])
        assert float(likelihood.twice_nll(ours)[0]) == pytest.approx(expected, rel=1e-11)


def test_combined_and_single_workspaces_of_one_source_agree() -> None:
    parts = [load_analysis(name).workspace for name in ("xenonnt_er", "lz_ws2022_er", "pandax4t_run0_er")]
    combined = pyhf.Workspace(parts[0])
    for part in parts[1:]:
        combined = pyhf.Workspace.combine(combined, pyhf.Workspace(part), join="outer")
    assert pyhf.utils.digest(pyhf.Workspace.sorted(combined)) == digest(load_analysis("eves").workspace)
