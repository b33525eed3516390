"""What an experiment is made of, and how it is scaled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spec_builder.experiments.reading import load_experiment
from spec_builder.model.signal import signal_kernel


def test_edges_that_runs_share() -> None:
    (pandax4t,), (xenonnt,) = load_experiment("pandax4t").channels, load_experiment("xenonnt").channels
    common = pandax4t.axes[0].common_edges
    assert common is not None
    np.testing.assert_array_equal(common, np.arange(4.0, 8.1, 0.5))
    assert xenonnt.axes[0].common_edges is None
    assert (pandax4t.axes[0].bins, xenonnt.axes[0].bins) == (8, 3)


def test_exposure_has_the_unit_of_the_source() -> None:
    (channel,) = load_experiment("xenonnt").channels
    assert (channel.exposure_key, channel.exposure_unit) == ("exposure_t_yr", "t yr")
    assert channel.exposure == pytest.approx(3.516991)
    fluence = replace(channel, source=replace(channel.source, kind="fluence"))
    assert (fluence.exposure_key, fluence.exposure_unit) == ("exposure_t", "t")


@pytest.mark.parametrize("variant", [None, "absolute_normalisation", "charge_yield"])
def test_everything_goes_with_the_exposure(variant: str | None) -> None:
    plain = load_experiment("xenonnt", variant)
    longer = plain.scaled(exposure=10)
    before, after = (signal_kernel(e.channels[0]).standard_model() for e in (plain, longer))
    np.testing.assert_allclose(after, 10 * before, rtol=1e-12)
    for one, ten in zip(plain.channels[0].backgrounds, longer.channels[0].backgrounds, strict=True):
        np.testing.assert_allclose(ten.expected, 10 * one.expected)
        assert ten.uncertainties == one.uncertainties
    assert longer.channels[0].exposure == pytest.approx(35.16991)


def test_scaled_counts_are_said_to_be_none() -> None:
    longer = load_experiment("xenonnt").scaled(exposure=1.5)
    assert longer.channels[0].observed.tolist() == [24, 21, 10]  # 10.5 to the even number
    assert longer.sources["observed"].startswith("observed counts times 1.5, rounded: no data of such an exposure")
    assert longer.sources["backgrounds"] == load_experiment("xenonnt").sources["backgrounds"]


def test_a_background_may_have_a_factor_of_its_own() -> None:
    plain = load_experiment("xenonnt")
    cleaner = plain.scaled(exposure=2, backgrounds={"accidental": 0.1})
    ratio = {
        one.name: float(two.expected.sum() / one.expected.sum())
        for one, two in zip(plain.channels[0].backgrounds, cleaner.channels[0].backgrounds, strict=True)
    }
    assert ratio == pytest.approx({"accidental": 0.2, "neutron": 2.0, "electron_recoil": 2.0})


def test_absolute_uncertainties_go_with_their_background() -> None:
    (channel,) = load_experiment("pandax4t").channels
    absolute = replace(channel.backgrounds[0], absolute_uncertainties={"extra": 3.0})
    scaled = replace(channel, backgrounds=(absolute,)).scaled(4.0)
    assert scaled.backgrounds[0].absolute_uncertainties == {"extra": 12.0}
