"""The files of XENONnT's release of 2026 (doi:10.5281/zenodo.20576156), read and checked.

Histograms have four axes of three bins each; bins are listed with the first axis outermost.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.base.reading import read_bytes, read_text
from spec_builder.base.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray

__all__ = [
    "BINS",
    "ENERGIES_KEV",
    "OBSERVABLES",
    "RunFiles",
    "Yields",
    "digests_of",
    "pinned_digests",
    "read_run",
]

#: Observables in the order of the axes, as ``data/*.csv`` and ``binning/*.yaml`` call them.
OBSERVABLES = ("cs2", "s2_shadow_s2_time_shadow_quantile", "s1_bdt_score", "s2_bdt_score")
_SHAPE = (3, 3, 3, 3)
BINS = 81
#: Recoil energies that were simulated.
ENERGIES_KEV: tuple[float, ...] = tuple(round(0.1 * i, 1) for i in range(5, 51))
#: Events that each run observed (arXiv:2604.06002).
OBSERVED_EVENTS = {"sr0": 9, "sr1": 28, "sr2": 25}
#: Edges stand with 12 decimals in binning/*.yaml.
_EDGE_TOLERANCE = 1e-9

#: Yield parameters (t_ly, t_qy) in standard deviations from the median.
Yields = tuple[float, float]


@dataclass(frozen=True)
class RunFiles:
    """What the release says of one run.

    Attributes:
        edges: of each observable, four arrays of shape (4,).
        observed: counts, shape (81,).
        backgrounds: events per tonne-year by ``ac``, ``er`` and ``rg``, each of shape (81,).
        efficiencies: probability of each bin by yield parameters, each of shape (81, 46); columns are
            :data:`ENERGIES_KEV`.
    """

    edges: tuple[FloatArray, ...]
    observed: FloatArray
    backgrounds: Mapping[str, FloatArray]
    efficiencies: Mapping[Yields, FloatArray]


def _background_file(run: str, kind: str) -> str:
    """``rg`` was simulated at all yields; away from the median its templates differ by Monte Carlo noise."""
    yields = "_tly_0.0_tqy_0.0" if kind == "rg" else ""
    return f"templates/{run}/{kind}/template_XENONnT_{run}_{kind}_cevns{yields}.h5"


def _mono_file(run: str, energy: str, yields: Yields) -> str:
    light, charge = yields
    return f"templates/{run}/mono/template_XENONnT_{run}_mono_{energy}_cevns_tly_{light:.1f}_tqy_{charge:.1f}.h5"


def _mono_files(run: str, yields: Yields) -> list[str]:
    return [_mono_file(run, f"{energy:.3f}", yields) for energy in ENERGIES_KEV]


def _groups(run: str, nodes: Iterable[Yields]) -> dict[str, list[str]]:
    """The files that a run is read from, by the name under which they have one digest."""
    single = [f"binning/{run}.yaml", f"data/{run}.csv", *(_background_file(run, kind) for kind in ("ac", "er", "rg"))]
    return {name: [name] for name in single} | {_mono_file(run, "*", node): _mono_files(run, node) for node in nodes}


def digests_of(release: Path, run: str, nodes: Iterable[Yields]) -> dict[str, str]:
    """SHA-256 of the files of a run; those of all recoil energies at one pair of yields are taken together.

    Args:
        release: the release's folder.
        run: ``sr0``, ``sr1`` or ``sr2``.
        nodes: yield parameters.

    Raises:
        SpecBuilderError: if a file is missing.
    """
    found = {}
    for name, files in _groups(run, nodes).items():
        whole = hashlib.sha256()
        for file in files:
            whole.update(read_bytes(release / file))
        found[name] = whole.hexdigest()
    return found


@cache
def pinned_digests() -> Mapping[str, str]:
    """SHA-256 of the files as they were released, by name; see :func:`digests_of`."""
    table = read_table(data_path("releases", "xenonnt_cevns_2026.csv"), columns=("files",), labels=("name", "sha256"))
    return dict(zip(table.labels["name"], table.labels["sha256"], strict=True))


def read_run(release: Path, run: str, nodes: Iterable[Yields], digests: Mapping[str, str]) -> RunFiles:
    """Read one run of the release.

    Args:
        release: the release's folder.
        run: ``sr0``, ``sr1`` or ``sr2``.
        nodes: yield parameters at which the efficiencies are wanted.
        digests: what :func:`digests_of` has to find.

    Raises:
        SpecBuilderError: for a file that is missing, is not what its name says, or differs from what was released.
    """
    wanted = list(nodes)
    edges = _edges(release / f"binning/{run}.yaml")
    content = RunFiles(
        edges=edges,
        observed=_observed(release / f"data/{run}.csv", edges, OBSERVED_EVENTS[run]),
        backgrounds={
            kind: _histogram(release / _background_file(run, kind), edges).ravel() for kind in ("ac", "er", "rg")
        },
        efficiencies={node: _efficiency([release / file for file in _mono_files(run, node)], edges) for node in wanted},
    )
    for name, value in digests_of(release, run, wanted).items():
        if digests.get(name) != value:
            raise SpecBuilderError(
                f"{release / name}: differs from the file that was released, expected SHA-256 "
                f"{digests.get(name, 'none')}, found {value}"
            )
    return content


def _edges(path: Path) -> tuple[FloatArray, ...]:
    """Four bin edges of each observable."""
    found = _lists(path)
    for name in OBSERVABLES:
        values = found.get(name, [])
        if len(values) != 4 or (np.diff(values) <= 0).any():
            raise SpecBuilderError(f"{path}: expected four increasing edges of {name}, found {values}")
    return tuple(np.array(found[name]) for name in OBSERVABLES)


def _lists(path: Path) -> dict[str, list[float]]:
    """A file of ``name:`` lines and ``- number`` lines, which is all the YAML that the release has."""
    found: dict[str, list[float]] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        words = line.split()
        if len(words) == 1 and line.endswith(":"):
            found[line[:-1]] = []
        elif len(words) == 2 and words[0] == "-" and found:
            list(found.values())[-1].append(_number(path, number, words[1]))
        elif words:
            raise SpecBuilderError(f"{path}:{number}: expected 'name:' or '- number'")
    return found


def _observed(path: Path, edges: tuple[FloatArray, ...], events: int) -> FloatArray:
    """Counts in the bins from one row for each event."""
    reader = csv.DictReader(io.StringIO(read_text(path)))
    try:
        rows = list(reader)
    except csv.Error as error:  # a field of more than 131072 characters
        raise SpecBuilderError(f"{path}: not a table of numbers ({error})") from None
    for name in OBSERVABLES:
        if name not in (reader.fieldnames or ()):
            raise SpecBuilderError(f"{path}: column '{name}' is missing")
    observed = np.zeros(_SHAPE)
    for number, row in enumerate(rows, start=2):
        place = []
        for name, steps in zip(OBSERVABLES, edges, strict=True):
            value = _number(path, number, row[name])
            if not steps[0] <= value <= steps[-1]:
                raise SpecBuilderError(f"{path}:{number}: {name} is {value:g}, expected {steps[0]:g} to {steps[-1]:g}")
            place.append(min(int(np.searchsorted(steps, value, side="right")) - 1, steps.size - 2))
        observed[tuple(place)] += 1
    if len(rows) != events:
        raise SpecBuilderError(f"{path}: {len(rows)} events, expected the {events} that were published")
    return observed.ravel()


def _number(path: Path, line: int, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise SpecBuilderError(f"{path}:{line}: expected a finite number, found '{text}'")
    return value


def _efficiency(files: list[Path], edges: tuple[FloatArray, ...]) -> FloatArray:
    """Probability of each bin at all recoil energies, shape (81, 46)."""
    columns = []
    for file in files:
        probability = _histogram(file, edges).ravel()
        if probability.sum() > 1:
            raise SpecBuilderError(f"{file}: probabilities sum to {probability.sum():g}, expected at most 1")
        columns.append(probability)
    return np.stack(columns, axis=1)


def _histogram(path: Path, edges: tuple[FloatArray, ...]) -> FloatArray:
    """A histogram of shape (3, 3, 3, 3) whose edges are the run's."""
    data = read_bytes(path)
    try:
        with _h5py().File(io.BytesIO(data), "r") as file:
            template = file["templates/template"]
            if template.shape != _SHAPE:  # before its numbers are read
                raise SpecBuilderError(f"{path}: shape {template.shape}, expected {_SHAPE}")
            content = _numbers(template)
            own = [_numbers(file[f"bins/{i}"], 4) for i in range(len(OBSERVABLES))]
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError):
        raise SpecBuilderError(f"{path}: not an HDF5 file with bins/0 to bins/3 and templates/template") from None
    for name, expected, found in zip(OBSERVABLES, edges, own, strict=True):
        if found.shape != expected.shape or not np.allclose(found, expected, rtol=_EDGE_TOLERANCE, atol=0):
            raise SpecBuilderError(f"{path}: edges of {name} are {found.tolist()}, expected {expected.tolist()}")
    if not np.isfinite(content).all() or (content < 0).any():
        raise SpecBuilderError(f"{path}: expected finite numbers >= 0")
    return content


def _numbers(data: Any, first: int | None = None) -> FloatArray:
    """Real numbers of a dataset that the file holds itself: all, or the first ones of a row.

    Raises:
        ValueError: for other things, which may be of any size, and what stands in another file.
    """
    real = data.dtype.kind in "fiu" and data.dtype.shape == ()
    if not real or data.is_virtual or data.external or (first is not None and data.ndim != 1):
        raise ValueError
    return np.asarray(data[()] if first is None else data[:first], dtype=np.float64)


def _h5py() -> Any:
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError:
        raise SpecBuilderError("XENONnT's release needs h5py: pip install 'spec_builder[release]'") from None
    return h5py
