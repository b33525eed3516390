"""Reader and checker of ``experiment.toml`` and the tables beside it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path, read_text
from spec_builder.base.tables import read_table
from spec_builder.experiments.description import SIGNAL_SAMPLE, Background, Experiment, Normalisation, Observable, Run
from spec_builder.experiments.response import ChargeYieldResponse, MatrixResponse, Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table
    from spec_builder.experiments.response import Response

__all__ = ["experiment_folder", "load_experiment", "shipped_experiments"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _number(value: object) -> float:
    """A TOML number as a float; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


class _Section:
    """A TOML table whose keys are taken one by one; what is left over is an unknown key."""

    def __init__(self, file: Path, where: str, content: object) -> None:
        if not isinstance(content, dict):
            raise SpecBuilderError(f"{file}: {where} must be a table, found {content!r}")
        self.file, self.where, self._content = file, where, dict(content)

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def error(self, key: str, expected: str, found: object) -> SpecBuilderError:
        return SpecBuilderError(f"{self.file}: {self._path(key)} must be {expected}, found {found!r}")

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def take(self, key: str) -> Any:
        if key not in self._content:
            raise SpecBuilderError(f"{self.file}: key '{self._path(key)}' is missing")
        return self._content.pop(key)

    def text(self, key: str, default: str | None = None) -> str:
        if default is not None and key not in self:
            return default
        value = self.take(key)
        if not isinstance(value, str):
            raise self.error(key, "a text", value)
        return value

    def identifier(self, key: str) -> str:
        value = self.text(key)
        if not _NAME.fullmatch(value):
            raise self.error(key, "a name of letters, digits and underscores", value)
        return value

    def positive(self, key: str) -> float:
        value = self.take(key)
        number = _number(value)
        if not 0 < number < np.inf:
            raise self.error(key, "a positive number", value)
        return number

    def increasing(self, key: str) -> FloatArray:
        value = self.take(key)
        numbers = np.array([_number(v) for v in value] if isinstance(value, list) else [])
        if numbers.size < 2 or not (np.isfinite(numbers).all() and (np.diff(numbers) > 0).all()):
            raise self.error(key, "a list of at least two increasing numbers", value)
        return numbers

    def section(self, key: str) -> _Section:
        return _Section(self.file, self._path(key), self.take(key))

    def keys(self) -> list[str]:
        return list(self._content)

    def positives(self, key: str) -> dict[str, float]:
        section = self.section(key)
        values = {name: section.positive(name) for name in section.keys()}  # noqa: SIM118
        if not values:
            raise self.error(key, "a table of at least one 'parameter = relative size'", {})
        for name in values:
            if not _NAME.fullmatch(name):
                raise self.error(key, "a table of names of letters, digits and underscores", name)
        return values

    def finish(self) -> None:
        if self._content:
            unknown = ", ".join(self._path(key) for key in self._content)
            raise SpecBuilderError(f"{self.file}: unknown key {unknown}")


@dataclass
class _Tables:
    """Reads an experiment's tables and remembers their statuses."""

    folder: Path
    statuses: dict[str, str]
    sources: dict[str, str]

    def read(self, what: str, file: str, columns: Sequence[str]) -> Table:
        table = read_table(self.folder / file, columns=columns)
        self.statuses[what], self.sources[what] = table.status, table.metadata["source"]
        return table

    def binned(self, what: str, file: str, columns: Sequence[str], bins: int) -> Table:
        """A table with a row for each bin, in order."""
        table = self.read(what, file, ("bin", *columns))
        if table["bin"].size != bins or (table["bin"] != np.arange(bins)).any():
            raise SpecBuilderError(
                f"{table.path}: column 'bin' must count 0 to {bins - 1}, one row for each bin between the "
                f"bin_edges, found {table['bin'].size} rows"
            )
        for column in columns:
            negative = np.flatnonzero(table[column] < 0)
            if negative.size:
                raise SpecBuilderError(
                    f"{table.path}: {column} is {table[column][negative[0]]:g} in bin {negative[0]}, "
                    "expected a number >= 0"
                )
        return table

    def selection(self, what: str, file: str, bins: int) -> Selection:
        columns = [f"bin{i}" for i in range(bins)]
        table = self.read(what, file, ("recoil_energy_keV", *columns))
        energy = table["recoil_energy_keV"]
        _check_energies(table.path, energy)
        probability = np.stack([table[column] for column in columns])
        if (probability < 0).any() or (probability.sum(axis=0) > 1).any():
            raise SpecBuilderError(f"{table.path}: probabilities must be >= 0 and sum to at most 1 in each row")
        return Selection(energy, probability)


def _check_energies(path: Path, energy: FloatArray) -> None:
    if energy.size < 2 or energy[0] <= 0 or (np.diff(energy) <= 0).any():
        raise SpecBuilderError(f"{path}: recoil_energy_keV must be positive and increasing, at least two rows")


