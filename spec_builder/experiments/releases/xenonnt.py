"""XENONnT's release of 2026 as an experiment folder: 81 bins a run, with the yields as shape parameters.

The release (doi:10.5281/zenodo.20576156, arXiv:2604.06002, CC-BY-4.0) holds for each recoil energy and each pair of
yield parameters (t_ly, t_qy) the probability of every bin. Two models are made of it: that of the analysis of 2024
(arXiv:2408.02877) and that of 2026.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.arguments import check_known, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.output import Output
from spec_builder.experiments.reading import load_experiment
from spec_builder.experiments.releases.xenonnt_files import BINS, ENERGIES_KEV, pinned_digests, read_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.experiments.releases.xenonnt_files import RunFiles, Yields

__all__ = ["MODELS", "Model", "import_xenonnt"]

_RELEASE = (
    "XENON Collaboration, cevns_data_release revision 60d230dd7a56, doi:10.5281/zenodo.20576156 (arXiv:2604.06002)"
)
_LICENCE = "CC-BY-4.0"
_ATTRIBUTION = "XENON Collaboration, cevns_data_release, doi:10.5281/zenodo.20576156; changed: made into a pyhf model"
#: Tonne-years (doi:10.5281/zenodo.20576156, plot.ipynb).
_EXPOSURES = {"sr0": 1.174398, "sr1": 2.342593, "sr2": 3.249665}
#: Background by the release's name for it.
_BACKGROUNDS = {"accidental": "ac", "electron_recoil": "er", "neutron": "rg"}
#: Bins of the three observables behind cS2, in one axis.
_CLASSES = 27


@dataclass(frozen=True)
class Model:
    """Choices with which the release becomes a likelihood.

    Attributes:
        name: of the experiment.
        title: for figures and tables.
        references: beside the release.
        runs: in order.
        yields: (t_ly, t_qy) of the nominal response; the shape parameters move them by one.
        efficiency: relative uncertainty of the signal.
        efficiency_source: where that number comes from.
        accidental: relative uncertainty by run.
        accidental_source: where these numbers come from.
        shared_source: where those of electron recoils and neutrons come from.
        notes: what agrees with something because it was chosen to, and what is assumed.
    """

    name: str
    title: str
    references: tuple[str, ...]
    runs: tuple[str, ...]
    yields: Yields
    efficiency: float
    efficiency_source: str
    accidental: Mapping[str, float]
    accidental_source: str
    shared_source: str
    notes: tuple[str, ...]

    @property
    def shapes(self) -> dict[str, tuple[Yields, Yields]]:
        """(t_ly, t_qy) at +1 and at -1 of each shape parameter."""
        light, charge = self.yields
        return {
            "light_yield": ((light + 1, charge), (light - 1, charge)),
            "charge_yield": ((light, charge + 1), (light, charge - 1)),
        }

    @property
    def nodes(self) -> list[Yields]:
        """Yield parameters whose templates are needed."""
        points = [self.yields, *(point for pair in self.shapes.values() for point in pair)]
        return sorted({node for point in points for node, _ in _neighbours(point)})


_NOTE_2024 = (
    "the yields (t_ly, t_qy) = (0, +1.75) of the response are those that return the 8B template of the 2024 analysis "
    "to 1 %"
)
_NOTE_EFFICIENCY = (
    "the uncertainty of the efficiency (11 %) is inferred: it is the one that returns the release's own "
    "spin-independent limits"
)
_NOTE_ASSUMED = (
    "assumed, not published: 5 % on the accidental background of SR2; 100 % on electron recoils and 58 % on neutrons "
    "as in the 2024 analysis"
)

#: By the word that chooses one.
MODELS: Mapping[str, Model] = {
    "2024": Model(
        name="xenonnt_2024",
        title="XENONnT SR0+SR1, 81 bins a run",
        references=("arXiv:2408.02877, Phys. Rev. Lett. 133 (2024) 191002", "arXiv:2409.17868"),
        runs=("sr0", "sr1"),
        yields=(0.0, 1.75),
        efficiency=0.25,
        efficiency_source="published with arXiv:2408.02877",
        accidental={"sr0": 0.0904, "sr1": 0.0576},
        accidental_source="published with arXiv:2408.02877",
        shared_source="published with arXiv:2408.02877",
        notes=(_NOTE_2024,),
    ),
    "2026": Model(
        name="xenonnt_2026",
        title="XENONnT SR0+SR1+SR2, 81 bins a run",
        references=(),
        runs=("sr0", "sr1", "sr2"),
        yields=(0.0, 0.0),
        efficiency=0.11,
        efficiency_source="inferred: the release's own spin-independent limits come out with it (with 0.25 they are "
        "15 to 23 % weaker)",
        accidental={"sr0": 0.0904, "sr1": 0.0576, "sr2": 0.05},
        accidental_source="SR0 and SR1 published with arXiv:2408.02877; SR2 assumed (0.03 to 0.10 move limits by "
        "less than 1 %)",
        shared_source="assumed to be those of the 2024 analysis (arXiv:2408.02877)",
        notes=(_NOTE_EFFICIENCY, _NOTE_ASSUMED),
    ),
}

_LIMITS_REASON = (
    "under linear the efficiency and the two yields add up and can take the whole signal away, so that a signal of "
    "light mediators cancels itself and islands appear in its limits"
)


@checked
def import_xenonnt(
    release: str | PathLike[str],
    model: str,
    output: str | PathLike[str],
    *,
    force: bool = False,
    digests: Mapping[str, str] | None = None,
) -> Experiment:
    """Write an experiment folder from XENONnT's release of 2026.

    Args:
        release: folder of the release, as downloaded.
        model: ``2024`` or ``2026``.
        output: folder to write.
        force: replace its files where they exist.
        digests: SHA-256 of the release's files by name; None for those that were published.

    Returns:
        The experiment, read back from what was written.

    Raises:
        SpecBuilderError: for an unknown model, a file of the release that is missing or not the released one, or an
            output that exists.
    """
    release, output = Path(release), Path(output)
    check_known("model", model, MODELS)
    if not release.is_dir():
        raise SpecBuilderError(f"{release}: no such folder, expected XENONnT's release (doi:10.5281/zenodo.20576156)")
    chosen = MODELS[model]
    if output.exists() and not output.is_dir():
        raise SpecBuilderError(f"{output}: is no folder, expected the name of one to write to")
    to = Output(output, force)
    to.check(["experiment.toml"])
    pinned = pinned_digests() if digests is None else digests
    runs = {run: read_run(release, run, chosen.nodes, pinned) for run in chosen.runs}
    files = {name: text for run, content in runs.items() for name, text in _tables(chosen, run, content)}
    files["experiment.toml"] = _description(chosen, runs)  # the last to be written: without it there is no experiment
    to.files(files)
    return load_experiment(str(output))


# ---------------------------------------------------------------- responses


def _neighbours(point: Yields) -> list[tuple[Yields, float]]:
    """Whole yield parameters around a point and the weight of each in linear interpolation."""
    light, charge = point
    low = math.floor(charge)
    share = charge - low
    return [((light, float(low)), 1 - share)] + ([((light, float(low + 1)), share)] if share else [])


def _response(content: RunFiles, point: Yields) -> FloatArray:
    """Probability of each bin at the yield parameters, shape (81, 46)."""
    weighted = [weight * content.efficiencies[node] for node, weight in _neighbours(point)]
    response: FloatArray = np.sum(weighted, axis=0)
    return response


# ---------------------------------------------------------------- tables


def _tables(model: Model, run: str, content: RunFiles) -> Iterator[tuple[str, str]]:
    """Name and text of each table of a run."""
    columns = {"bin": range(BINS), "observed": (int(count) for count in content.observed)}
    title = f"Observed events in 81 bins, {run.upper()}"
    yield (
        f"observed_{run}.csv",
        _table(title, f"data/{run}.csv, binning/{run}.yaml", "measured", "events", columns),
    )
    exposure = _EXPOSURES[run]
    expected = {name: content.backgrounds[kind] * exposure for name, kind in _BACKGROUNDS.items()}
    numbers = {name: map(_digits, values) for name, values in expected.items()}
    title = f"Expected background events in 81 bins, {run.upper()}"
    source = f"templates/{run}/ac, er and rg (at the median yields), times {exposure:g} t yr"
    yield f"backgrounds_{run}.csv", _table(title, source, "published", "events", {"bin": range(BINS), **numbers})
    yield f"response_{run}.csv", _response_table(model, run, content, model.yields)
    for shape, (up, down) in model.shapes.items():
        yield f"response_{run}_{shape}_up.csv", _response_table(model, run, content, up)
        yield f"response_{run}_{shape}_down.csv", _response_table(model, run, content, down)


def _response_table(model: Model, run: str, content: RunFiles, point: Yields) -> str:
    response = _response(content, point)
    columns: dict[str, Iterable[object]] = {"recoil_energy_keV": (f"{energy:g}" for energy in ENERGIES_KEV)}
    columns |= {f"bin{i}": map(_digits, row) for i, row in enumerate(response)}
    light, charge = point
    interpolated = len(_neighbours(point)) > 1
    source = f"templates/{run}/mono at (t_ly, t_qy) = ({light:+g}, {charge:+g})"
    source += ", linear between the whole numbers beside it" if interpolated else ""
    return _table(
        f"Probability that a nuclear recoil is selected and falls into a bin, {run.upper()}, {model.name}",
        source,
        "computed" if interpolated else "published",
        "recoil_energy_keV: keV; bins: probability",
        columns,
    )


def _table(title: str, source: str, status: str, unit: str, columns: Mapping[str, Iterable[object]]) -> str:
    lines = [
        f"# title: {title}",
        f"# source: {_RELEASE}, {_LICENCE}; {source}",
        f"# status: {status}",
        f"# unit: {unit}",
        f"# licence: {_LICENCE}, attribution to the XENON Collaboration",
        ",".join(columns),
    ]
    lines += [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def _digits(value: float) -> str:
    """Eight significant digits."""
    return f"{value:.8g}"


# ---------------------------------------------------------------- description


def _description(model: Model, runs: Mapping[str, RunFiles]) -> str:
    """``experiment.toml``."""
    references = (*model.references, f"doi:10.5281/zenodo.20576156 ({_LICENCE})", "arXiv:2604.06002")
    data_sets = [f"xenonnt_{run}_cevns" for run in model.runs]
    head = f"""\
