"""``experiments`` and ``spectrum``: what goes in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.cli.runs import printed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
STATUSES = {"measured", "published", "computed", "reconstructed", "recalled"}


def content(run: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(printed(run))


# ---------------------------------------------------------------------------------------------- experiments


def test_experiments_lists_what_is_shipped(spec_builder: Command) -> None:
    from spec_builder.experiments.reading import shipped_experiments

    lines = printed(spec_builder("experiments")).splitlines()
    assert [line.split()[0] for line in lines] == list(shipped_experiments())
    found = content(spec_builder("experiments", "--json"))["experiments"]
    listed = {entry["name"]: entry["variants"] for entry in found}
    assert listed["pandax4t"] == ["ce_rich", "md_rich", "poisson_response", "charge_yield"]
    assert listed["xenonnt"] == ["absolute_normalisation", "charge_yield"]
    assert listed["coherent_csi"] == ["collaboration_normalisation", "response_shapes"]
    assert set(listed) == set(shipped_experiments())


@pytest.mark.parametrize(("name", "events"), [("xenonnt", [16, 14, 7]), ("pandax4t", [73, 44, 29, 44, 41, 38, 28, 35])])
def test_one_experiment_in_full_with_sources_and_statuses(spec_builder: Command, name: str, events: list[int]) -> None:
    about = content(spec_builder("experiments", name, "--json"))
    assert about["observed"] == events
    assert {"observed", "backgrounds"} <= set(about["tables"])
    assert {table["status"] for table in about["tables"].values()} <= STATUSES
    text = printed(spec_builder("experiments", name))
    for what, table in about["tables"].items():
        assert table["source"]
        source = re.escape(table["source"].removeprefix(f"{table['status']}: "))
        assert re.search(rf"^ +{what} +{table['status']}: {source}$", text, flags=re.MULTILINE)
    for reference in about["references"]:
        assert reference in text
    assert about["by_construction"] in text


def test_an_experiment_is_shown_by_its_path(spec_builder: Command) -> None:
    folder = ROOT / "data" / "experiments" / "xenonnt"
    assert printed(spec_builder("experiments", folder)) == printed(spec_builder("experiments", "xenonnt"))


# ---------------------------------------------------------------------------------------------- spectrum


def test_spectrum_in_text_and_json_agree(spec_builder: Command) -> None:
    arguments = ("spectrum", "--energies", "0.1,0.3,1")
    result = content(spec_builder(*arguments, "--json"))
    assert result["energies_keV"] == [0.1, 0.3, 1.0]
    assert result["unit"] == "events/(t yr keV)"
    assert result["interaction"] == "sm"
    assert result["rate"] == result["standard_model"]
    assert sorted(result["rate"], reverse=True) == result["rate"]
    head, _, *rows = printed(spec_builder(*arguments)).splitlines()
    assert "events/(t yr keV)" in head
    table = np.array([[float(word) for word in row.split()] for row in rows])
    np.testing.assert_allclose(table[:, 0], result["energies_keV"])
    np.testing.assert_allclose(table[:, 1], result["rate"], rtol=1e-5)


def test_spectrum_of_a_grid_is_log_spaced(spec_builder: Command) -> None:
    result = content(spec_builder("spectrum", "--energies", "0.01:1:3", "--json"))
    assert result["energies_keV"] == [0.01, 0.1, 1.0]


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_spectrum_splits_new_physics_from_the_standard_model(spec_builder: Command, interaction: str) -> None:
    point = ("--interaction", interaction, "--mass", "10", "--coupling", "1e-4")
    result = content(spec_builder("spectrum", "--energies", "0.5,1,2", *point, "--json"))
    plain = content(spec_builder("spectrum", "--energies", "0.5,1,2", "--json"))
    assert (result["mass_MeV"], result["coupling"]) == (10.0, 1e-4)
    np.testing.assert_allclose(result["standard_model"], plain["rate"], rtol=1e-12)
    np.testing.assert_allclose(result["rate"], np.add(result["standard_model"], result["new_physics"]), rtol=1e-12)
    assert all(value != 0 for value in result["new_physics"])
    head = printed(spec_builder("spectrum", "--energies", "1", *point)).splitlines()[0]
    assert f"interaction {interaction}, mass 10 MeV, coupling 0.0001" in head


def test_spectrum_of_a_mediator_far_too_heavy_is_the_standard_model(spec_builder: Command) -> None:
    point = ("--interaction", "scalar", "--mass", "1e49", "--coupling", "1")
    result = content(spec_builder("spectrum", "--energies", "0.5,1,2", *point, "--json"))
    assert max(result["new_physics"]) < 1e-100


def test_spectrum_choices_change_the_rate_and_are_named(spec_builder: Command) -> None:
    plain = content(spec_builder("spectrum", "--energies", "1", "--json"))["rate"][0]
    hep = content(spec_builder("spectrum", "--energies", "1", "--hep", "--json"))
    assert plain < hep["rate"][0] < 1.02 * plain
    assert hep["hep"] is True
    angle = content(spec_builder("spectrum", "--energies", "1", "--sin2thetaw", "0.3", "--json"))
    assert angle["rate"][0] > plain  # the weak charge of xenon grows in size with sin2thetaw
    assert angle["sin2_theta_w"] == 0.3