def shipped_experiments() -> tuple[str, ...]:
    """Names of the experiments that come with the project."""
    return tuple(sorted(p.parent.name for p in data_path("experiments").glob("*/experiment.toml")))


def experiment_folder(name_or_path: str) -> Path:
    """Folder of a shipped experiment, or the user's own where a path is given.

    Raises:
        SpecBuilderError: for an unknown name or a folder without ``experiment.toml``.
    """
    if name_or_path in shipped_experiments():
        return data_path("experiments", name_or_path)
    folder = Path(name_or_path)
    if folder.name == "experiment.toml":
        folder = folder.parent
    if name_or_path and (folder / "experiment.toml").is_file():
        return folder
    if name_or_path and folder.is_dir():
        raise SpecBuilderError(f"{folder}: expected a file experiment.toml in this folder")
    raise SpecBuilderError(
        f"experiment '{name_or_path}' is unknown, expected one of {', '.join(shipped_experiments())} "
        "or the path of a folder with an experiment.toml"
    )


def load_experiment(name_or_path: str, variant: str | None = None) -> Experiment:
    """Read and check an experiment.

    Args:
        name_or_path: a shipped experiment, or the path of a folder.
        variant: one of its variants, None for the default.

    Raises:
        SpecBuilderError: naming the file and the key that is wrong.

    Examples:
        >>> xenonnt = load_experiment("xenonnt")
        >>> xenonnt.observed.tolist(), xenonnt.statuses["observed"]
        ([16.0, 14.0, 7.0], 'measured')
    """
    folder = experiment_folder(name_or_path)
    file = folder / "experiment.toml"
    try:
        content = tomllib.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise SpecBuilderError(f"{file}: not valid TOML: {error}") from None
    root = _Section(file, "", content)
    tables = _Tables(folder, {}, {})

    name = root.identifier("name")
    runs = _runs(root)
    bins = runs[0].bin_edges.size - 1
    observable = root.section("observable")
    signal, backgrounds = root.section("signal"), root.section("backgrounds")
    by_construction = root.text("by_construction", "")
    variants, changes = _variants(root, name, variant)

    response_section = signal.section("response")
    normalisation_content = signal.take("normalisation") if "normalisation" in signal else "absolute"
    background_file = backgrounds.text("table")
    default_kind = response_section.text("kind")
    if default_kind != MatrixResponse.kind:
        raise response_section.error("kind", "'matrix' ('charge_yield' only in a variant)", default_kind)
    reference = _matrix_response(response_section, runs, bins, tables)
    response: Response = reference
    if changes is not None:
        changes.text("description")
        by_construction = changes.text("by_construction", by_construction)
        normalisation_content = changes.take("normalisation") if "normalisation" in changes else normalisation_content
        background_file = changes.text("backgrounds", background_file)
        if "response" in changes:
            section = changes.section("response")
            kind = section.text("kind")
            if kind == ChargeYieldResponse.kind:
                response = _charge_yield_response(section, runs, bins, tables, reference)
            elif kind == MatrixResponse.kind:
                response = _matrix_response(section, runs, bins, tables)
            else:
                raise section.error("kind", "'matrix' or 'charge_yield'", kind)
        changes.finish()

    observed = tables.binned("observed", root.section("observed").text("table"), ("observed",), bins)
    if (observed["observed"] % 1 != 0).any():
        raise SpecBuilderError(f"{observed.path}: observed counts must be whole numbers")
    experiment = Experiment(
        name=name,
        title=root.text("title"),
        references=_texts(root, "references"),
        channel=root.identifier("channel"),
        observable=Observable(observable.text("name"), observable.text("unit")),
        runs=runs,
        observed=observed["observed"],
        response=response,
        normalisation=_normalisation(signal, normalisation_content),
        signal_uncertainties=signal.positives("uncertainties"),
        backgrounds=_backgrounds(backgrounds, background_file, bins, tables),
        variant=variant,
        variants=variants,
        by_construction=by_construction,
        licence=root.text("licence", ""),
        statuses=tables.statuses,
        sources=tables.sources,
        folder=folder,
    )
    for section in (observable, signal, backgrounds, root):
        section.finish()
    return experiment


def _texts(section: _Section, key: str) -> tuple[str, ...]:
    value = section.take(key)
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise section.error(key, "a list of texts", value)
    return tuple(value)


def _runs(root: _Section) -> tuple[Run, ...]:
    content = root.take("runs")
    if not isinstance(content, list) or not content:
        raise root.error("runs", "at least one [[runs]] block", content)
    runs = []
    for i, item in enumerate(content):
        section = _Section(root.file, f"runs[{i}]", item)
        runs.append(Run(section.identifier("name"), section.positive("exposure_t_yr"), section.increasing("bin_edges")))
        section.finish()
    if len({run.bin_edges.size for run in runs}) > 1:
        raise root.error("runs", "blocks with the same number of bins", [r.bin_edges.size - 1 for r in runs])
    if len({run.name for run in runs}) < len(runs):
        raise root.error("runs", "blocks with different names", [run.name for run in runs])
    return tuple(runs)


