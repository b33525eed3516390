"""Options of the shipped interactions, apart from their physics: the command line's help needs no more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import number_of, real_number
from spec_builder.base.names import shown

__all__ = ["SHIPPED_OPTIONS", "Option", "Value"]

Value: TypeAlias = "str | float"


@dataclass(frozen=True)
class Option:
    """Something that an interaction leaves open.

    Attributes:
        name: as it is given and recorded.
        meaning: one line.
        default: its usual value.
        allowed: the values there are; empty where any finite number will do.
    """

    name: str
    meaning: str
    default: Value
    allowed: tuple[Value, ...] = ()

    def value(self, given: object, interaction: str) -> Value:
        """The value that was meant: numbers may come as text.

        Raises:
            SpecBuilderError: if it is not allowed.
        """
        for value in self.allowed:
            same = (
                isinstance(given, int | float) and isinstance(given, bool) is isinstance(value, bool) and given == value
            )
            if same or str(given) == str(value):
                return value
        number = math.nan if self.allowed or isinstance(given, bool) else _number(given)
        if not math.isfinite(number):
            words = self.name.replace("_", " ")
            raise SpecBuilderError(f"interaction '{interaction}': {words} {_shown(given)}, expected {self._expected()}")
        return number

    def _expected(self) -> str:
        """The allowed values in words."""
        words = [str(value) for value in self.allowed]
        if not words:
            return "a number"
        return " or ".join(words) if len(words) <= 2 else f"one of {', '.join(words)}"


def _shown(given: object) -> str:
    """A value as it would be typed."""
    return f"'{given}'" if isinstance(given, int | float) else shown(given)


def _number(given: object) -> float:
    """A number or its text; NaN for anything else."""
    return number_of(given) if isinstance(given, str) else real_number(given)


_SETS = ("A", "B", "C", "D", "E")
#: By the name of the interaction.
SHIPPED_OPTIONS: dict[str, tuple[Option, ...]] = {
    "scalar": (
        Option("coupling_set", "quark-mass fractions f_Tq of the nuclear charge, Eq. (9)", "B", _SETS),
        Option("scalar_form", "form on electrons: with 1 + T/(2 m_e), or as Eq. (5)", "exact", ("exact", "nuclear")),
    ),
    "vector": (
        Option("u", "charge of the up quark", 1.0),
        Option("d", "charge of the down quark", 1.0),
        Option("nu", "charge of the neutrinos", 1.0),
        Option("e", "charge of the electron", 1.0),
    ),
    "axial": (Option("axial_sign", "sign of g^2 in g_A of electrons", "+", ("+", "-")),),
    "tensor": (
        Option(
            "longitudinal_factor",
            "factor on the longitudinal response: 1 in Eq. (8), 4 in an exact trace",
            1,
            (1, 4),
        ),
    ),
    "nsi": (Option("quark", "which quark", "u", ("u", "d")),),
}
