"""The experiments that come with the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError, UnknownNameError
from spec_builder.base.files import data_path
from spec_builder.base.tables import STATUSES
from spec_builder.experiments.description import Signal
from spec_builder.experiments.reading import experiment_folder, load_experiment, shipped_experiments
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path

#: Observed counts: arXiv:2408.02877 (XENONnT), arXiv:2407.10892 with its data release (PandaX-4T).
OBSERVED = {"xenonnt": [16, 14, 7], "pandax4t": [73, 44, 29, 44, 41, 38, 28, 35]}
VARIANTS = {
    "xenonnt": {"absolute_normalisation", "charge_yield"},
    "pandax4t": {"ce_rich", "md_rich", "poisson_response", "charge_yield"},
}
EVERY_CHOICE = [(name, variant) for name in VARIANTS for variant in (None, *sorted(VARIANTS[name]))]


COMPANIONS = (
    "coherent_csi", "lz_ws2022_er", "lz_ws2024_er", "pandax4t_run0_er", "pandax4t_run1_er", "texono", "xenonnt_er"
)  # fmt: skip


def test_names() -> None:
    assert shipped_experiments() == tuple(sorted(("pandax4t", "xenonnt", *COMPANIONS)))


@pytest.mark.parametrize("name", OBSERVED)
def test_observed_counts(name: str) -> None:
    assert load_experiment(name).channels[0].observed.tolist() == OBSERVED[name]


# arXiv:2411.11749, below Eq. (17)
def test_uncertainties_of_the_paper() -> None:
    xenonnt, pandax4t = (load_experiment(name).channels[0] for name in ("xenonnt", "pandax4t"))
    assert xenonnt.signals == (Signal("cevns", None, "mu_8b", {"flux_8b": 0.12, "xenonnt_fiducial": 0.05}),)
    assert pandax4t.signals[0].uncertainties == {"flux_8b": 0.12, "pandax4t_signal": 0.22}
    assert {b.name: list(b.uncertainties.values()) for b in xenonnt.backgrounds} == {
        "accidental": [0.048],
        "neutron": [0.5],
        "electron_recoil": [1.0],
    }
    assert {b.name: list(b.uncertainties.values()) for b in pandax4t.backgrounds} == {
        "cathode": [0.31],
        "micro_discharge": [0.23],
    }


def test_experiments_share_the_flux_alone() -> None:
    nuisances = []
    for name in OBSERVED:
        (channel,) = load_experiment(name).channels
        nuisances.append({key for sample in channel.samples for key in sample.uncertainties})
    assert nuisances[0] & nuisances[1] == {"flux_8b"}


# total backgrounds: arXiv:2408.02877 (26.4 events) and 332 observed less the best-fit signal
def test_background_of_xenonnt() -> None:
    assert sum(b.expected.sum() for b in load_experiment("xenonnt").channels[0].backgrounds) == pytest.approx(
        26.4, abs=0.1
    )


@pytest.mark.parametrize("variant", ["ce_rich", "md_rich"])
def test_background_variants_move_the_share_of_the_components(variant: str) -> None:
    shares = {}
    for choice in (None, variant):
        expected = {b.name: b.expected.sum() for b in load_experiment("pandax4t", choice).channels[0].backgrounds}
        shares[choice] = expected["cathode"] / sum(expected.values())
    assert shares[None] == pytest.approx(0.36, abs=0.01)
    assert shares[variant] == pytest.approx({"ce_rich": 0.7, "md_rich": 0.2}[variant], abs=0.01)


@pytest.mark.parametrize(("name", "variant"), EVERY_CHOICE)
def test_every_choice_loads(name: str, variant: str | None) -> None:
    experiment = load_experiment(name, variant)
    assert (experiment.name, experiment.variant) == (name, variant)
    assert set(experiment.variants) == VARIANTS[name]
    assert experiment.bins == len(OBSERVED[name])
    (channel,) = experiment.channels
    assert all(channel.axes[0].edges[run.name].size == channel.bins + 1 for run in channel.runs)
    assert all(b.expected.shape == (channel.bins,) for b in channel.backgrounds)


@pytest.mark.parametrize(("name", "variant"), EVERY_CHOICE)
def test_every_table_has_a_status_and_a_source(name: str, variant: str | None) -> None:
    experiment = load_experiment(name, variant)
    assert set(experiment.statuses) == set(experiment.sources)
    assert {"observed", "backgrounds"} <= set(experiment.statuses)
    assert set(experiment.statuses.values()) <= set(STATUSES)
    assert all(experiment.sources.values())


def test_measured_and_reconstructed_are_kept_apart() -> None:
    xenonnt, pandax4t = load_experiment("xenonnt"), load_experiment("pandax4t")
    assert xenonnt.statuses == {
        "observed": "measured",
        "backgrounds": "measured",
        "response_sr0": "computed",
        "response_sr1": "computed",
    }
    assert pandax4t.statuses == {
        "observed": "measured",
        "backgrounds": "reconstructed",
        "response_us2": "reconstructed",
    }


@pytest.mark.parametrize(
    ("name", "variant", "expected"),
    [
        ("xenonnt", None, True),
        ("xenonnt", "absolute_normalisation", False),
        ("pandax4t", None, True),
        ("pandax4t", "ce_rich", False),
        ("pandax4t", "md_rich", False),
        ("pandax4t", "poisson_response", True),
    ],
)
def test_what_agrees_by_construction_says_so(name: str, variant: str | None, expected: bool) -> None:
    assert bool(load_experiment(name, variant).by_construction) is expected


def test_folder_of_the_user_is_an_experiment(tmp_path: Path) -> None:
    folder = copy_of("xenonnt", tmp_path / "mine")
    for path in (folder, folder / "experiment.toml"):
        mine = load_experiment(str(path))
        assert (mine.name, mine.folder) == ("mine", folder)
        np.testing.assert_array_equal(mine.channels[0].observed, load_experiment("xenonnt").channels[0].observed)


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_experiment("xenon1t")
    known = ", ".join(shipped_experiments())
    assert str(caught.value) == (
        f"experiment 'xenon1t' is unknown, expected one of {known}, or the path of a folder with an experiment.toml; "
        "did you mean 'xenonnt'?"
    )
    assert caught.value.name == "xenon1t"


def test_folder_without_a_description(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"expected a file experiment\.toml in this folder"):
        experiment_folder(str(tmp_path))


def test_shipped_names_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert experiment_folder("xenonnt") == data_path("experiments", "xenonnt")