def _variants(root: _Section, name: str, chosen: str | None) -> tuple[dict[str, str], _Section | None]:
    """Description of every variant, and the chosen one's block."""
    content = root.take("variants") if "variants" in root else {}
    section = _Section(root.file, "variants", content)
    blocks = {key: section.section(key) for key in section.keys()}  # noqa: SIM118
    descriptions = {key: _described(block) for key, block in blocks.items()}
    if chosen is None:
        return descriptions, None
    if chosen not in blocks:
        known = ", ".join(blocks) or "none"
        raise SpecBuilderError(f"variant '{chosen}' of {name} is unknown, expected one of: {known}")
    return descriptions, blocks[chosen]


def _described(block: _Section) -> str:
    if "description" not in block:
        raise SpecBuilderError(f"{block.file}: key '{block.where}.description' is missing")
    description = block.text("description")
    block._content["description"] = description  # noqa: SLF001
    return description


def _per_run(section: _Section, key: str, runs: tuple[Run, ...]) -> list[str]:
    files = section.section(key)
    names = [files.text(run.name) for run in runs]
    files.finish()
    return names


def _matrix_response(section: _Section, runs: tuple[Run, ...], bins: int, tables: _Tables) -> MatrixResponse:
    files = _per_run(section, "tables", runs)
    section.finish()
    selections = tuple(
        tables.selection(f"response_{run.name}", file, bins) for run, file in zip(runs, files, strict=True)
    )
    return MatrixResponse(tuple(run.exposure_t_yr for run in runs), selections)


def _charge_yield_response(
    section: _Section, runs: tuple[Run, ...], bins: int, tables: _Tables, reference: MatrixResponse
) -> ChargeYieldResponse:
    table = tables.read("charge_yield", section.text("table"), ("recoil_energy_keV", "charge_yield"))
    energy, charge_yield = table["recoil_energy_keV"], table["charge_yield"]
    _check_energies(table.path, energy)
    if (charge_yield <= 0).any() or (np.diff(energy * charge_yield) <= 0).any():
        raise SpecBuilderError(f"{table.path}: charge_yield must be positive and T Q_y(T) increasing")
    efficiencies: tuple[Selection | float, ...]
    if "efficiency" in section:
        efficiency = section.positive("efficiency")
        if efficiency > 1:
            raise section.error("efficiency", "a number above 0 and at most 1", efficiency)
        efficiencies = (efficiency,) * len(runs)
    else:
        files = _per_run(section, "efficiency_tables", runs)
        selections = [
            tables.selection(f"efficiency_{run.name}", file, bins) for run, file in zip(runs, files, strict=True)
        ]
        efficiencies = tuple(
            Selection(s.recoil_energy_keV, s.probability.sum(axis=0, keepdims=True)) for s in selections
        )
    edges = tuple(run.bin_edges for run in runs)
    if "bin_edges" in section:
        own = section.section("bin_edges")
        edges = tuple(own.increasing(run.name) for run in runs)
        own.finish()
        if any(e.size != bins + 1 for e in edges):
            raise section.error("bin_edges", f"lists of {bins + 1} edges", [e.tolist() for e in edges])
    gain = section.positive("gain")
    section.finish()
    return ChargeYieldResponse(
        exposures_t_yr=tuple(run.exposure_t_yr for run in runs),
        bin_edges=edges,
        recoil_energy_keV=energy,
        charge_yield=charge_yield,
        gain=gain,
        efficiencies=efficiencies,
        reference=reference,
    )


def _normalisation(signal: _Section, content: object) -> Normalisation | None:
    if content == "absolute":
        return None
    if not isinstance(content, dict):
        raise signal.error("normalisation", "'absolute' or a table of events and flux_1e6_cm2_s1", content)
    section = _Section(signal.file, f"{signal.where}.normalisation", content)
    normalisation = Normalisation(section.positive("events"), section.positive("flux_1e6_cm2_s1"))
    section.finish()
    return normalisation


def _backgrounds(section: _Section, file: str, bins: int, tables: _Tables) -> tuple[Background, ...]:
    uncertainties = section.section("uncertainties")
    names = uncertainties.keys()
    if SIGNAL_SAMPLE in names:
        raise uncertainties.error(SIGNAL_SAMPLE, "another name: it is the signal's", SIGNAL_SAMPLE)
    table = tables.binned("backgrounds", file, names, bins)
    backgrounds = tuple(
        Background(name, table[name], uncertainties.positives(name)) for name in names if _NAME.fullmatch(name)
    )
    uncertainties.finish()
    return backgrounds
