"""XENONnT's release becomes an experiment folder; what is wrong with a release is said in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.tables import read_table
from spec_builder.experiments.consistency import check_data_sets
from spec_builder.experiments.reading import load_experiment
from spec_builder.experiments.releases.xenonnt import import_xenonnt
from spec_builder.experiments.releases.xenonnt_files import ENERGIES_KEV
from spec_builder.experiments.response import MatrixResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.experiments.response import Response

pytest.importorskip("h5py")

SHARES = (np.arange(81) + 1.0) / (81 * 82 / 2)


@pytest.fixture(scope="module")
def experiments(made_up: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Experiment]:
    folder = tmp_path_factory.mktemp("made")
    return {
        model: import_xenonnt(made_up.folder, model, folder / model, digests=made_up.digests)
        for model in ("2024", "2026")
    }


def probabilities(response: Response) -> FloatArray:
    assert isinstance(response, MatrixResponse)
    (selection,) = response.selections
    assert selection.recoil_energy_keV.tolist() == list(ENERGIES_KEV)
    return selection.probability


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize(("model", "runs", "events"), [("2024", 2, [9, 28]), ("2026", 3, [9, 28, 25])])
def test_an_experiment_has_a_channel_of_81_bins_for_each_run(
    experiments: dict[str, Experiment], model: str, runs: int, events: list[int]
) -> None:
    experiment = experiments[model]
    assert [channel.name for channel in experiment.channels] == [f"xenonnt_sr{i}" for i in range(runs)]
    assert [channel.bins for channel in experiment.channels] == [81] * runs
    assert [channel.observed.sum() for channel in experiment.channels] == events
    assert [channel.exposure for channel in experiment.channels] == [1.174398, 2.342593, 3.249665][:runs]


def test_events_fall_into_their_bins_upper_edges_included(experiments: dict[str, Experiment]) -> None:
    observed = experiments["2026"].channels[0].observed
    assert (observed[0], observed[80], observed.sum()) == (7, 2, 9)


def test_backgrounds_are_rates_times_the_exposure(experiments: dict[str, Experiment]) -> None:
    channel = experiments["2024"].channels[1]
    expected = {background.name: background.expected for background in channel.backgrounds}
    for name, rate in (("accidental", 6.0), ("electron_recoil", 0.1), ("neutron", 0.15)):
        assert expected[name] == pytest.approx(2.342593 * rate * SHARES, rel=1e-7)


@pytest.mark.parametrize(("model", "charge"), [("2024", 1.75), ("2026", 0.0)])
def test_responses_and_their_variations_are_those_of_the_yields(
    experiments: dict[str, Experiment], model: str, charge: float
) -> None:
    nominal = 0.5 * np.outer(SHARES, (np.array(ENERGIES_KEV) / 5) ** 2)
    for channel in experiments[model].channels:
        assert probabilities(channel.response) == pytest.approx(nominal * (1 + 0.1 * charge), rel=1e-7)
        up, down = channel.variations["xenonnt_light_yield"]
        assert probabilities(up) == pytest.approx(nominal * 1.2 * (1 + 0.1 * charge), rel=1e-7)
        assert probabilities(down) == pytest.approx(nominal * 0.8 * (1 + 0.1 * charge), rel=1e-7)
        up, down = channel.variations["xenonnt_charge_yield"]
        assert probabilities(up) == pytest.approx(nominal * (1 + 0.1 * (charge + 1)), rel=1e-7)
        assert probabilities(down) == pytest.approx(nominal * (1 + 0.1 * (charge - 1)), rel=1e-7)


@pytest.mark.parametrize(
    ("model", "efficiency", "accidental"), [("2024", 0.25, [0.0904, 0.0576]), ("2026", 0.11, [0.0904, 0.0576, 0.05])]
)
def test_uncertainties_are_the_model_s(
    experiments: dict[str, Experiment], model: str, efficiency: float, accidental: list[float]
) -> None:
    for channel, size in zip(experiments[model].channels, accidental, strict=True):
        run = channel.runs[0].name
        (signal,) = channel.signals
        assert signal.uncertainties == {"flux_8b": 0.12, "xenonnt_efficiency": efficiency}
        assert {background.name: background.uncertainties for background in channel.backgrounds} == {
            "accidental": {f"xenonnt_accidental_{run}": size},
            "electron_recoil": {"xenonnt_electron_recoil": 1.0},
            "neutron": {"xenonnt_neutron": 0.58},
        }


def test_the_same_events_stand_in_an_analysis_once(experiments: dict[str, Experiment]) -> None:
    everything = [load_experiment("xenonnt"), experiments["2024"], experiments["2026"]]
    for i, first in enumerate(everything):
        for second in everything[i + 1 :]:
            with pytest.raises(SpecBuilderError, match=f"{first.name} and {second.name} hold the same data"):
                check_data_sets([first, second])
    check_data_sets([load_experiment("pandax4t"), experiments["2026"]])


def test_what_is_inferred_and_what_is_assumed_travels_with_the_experiment(experiments: dict[str, Experiment]) -> None:
    assert "(0, +1.75)" in " ".join(experiments["2024"].by_construction)
    notes = " ".join(experiments["2026"].by_construction)
    assert "11 %) is inferred" in notes
    assert "assumed, not published: 5 %" in notes


def test_limits_need_the_law_normsys(experiments: dict[str, Experiment]) -> None:
    for experiment in experiments.values():
        assert experiment.limits_law is not None
        assert experiment.limits_law.law == "normsys"
        assert "islands" in experiment.limits_law.reason


def test_every_table_has_source_licence_and_status(experiments: dict[str, Experiment]) -> None:
    e = experiments["2024"]
    assert e.licence == "CC-BY-4.0"
    assert e.attribution.startswith("XENON Collaboration, cevns_data_release, doi:10.5281/zenodo.20576156")
    assert len(e.statuses) == 2 * 7
    assert all(
        "doi:10.5281/zenodo.20576156" in source and "XENON Collaboration" in source for source in e.sources.values()
    )
    assert e.statuses["xenonnt_sr0.observed"] == "measured"
    assert e.statuses["xenonnt_sr0.response_sr0"] == "computed"
    assert experiments["2026"].statuses["xenonnt_sr0.response_sr0"] == "published"
    table = read_table(e.folder / "backgrounds_sr1.csv", columns=("bin", "accidental", "electron_recoil", "neutron"))
    assert table.metadata["licence"] == "CC-BY-4.0, attribution to the XENON Collaboration"


# ---------------------------------------------------------------- what is refused


def test_an_unknown_model_and_a_folder_that_is_not_there(made_up: Any, tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match="model '2025' is unknown, expected one of 2024, 2026"):
        import_xenonnt(made_up.folder, "2025", tmp_path / "new")
    with pytest.raises(SpecBuilderError, match="no such folder, expected XENONnT's release"):
        import_xenonnt(tmp_path / "nothing", "2024", tmp_path / "new")


def test_nothing_is_overwritten_without_being_told_to(made_up: Any, tmp_path: Path) -> None:
    output = tmp_path / "new"
    import_xenonnt(made_up.folder, "2024", output, digests=made_up.digests)
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    with pytest.raises(SpecBuilderError, match="exists already"):
        import_xenonnt(made_up.folder, "2024", output, digests=made_up.digests)
    import_xenonnt(made_up.folder, "2024", output, digests=made_up.digests, force=True)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(SpecBuilderError, match="is no folder"):
        import_xenonnt(made_up.folder, "2024", tmp_path / "file", digests=made_up.digests)


# ---------------------------------------------------------------- the real release


@pytest.mark.parametrize(("model", "events"), [("2024", 37), ("2026", 62)])
def test_the_published_release_is_imported_and_stays_small(
    imported: Callable[[str], Experiment], model: str, events: int
) -> None:
    experiment = imported(model)
    assert sum(channel.observed.sum() for channel in experiment.channels) == events
    assert sum(path.stat().st_size for path in experiment.folder.iterdir()) < 1e6


def test_the_projection_of_2024_is_the_shipped_response(imported: Callable[[str], Experiment]) -> None:
    """Three bins of cS2: the shipped tables were made of the same templates."""
    shipped = load_experiment("xenonnt").channels[0]
    assert isinstance(shipped.response, MatrixResponse)
    for channel, selection in zip(imported("2024").channels, shipped.response.selections, strict=True):
        projected = probabilities(channel.response).reshape(3, 27, -1).sum(axis=1)
        assert projected == pytest.approx(selection.at(np.array(ENERGIES_KEV)), rel=1e-6)
    observed = sum(channel.observed.reshape(3, 27).sum(axis=1) for channel in imported("2024").channels)
    assert observed == pytest.approx(shipped.observed)
    accidental = sum(
        channel.backgrounds[0].expected.reshape(3, 27).sum(axis=1) for channel in imported("2024").channels
    )
    assert accidental == pytest.approx(shipped.backgrounds[0].expected, rel=1e-6)