# Made from XENONnT's release of 2026: {_RELEASE},
# {_LICENCE}, attribution to the XENON Collaboration.

name = "{model.name}"
title = "{model.title}"
references = {_texts(references)}
licence = "{_LICENCE}"
attribution = "{_ATTRIBUTION}"
# the same events stand in every analysis of these runs
data_sets = {_texts(data_sets)}
by_construction = {_texts(model.notes)}

[limits]
law = "normsys"
reason = "{_LIMITS_REASON}"
"""
    return head + "".join(_channel(model, run, content) for run, content in runs.items())


def _channel(model: Model, run: str, content: RunFiles) -> str:
    edges = [[float(edge) for edge in values] for values in content.edges]
    variations = "".join(
        f"""
[channels.response.variations.xenonnt_{shape}]
up = "response_{run}_{shape}_up.csv"
down = "response_{run}_{shape}_down.csv"
"""
        for shape in model.shapes
    )
    return f"""
# ---------------------------------------------------------------- {run}

[[channels]]
name = "xenonnt_{run}"
source = "solar_8b"
target = "xenon"
observed = "observed_{run}.csv"
background_table = "backgrounds_{run}.csv"

[[channels.runs]]
name = "{run}"
exposure_t_yr = {_EXPOSURES[run]}

[[channels.axes]]
name = "cS2"
unit = "PE"
edges = {edges[0]}

# Three bins of each of these, S2pre/dt outermost, with edges
# {edges[1]}
# {edges[2]}
# {edges[3]}
[[channels.axes]]
name = "S2pre/dt quantile, S1 BDT, S2 BDT"
unit = "class"
edges = {[float(i) for i in range(_CLASSES + 1)]}

[channels.response]
kind = "matrix"
tables = "response_{run}.csv"
{variations}
# flux: arXiv:2411.11749, below Eq. (17)
# efficiency: {model.efficiency_source}
[channels.signals.cevns]
uncertainties = {{ flux_8b = 0.12, xenonnt_efficiency = {model.efficiency} }}

# {model.accidental_source}
[channels.backgrounds.accidental]
uncertainties = {{ xenonnt_accidental_{run} = {model.accidental[run]} }}

# {model.shared_source}
[channels.backgrounds.electron_recoil]
uncertainties = {{ xenonnt_electron_recoil = 1.00 }}

# {model.shared_source}
[channels.backgrounds.neutron]
uncertainties = {{ xenonnt_neutron = 0.58 }}
"""


def _texts(texts: Iterable[str]) -> str:
    """A TOML list, a text a line."""
    return "[\n" + "".join(f'  "{text}",\n' for text in texts) + "]"
