"""Constraints that a file in HS3 names: distributions of its own, as ROOT writes them, as those of a pyhf workspace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import real_number
from spec_builder.histfactory.specification import Constraint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["NamedConstraints", "constants"]


@dataclass(frozen=True)
class NamedConstraints:
    """Distributions of a file that constrain parameters of its modifiers.

    Attributes:
        distributions: of the file, by name.
        products: factors of its functions that are products, by name.
        values: of the parameters that are constant, by name; see :func:`constants`.
    """

    distributions: Mapping[str, Mapping[str, Any]]
    products: Mapping[str, Sequence[Any]]
    values: Mapping[str, float]

    def of_modifier(self, modifier: Mapping[str, Any]) -> list[str | None] | None:
        """Names for each of its parameters, None for one that has no constraint; None where it names no distribution.

        ROOT has written the name as ``constraint_name``, and since version 6.40 as ``constraint``, where other files
        have a word, or for a ``shapesys`` as ``constraints``.
        """
        if modifier.get("constraints") is not None:
            return list(modifier["constraints"])
        name, word = modifier.get("constraint_name"), modifier.get("constraint")
        if name is None and word in self.distributions:
            name = word
        return None if name is None else [name]

    def constraint(self, where: str, name: str, parameter: str) -> Constraint:
        """The auxiliary measurement of a parameter that a distribution is.

        Args:
            where: what has the constraint, for the message.
            name: of the distribution.
            parameter: the one that it constrains.

        Raises:
            SpecBuilderError: unless it is a Gaussian around a number or a constant, or a Poisson distribution whose
                mean is the parameter times a number or a constant.
        """
        distribution = self.distributions.get(name, {})
        found = {"gaussian_dist": self._gaussian, "poisson_dist": self._poisson}.get(distribution.get("type", ""))
        constraint = found(distribution, parameter) if found is not None else None
        if constraint is None:
            raise SpecBuilderError(f"{where}: constraint '{name}' has no counterpart in a pyhf workspace")
        return constraint

    def _gaussian(self, distribution: Mapping[str, Any], parameter: str) -> Constraint | None:
        ends = [end for end in (distribution["x"], distribution["mean"]) if end != parameter]
        centre, width = self._number(ends[0]) if len(ends) == 1 else math.nan, self._number(distribution["sigma"])
        return Constraint("normal", centre, width) if math.isfinite(centre) and width > 0 else None

    def _poisson(self, distribution: Mapping[str, Any], parameter: str) -> Constraint | None:
        factors = [factor for factor in self.products.get(distribution["mean"], []) if factor != parameter]
        scale = self._number(factors[0]) if len(factors) == 1 else math.nan
        count = self._number(distribution["x"])
        return Constraint("poisson", count, scale) if count > 0 and scale > 0 else None

    def _number(self, value: object) -> float:
        return self.values.get(value, math.nan) if isinstance(value, str) else real_number(value)


def constants(points: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Values of the parameters that all points hold, at one value; NaN of others.

    Args:
        points: of parameters, as a file in HS3 has them.
    """
    found: dict[str, float] = {}
    for point in points:
        for parameter in point["parameters"]:
            name, value = parameter["name"], float(parameter["value"])
            agreed = parameter.get("const", False) and found.get(name, value) == value
            found[name] = value if agreed else math.nan
    return found
