"""The tables beside an experiment's description: where they may lie, their units, and what their numbers may be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import counted
from spec_builder.base.reading import is_inside
from spec_builder.base.tables import read_table
from spec_builder.experiments.response import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table

__all__ = ["Tables"]

#: Words that the ``unit`` line may have for each kind of column; energies by the kind of what recoils.
ENERGIES = {"nucleus": ("keV", "keVnr"), "electron": ("keV", "keVee")}
PROBABILITY = ("probability", "1", "fraction")
EVENTS = ("events", "counts", "1")
CHARGE_YIELD = ("electrons/keV", "e-/keV")
#: Events beyond this are not told apart by floating-point numbers.
MOST_COUNTS = 1e15
#: Numbers in all tables of an experiment, a table that is named twice counted twice; 81 bins of three runs with two
#: shape variations have 200 000.
_MOST_NUMBERS = 2_000_000


@dataclass
class Tables:
    """Reads an experiment's tables and remembers their statuses and sources.

    Attributes:
        folder: the experiment's; no table may lie outside it.
        prefix: put before what a table holds.
        energy: words for the unit of an energy.
        statuses: status by what it holds.
        sources: source by what it holds.
        numbers: how many were read, in a list of one.
    """

    folder: Path
    prefix: str = ""
    energy: tuple[str, ...] = ENERGIES["nucleus"]
    statuses: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=lambda: [0])

    def for_channel(self, name: str) -> Tables:
        """The same record; what is read is noted under the channel's name."""
        return replace(self, prefix=f"{name}.")

    def for_target(self, kind: str) -> Tables:
        """The same record, for energies of nuclei or of electrons: their light is another one's energy."""
        return replace(self, energy=ENERGIES[kind])

    def inside(self, file: str, what: str = "table") -> Path:
        """Path of a file of the experiment.

        Args:
            file: its name.
            what: it is, for a message.

        Raises:
            SpecBuilderError: if it lies outside the experiment's folder, links followed.
        """
        path = self.folder / file
        if not is_inside(path, self.folder):
            raise SpecBuilderError(f"{self.folder}: {what} {file!r} lies outside this folder, expected one inside it")
        return path

    def read(self, what: str, file: str, columns: Mapping[str, Sequence[str]]) -> Table:
        """A table with the columns, whose accepted units are given."""
        path = self.inside(file)
        table = read_table(path, columns=columns)
        table.check_units({column: words for column, words in columns.items() if words})
        self.numbers[0] += len(table.columns) * len(table.lines)
        if self.numbers[0] > _MOST_NUMBERS:
            raise SpecBuilderError(f"{self.folder}: more than {_MOST_NUMBERS} numbers in its tables, which none has")
        key = self.prefix + what
        self.statuses[key], self.sources[key] = table.status, table.metadata["source"]
        return table

    def binned(self, what: str, file: str, columns: Iterable[str], bins: int, *, unit: Sequence[str] = EVENTS) -> Table:
        """A table of numbers from 0 to 1e15 with a row for each bin, in order."""
        table = self.read(what, file, {"bin": (), **dict.fromkeys(columns, unit)})
        if table["bin"].size != bins:
            raise SpecBuilderError(
                f"{table.path}: column 'bin' must count 0 to {bins - 1}, one row for each bin between the "
                f"bin edges, found {counted(table['bin'].size, 'row')}"
            )
        table.check("bin", table["bin"] == np.arange(bins), f"0 to {bins - 1} in order, one row for each bin")
        for column in columns:
            table.check(column, table[column] >= 0, "a number >= 0")
            table.check(column, table[column] <= MOST_COUNTS, f"at most {MOST_COUNTS:g}")
        return table

    def observed(self, file: str, bins: int) -> FloatArray:
        """Observed counts, shape (bins,)."""
        table = self.binned("observed", file, ("observed",), bins)
        table.check("observed", table["observed"] % 1 == 0, "a whole number of events")
        return table["observed"]

    def selection(self, what: str, file: str, bins: int) -> Selection:
        """Probabilities of the bins against recoil energy."""
        columns = [f"bin{i}" for i in range(bins)]
        table = self.read(what, file, {"recoil_energy_keV": self.energy, **dict.fromkeys(columns, PROBABILITY)})
        energy = increasing_energy(table, "recoil_energy_keV")
        probability = np.stack([table[column] for column in columns])
        for column in columns:
            table.check(column, table[column] >= 0, "a probability, from 0 to 1")
        whole = probability.sum(axis=0)
        if (whole > 1).any():
            row = int(np.argmax(whole > 1))
            total = float(whole[row])
            raise SpecBuilderError(
                f"{table.place(row)}: probabilities of the bins sum to {total:g}, expected at most 1"
            )
        return Selection(energy, probability)

    def charge_yield(self, file: str) -> tuple[FloatArray, FloatArray]:
        """Recoil energies and Q_y [electrons/keV], each of shape (n,)."""
        columns = {"recoil_energy_keV": self.energy, "charge_yield": CHARGE_YIELD}
        table = self.read("charge_yield", file, columns)
        energy, charge_yield = increasing_energy(table, "recoil_energy_keV"), table["charge_yield"]
        table.check("charge_yield", charge_yield > 0, "a number > 0")
        grows = np.diff(energy * charge_yield, prepend=0) > 0
        table.check("charge_yield", grows, "more electrons, T Q_y(T), than in the row above")
        # T Q_y(T) is a parabola between two rows, whose slope is least at an end
        falls = np.diff(charge_yield) / np.diff(energy)
        grows[1:] = charge_yield[1:] + falls * energy[1:] > 0
        expected = "electrons, T Q_y(T), that grow all the way from the row above: Q_y falls too fast, give more rows"
        table.check("charge_yield", grows, expected)
        return energy, charge_yield

    def efficiency(self, file: str) -> tuple[FloatArray, FloatArray]:
        """Reconstructed energies and the efficiency there, each of shape (n,)."""
        columns = {"reconstructed_energy_keV": self.energy, "efficiency": PROBABILITY}
        table = self.read("efficiency", file, columns)
        energy, efficiency = increasing_energy(table, "reconstructed_energy_keV", zero=True), table["efficiency"]
        table.check("efficiency", (efficiency >= 0) & (efficiency <= 1), "a number from 0 to 1")
        return energy, efficiency

    def fractions(self, file: str, groups: Sequence[str], bins: int) -> dict[str, FloatArray]:
        """For each timing group the fraction of its events in each bin of time, shape (bins,)."""
        table = self.binned("timing", file, groups, bins, unit=PROBABILITY)
        for group in groups:
            if table[group].sum() > 1:
                raise SpecBuilderError(f"{table.path}: {group} must sum to at most 1, found {table[group].sum():g}")
        return {group: table[group] for group in groups}


def increasing_energy(table: Table, column: str, *, zero: bool = False) -> FloatArray:
    """The column of energies of a table, checked.

    Raises:
        SpecBuilderError: if they are not positive and increasing, or there is one row.
    """
    table.check_increasing(column, zero=zero)
    return table[column]
