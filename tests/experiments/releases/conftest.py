"""A made-up release in the form of XENONnT's, and the real one where it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.experiments.releases.xenonnt import MODELS, import_xenonnt
from spec_builder.experiments.releases.xenonnt_files import ENERGIES_KEV, OBSERVABLES, OBSERVED_EVENTS, digests_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment

VARIABLE = "SPEC_BUILDER_XENONNT_RELEASE"
EDGES = [[90.0, 150.0, 240.0, 500.0], [0.0, 0.3, 0.6, 1.0], [0.0, 0.25, 0.5, 1.0], [0.8, 0.875, 0.9375, 1.0]]
#: Share of each bin; no two are alike.
SHARES: FloatArray = np.linspace(1.0, 81.0, 81) / (81 * 82 / 2)
BACKGROUNDS = {"ac": 6.0, "er": 0.1, "rg": 0.15}


def probability(energy: float, light: float, charge: float) -> FloatArray:
    """Of each bin, shape (81,): linear in the charge yield, so that its interpolation is exact."""
    return 0.5 * SHARES * ((energy / 5) ** 2 * (1 + 0.2 * light) * (1 + 0.1 * charge))


def histogram(path: Path, content: FloatArray) -> None:
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for i, edges in enumerate(EDGES):
            file[f"bins/{i}"] = np.array(edges)
        file["templates/template"] = content


def nodes_of(run: str) -> list[tuple[float, float]]:
    return sorted({node for model in MODELS.values() if run in model.runs for node in model.nodes})


def write_run(folder: Path, run: str) -> None:
    binning = folder / f"binning/{run}.yaml"
    binning.parent.mkdir(parents=True, exist_ok=True)
    pairs = zip(OBSERVABLES, EDGES, strict=True)
    binning.write_text("".join(f"{name}:\n" + "".join(f"- {edge:.12f}\n" for edge in edges) for name, edges in pairs))
    data = folder / f"data/{run}.csv"
    data.parent.mkdir(exist_ok=True)
    # two events in the last bin, one of them on its upper edges; the others in the first
    rows = ["500.0,1.0,1.0,1.0", "499.0,0.9,0.9,0.95"] + ["100.0,0.1,0.1,0.85"] * (OBSERVED_EVENTS[run] - 2)
    data.write_text("\n".join(["," + ",".join(OBSERVABLES), *(f"{i},{row}" for i, row in enumerate(rows))]) + "\n")
    templates = folder / "templates" / run
    for kind, total in BACKGROUNDS.items():
        yields = "_tly_0.0_tqy_0.0" if kind == "rg" else ""
        histogram(templates / kind / f"template_XENONnT_{run}_{kind}_cevns{yields}.h5", shaped(total * SHARES))
    for light, charge in nodes_of(run):
        for energy in ENERGIES_KEV:
            name = f"template_XENONnT_{run}_mono_{energy:.3f}_cevns_tly_{light:.1f}_tqy_{charge:.1f}.h5"
            histogram(templates / "mono" / name, shaped(probability(energy, light, charge)))


def shaped(values: FloatArray) -> FloatArray:
    return values.reshape(3, 3, 3, 3)


@dataclass(frozen=True)
class MadeUp:
    """A release that the tests wrote, and its digests."""

    folder: Path
    digests: dict[str, str]


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    folder = tmp_path_factory.mktemp("release")
    digests: dict[str, str] = {}
    for run in OBSERVED_EVENTS:
        write_run(folder, run)
        digests |= digests_of(folder, run, nodes_of(run))
    return MadeUp(folder, digests)


@pytest.fixture(scope="session")
def release() -> Path:
    """The real release."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"needs XENONnT's release (doi:10.5281/zenodo.20576156): give its folder in {VARIABLE}")
    pytest.importorskip("h5py")
    return Path(path)


@pytest.fixture(scope="session")
def imported(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Experiment]:
    """The real release as an experiment, made once for each model."""
    folder = tmp_path_factory.mktemp("imported")
    made: dict[str, Experiment] = {}

    def experiment(model: str) -> Experiment:
        if model not in made:
            made[model] = import_xenonnt(release, model, folder / model)
        return made[model]

    return experiment
