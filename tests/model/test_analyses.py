"""Named analyses, and what the first measurement of each measures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec_builder.base.errors import UnknownNameError
from spec_builder.experiments.reading import shipped_experiments
from spec_builder.model.analyses import measurement_kind, measurement_kinds, named_analyses
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.targets import load_target


def test_named_analyses() -> None:
    names = {name: named.experiments for name, named in named_analyses().items()}
    assert names == {
        "combined": ("xenonnt", "pandax4t"),
        "eves": ("xenonnt_er", "lz_ws2022_er", "pandax4t_run0_er"),
        "eves_all": ("xenonnt_er", "lz_ws2022_er", "lz_ws2024_er", "pandax4t_run0_er", "pandax4t_run1_er"),
        "global": (
            "xenonnt", "pandax4t", "coherent_csi", "xenonnt_er", "lz_ws2022_er", "pandax4t_run0_er", "texono",
        ),
    }  # fmt: skip
    assert not set(names) & set(shipped_experiments())


@pytest.mark.parametrize(
    ("name", "measurement", "parameters", "masses"),
    [
        ("combined", "b8_flux", ["flux", "sin2thetaw"], (0.01, 1000)),
        ("xenonnt", "b8_flux", ["flux", "sin2thetaw"], (0.01, 1000)),
        ("coherent_csi", "cevns_count", ["count", "signal", "sin2thetaw"], (0.01, 1000)),
        ("eves", "eves_pp_flux", ["flux_pp", "sin2thetaw"], (0.001, 1000)),
        ("texono", "event_rate", ["rate", "sin2thetaw"], (0.001, 1000)),
        ("global", "b8_flux", ["flux", "sin2thetaw"], (0.001, 1000)),
        ("coherent_csi+xenonnt", "b8_flux", ["flux", "sin2thetaw"], (0.01, 1000)),
    ],
)
def test_what_is_measured(name: str, measurement: str, parameters: list[str], masses: tuple[float, float]) -> None:
    analysis = load_analysis(name)
    assert [m["name"] for m in analysis.workspace["measurements"]] == [measurement, "new_physics"]
    assert list(analysis.parameters) == parameters
    assert analysis.masses_MeV == masses


def test_references_of_what_is_measured() -> None:
    assert load_analysis("xenonnt").measurable("flux").reference == pytest.approx(5.46)
    assert load_analysis("eves").measurable("flux_pp").reference == pytest.approx(5.98)
    assert load_analysis("coherent_csi").measurable("count").reference == pytest.approx(310.1, abs=0.1)
    assert load_analysis("texono").measurable("rate").reference == 1.0


def test_unknown_parameter() -> None:
    message = "parameter 'flux' is unknown in eves, expected one of flux_pp, sin2thetaw"
    with pytest.raises(UnknownNameError, match=message) as caught:
        load_analysis("eves").measurable("flux")
    assert caught.value.name == "flux"


def test_measurements_are_in_the_alphabets_order() -> None:
    """pyhf sorts them, and the first one is what its verbs take."""
    names = [*(kind.name for kind in measurement_kinds()), measurement_kind(frozenset({"mu_zebra"})).name]
    assert all(name < "new_physics" for name in names)


def test_a_source_of_ones_own_is_measured_too() -> None:
    kind = measurement_kind(frozenset({"mu_mine"}))
    assert (kind.name, kind.factor, kind.held) == ("measure_mine", "mu_mine", "source")


def test_what_is_measured_has_no_prior_on_its_size_whatever_that_is_called() -> None:
    """As of a source of one's own whose factor is ``mu_chromium`` and whose size has the uncertainty ``flux_line``."""
    analysis = load_analysis("xenonnt")
    (experiment,) = analysis.experiments
    (channel,) = experiment.channels
    (component,), (signal,) = channel.source.components, channel.signals
    source = replace(channel.source, components=(replace(component, parameter="flux_line"),))
    sizes = {("flux_line" if name == "flux_8b" else name): size for name, size in signal.uncertainties.items()}
    for factor in ("mu_8b", "mu_chromium"):
        other = replace(channel, source=source, signals=(replace(signal, factor=factor, uncertainties=sizes),))
        renamed = replace(analysis, experiments=(replace(experiment, channels=(other,)),))
        assert renamed.measured.held == {"flux_line"}


def test_a_cross_section_is_one_on_one_target() -> None:
    analysis = load_analysis("coherent_csi")
    (experiment,) = analysis.experiments
    (channel,) = experiment.channels
    argon = replace(channel, name="argon", target=load_target("argon"))
    both = replace(analysis, experiments=(replace(experiment, channels=(channel, argon)),))
    assert analysis.cross_section_cm2 is not None
    assert both.cross_section_cm2 is None
