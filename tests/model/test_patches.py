"""Patch sets: names that can be read back, yields after patching, and what pyhf makes of them."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import jsonpatch
import numpy as np
import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.histfactory.patchset import patch_set_json
from spec_builder.inference.data import polynomial
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.model.analysis import load_analysis
from spec_builder.model.patches import STYLES, PatchBuilder, build_patch_set
from spec_builder.physics.interactions import choose
from tests.new_physics import new_physics

if TYPE_CHECKING:
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.signal import Template

NO_INTERFERENCE = ("scalar", "axial", "tensor")

MASSES = (0.5, 10.0, 250.0)

every_law = pytest.mark.parametrize("law", LAWS)

every_style = pytest.mark.parametrize("style", STYLES)

#: Every interaction, and both laws.
LAW_OF = {"scalar": "normsys", "vector_bl": "normsys", "tensor": "normsys", "axial": "linear"}

every_interaction = pytest.mark.parametrize(
    ("law", "interaction"),
    [*((law, name) for name, law in LAW_OF.items()), *((law, "vector_universal") for law in LAWS)],
)


@lru_cache
def analysis(law: str, name: str = "combined") -> Analysis:
    return load_analysis(name, law)


def couplings(interaction: str) -> list[float]:
    low, high = choose(interaction).default_range
    return [low, (low * high) ** 0.5]


@lru_cache
def patches(law: str, interaction: str, style: Any = "total") -> dict[str, Any]:
    """A patch set of six points in the combined analysis."""
    points = list(product(MASSES, couplings(interaction)))
    return build_patch_set(analysis(law), choose(interaction), points, style=style)


def applied(law: str, content: dict[str, Any]) -> list[tuple[float, float, dict[str, Any]]]:
    """Mass, g and the patched workspace of each patch, by pyhf."""
    read = pyhf.PatchSet(content)
    return [(*patch.values, read.apply(analysis(law).workspace, patch.name)) for patch in read]


def least(workspace: dict[str, Any], **held: float) -> float:
    """Profiled 2NLL of the measurement new_physics, or of signal_strength with mu_np held."""
    likelihood = Likelihood.from_workspace(workspace, "signal_strength" if held else "new_physics")
    start = likelihood.init.copy()
    for name, value in held.items():
        start[likelihood.index(name)] = value
    fits = minimise(likelihood, start=start, fixed=tuple(held))
    assert fits.valid.all()
    return float(fits.twice_nll[0])


# ---------------------------------------------------------------- what pyhf says


@every_style
@every_law
def test_pyhf_takes_the_set_for_its_workspace(law: str, style: str) -> None:
    content = patches(law, "vector_universal", style)
    read = pyhf.PatchSet(content)  # checked against pyhf's schema
    read.verify(analysis(law).workspace)
    assert read.labels == ["mass_MeV", "g"]
    assert len(read) == len(MASSES) * 2
    _, _, patched = applied(law, content)[-1]
    pyhf.Workspace(patched)


def test_a_point_is_found_by_typing_its_values() -> None:
    points = [(9.9999996, 2.5e-5), (1 / 3, 2.50000012e-5)]
    content = build_patch_set(analysis("normsys", "xenonnt"), choose("vector_bl"), points)
    read = pyhf.PatchSet(content)
    assert read[(10.0, 2.5e-5)].name == "vector_bl_m1p000e1_g2p500em5"
    assert read[(0.333333, 2.5e-5)].values == (0.333333, 2.5e-5)


@pytest.mark.parametrize("record", ["ins1234567", "ins0000000", None])
def test_hepdata_records(record: str | None) -> None:
    content = build_patch_set(analysis("normsys", "xenonnt"), choose("axial"), [(1.0, 1e-3)], hepdata=record)
    assert pyhf.PatchSet(content).references == {"hepdata": record or "ins0000000"}


def test_an_interaction_that_changes_nothing_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'vector' changes no yield of this analysis"):
        build_patch_set(analysis("normsys", "xenonnt"), choose("vector", u=0, d=0), [(1.0, 1e-5)])


def test_points_that_round_to_the_same_are_refused() -> None:
    with pytest.raises(SpecBuilderError, match="same to 6 digits"):
        build_patch_set(analysis("normsys", "xenonnt"), choose("axial"), [(1.0, 1e-3), (1.0000001, 1.0000002e-3)])


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize(("law", "style"), [("normsys", "total"), ("linear", "signal")])
def test_the_same_inputs_give_the_same_bytes(law: str, style: Any) -> None:
    choice, points = choose("tensor"), [(1.0, 1e-3), (20.0, 3e-3)]
    first, second = (
        patch_set_json(build_patch_set(load_analysis("xenonnt", law), choice, points, style=style)) for _ in range(2)
    )
    assert first == second


def test_the_text_has_a_line_for_each_patch() -> None:
    content = patches("normsys", "vector_universal")
    text = patch_set_json(content)
    assert json.loads(text) == content
    lines = [line.rstrip(",") for line in text.splitlines() if line.startswith('{"metadata":{"delta')]
    assert [json.loads(line) for line in lines] == content["patches"]


# ---------------------------------------------------------------- style total


def signal_samples(workspace: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["name"]: s for c in workspace["channels"] for s in c["samples"] if s["name"] == "cevns"}


@every_interaction
def test_total_replaces_the_signal_by_the_total_yield(law: str, interaction: str) -> None:
    for mass, g, patched in applied(law, patches(law, interaction)):
        polynomials = analysis(law).signal_yields(choose(interaction), np.array([mass]))
        for channel, sample in signal_samples(patched).items():
            n0, n1, n2 = polynomials[channel]["cevns"].nominal[:, 0]
            np.testing.assert_allclose(sample["data"], n0 + n1 * g**2 + n2 * g**4, rtol=5.0001e-8)
            assert [float(f"{events:.8g}") for events in sample["data"]] == sample["data"]


@every_law
def test_total_changes_nothing_else(law: str) -> None:
    def without_signal(workspace: dict[str, Any]) -> dict[str, Any]:
        copied: dict[str, Any] = json.loads(json.dumps(workspace))
        for sample in signal_samples(copied).values():
            del sample["data"]
            sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] != "histosys"]
        return copied

    before = without_signal(analysis(law).workspace)
    for _, _, patched in applied(law, patches(law, "vector_universal")):
        assert without_signal(patched) == before


def test_total_scales_histosys_with_the_rounded_yield() -> None:
    sizes = {c.name: c.signals[0].uncertainties for c in analysis("linear").channels}
    for _, _, patched in applied("linear", patches("linear", "vector_universal")):
        for channel, sample in signal_samples(patched).items():
            found = {m["name"]: m["data"] for m in sample["modifiers"] if m["type"] == "histosys"}
            assert found == {
                name: {
                    "hi_data": [events * (1 + size) for events in sample["data"]],
                    "lo_data": [events * (1 - size) for events in sample["data"]],
                }
                for name, size in sizes[channel].items()
            }


# ---------------------------------------------------------------- style signal


@every_interaction
def test_signal_has_the_same_2nll_as_total(law: str, interaction: str) -> None:
    total = applied(law, patches(law, interaction, "total"))
    signal = applied(law, patches(law, interaction, "signal"))
    for (mass, g, one), (mass_again, g_again, other) in zip(total, signal, strict=True):
        assert (mass, g) == (mass_again, g_again)
        assert least(other) == pytest.approx(least(one), rel=1e-7, abs=1e-5)


@every_interaction
def test_signal_has_a_measurement_of_its_strength(law: str, interaction: str) -> None:
    upper = 10.0 if interaction in NO_INTERFERENCE else 1.0
    for _, _, patched in applied(law, patches(law, interaction, "signal")):
        config = {m["name"]: m["config"] for m in patched["measurements"]}
        assert list(config) == ["b8_flux", "new_physics", "signal_strength"]
        strength = {name: next(p for p in c["parameters"] if p["name"] == "mu_np") for name, c in config.items()}
        for name, parameter in strength.items():
            assert parameter["bounds"] == [[0.0, upper]]
            assert parameter["inits"] == [1.0]
            assert parameter["fixed"] is (name != "signal_strength")
        assert config["signal_strength"]["poi"] == "mu_np"
        # the other parameters are those of new_physics
        others = [p for p in config["signal_strength"]["parameters"] if p["name"] != "mu_np"]
        assert others == [p for p in config["new_physics"]["parameters"] if p["name"] != "mu_np"]


@every_law
def test_no_signal_is_the_standard_model(law: str) -> None:
    expected = least(analysis(law).workspace)
    _, _, patched = applied(law, patches(law, "vector_universal", "signal"))[-1]
    assert least(patched, mu_np=0.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("interaction", NO_INTERFERENCE)
@pytest.mark.parametrize("ratio", [0.3, 0.8, 1.2, 1.7])
def test_strength_goes_with_the_fourth_power_of_the_coupling(interaction: str, ratio: float) -> None:
    """mu_np = (g / g_ref)^4, for the interactions that do not interfere with the Standard Model."""
    law = LAW_OF[interaction]
    likelihood, yields = new_physics(analysis(law), choose(interaction))
    for mass, reference, patched in applied(law, patches(law, interaction, "signal")):
        other = polynomial(yields(np.array([mass])), np.array([0]), np.array([ratio * reference]) ** 2).T
        expected = minimise(likelihood, sample="cevns", yields=other)
        assert expected.valid.all()
        assert least(patched, mu_np=ratio**4) == pytest.approx(expected.twice_nll[0], rel=1e-7, abs=1e-5)


def test_interference_makes_the_universal_vector_negative() -> None:
    read = applied("normsys", patches("normsys", "vector_universal", "signal"))
    lowest = {
        (mass, g): min(min(s["data"]) for c in patched["channels"] for s in c["samples"] if s["name"] == "new_physics")
        for mass, g, patched in read
    }
    # a coupling small enough for the interference to win
    smallest = min(couplings("vector_universal"))
    assert all(events < 0 for (_, g), events in lowest.items() if g == smallest)


# ---------------------------------------------------------------- several samples, shapes


def builder_of(of: Analysis, style: Any = "total") -> PatchBuilder:
    uncertainties = {c.name: {signal.name: signal.uncertainties for signal in c.signals} for c in of.channels}
    return PatchBuilder(of.workspace, of.law, style, uncertainties)


def templates_at(of: Analysis, interaction: str, mass: float, g: float) -> dict[str, dict[str, Template]]:
    yields = of.signal_yields(choose(interaction), np.array([mass]))
    return {channel: {name: y.template(g**2) for name, y in found.items()} for channel, found in yields.items()}


def patched_likelihood(of: Analysis, templates: dict[str, dict[str, Template]]) -> Likelihood:
    operations = builder_of(of).operations(templates)
    return Likelihood.from_workspace(jsonpatch.apply_patch(of.workspace, operations), "new_physics")


@every_law
def test_total_replaces_every_sample_of_the_signal(law: str) -> None:
    eves = load_analysis("eves", law)
    templates = templates_at(eves, "vector_universal", 1.0, 3e-6)
    changed = patched_likelihood(eves, templates)
    theta = changed.init[None]
    plain = Likelihood.from_workspace(eves.workspace, "new_physics").rates(theta)[0]
    place = changed.specification.channels
    for channel in eves.channels:
        added = sum(
            template.nominal - kernel.samples()[name]
            for kernel in eves.kernels
            if kernel.channel.name == channel.name
            for name, template in templates[channel.name].items()
        )
        found = changed.rates(theta)[0, place[channel.name]] - plain[place[channel.name]]
        np.testing.assert_allclose(found, added, rtol=1e-5, atol=1e-6)
        assert np.max(added) > 1


@every_law
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_total_replaces_the_shapes_too(law: str, side: float) -> None:
    """At one standard deviation of a shape parameter the patched workspace expects the template made there."""
    csi = load_analysis("coherent_csi", law, {"coherent_csi": "response_shapes"})
    templates = templates_at(csi, "axial", 10.0, 2e-3)
    (template,) = templates["coherent_csi"].values()
    changed = patched_likelihood(csi, templates)
    start = changed.rates(changed.init[None])[0]
    for name, sides in template.variations.items():
        theta = changed.init.copy()
        theta[changed.index(name)] = side
        moved = changed.rates(theta[None])[0] - start
        expected = sides[0 if side > 0 else 1] - template.nominal
        np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize(
    ("name", "variants"),
    [("eves", {}), ("coherent_csi", {"coherent_csi": "response_shapes"})],
    ids=["samples", "shape"],
)
def test_style_signal_needs_one_sample_without_shapes(name: str, variants: dict[str, str]) -> None:
    of = load_analysis(name, "normsys", variants)
    with pytest.raises(SpecBuilderError, match="patches of style 'signal' need one signal sample without shape"):
        builder_of(of, "signal").operations(templates_at(of, "axial", 10.0, 2e-3))
