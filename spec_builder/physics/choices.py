"""Interactions with their options, and the choice of one: what everything that names an interaction holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import meant
from spec_builder.base.text import Described, Report
from spec_builder.physics import oscillation
from spec_builder.physics.options import Option
from spec_builder.physics.targets import FORM_FACTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.text import Column
    from spec_builder.physics.options import Value
    from spec_builder.physics.sources import Source
    from spec_builder.physics.targets import Target
    from spec_builder.physics.terms import Term

    Options = Mapping[str, Value]
    TermFunction = Callable[[Target, FloatArray, str, Options], Sequence[Term]]
    CrossSection = Callable[[FloatArray, FloatArray, float, Target, str], FloatArray]

__all__ = ["PAPER", "Choice", "Interaction", "Option"]

PAPER = "arXiv:2411.11749"


@dataclass(frozen=True, repr=False)
class Interaction:
    """Physics beyond the Standard Model, or the Standard Model against one of its parameters.

    Attributes:
        name, title: as in lists and headers.
        term_function: terms of a target, recoil energies [MeV], an arriving flavour and the options; what they add to
            the Standard Model, or all of it where ``standard_model`` is False.
        cross_section: in place of terms, dsigma/dT [MeV^-3] of (E, T, mediator mass, target, flavour) per power of x.
        parameter: its symbol.
        unit: of the parameter, or empty.
        signed: x is the parameter itself, of either sign; otherwise x is its square.
        has_mediator: whether there is a mass.
        default_range: of the parameter, around the limits of the shipped analyses.
        options: what is left open.
        acts_on: kinds of scatterers.
        flavour_blind: on nuclei every flavour does the same.
        standard_model: whether the Standard Model is added to the terms.
        references: where the formulas stand.
        references_of: sources of its numbers, by the options and the kind of scatterer.
        uses_spin: whether the spin structure of nuclei takes part.
        path, digest: a user's file and its SHA-256, else None.
    """

    name: str
    title: str
    term_function: TermFunction | None = field(compare=False)
    cross_section: CrossSection | None = field(default=None, compare=False)
    parameter: str = "g"
    unit: str = ""
    signed: bool = False
    has_mediator: bool = True
    default_range: tuple[float, float] = (1e-7, 1e-1)
    options: tuple[Option, ...] = ()
    acts_on: tuple[str, ...] = ("nucleus", "electron")
    flavour_blind: bool = True
    standard_model: bool = True
    references: tuple[str, ...] = ()
    references_of: Callable[[Options, str], Iterable[str]] | None = field(default=None, compare=False)
    uses_spin: bool = False
    path: str | None = None
    digest: str | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A user's file is loaded again by its path and digest, where the object goes."""
        if self.path is None:
            return super().__reduce_ex__(protocol)
        from spec_builder.physics.user_interactions import reload_interaction  # noqa: PLC0415

        return reload_interaction, (self.path, self.digest)

    def __repr__(self) -> str:
        return f"<Interaction {self.name}: {self.title}>"

    def choose(self, **options: object) -> Choice:
        """The interaction with values of its options, the default of each that is not given.

        Raises:
            SpecBuilderError: for an option that it has not, or a value that is not allowed.
        """
        known = {option.name: option for option in self.options}
        for name in options:
            if name not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise SpecBuilderError(f"interaction '{self.name}' has no option '{name}', {has}{meant(name, known)}")
        values = tuple(
            (name, option.default if options.get(name) is None else option.value(options[name], self.name))
            for name, option in known.items()
        )
        return Choice(self, values)


@dataclass(frozen=True, repr=False)
class Choice(Described):
    """An interaction with the values of its options.

    Attributes:
        interaction: which one.
        values: pairs of option and value, one for each option that it has, in its order.
    """

    interaction: Interaction
    values: tuple[tuple[str, Value], ...] = ()

    def report(self) -> Report:
        """Title, parameter and references; a row for each option."""
        given = ", ".join(f"{name} {value}" for name, value in self.stated.items())
        facts = {
            "parameter": f"{self.parameter} [{self.unit}]" if self.unit else self.parameter,
            "sign": "either" if self.signed else "none",
            "mediator": "has a mass" if self.has_mediator else "none",
            "acts on": ", ".join(self.interaction.acts_on),
            "references": "; ".join(self.references) or "none",
        }
        if self.digest is not None:
            facts["file"] = f"{self.interaction.path}, sha256 {self.digest}"
        columns: dict[str, Column] = {
            "option": [option.name for option in self.interaction.options],
            "value": [str(value) for _, value in self.values],
            "meaning": [option.meaning for option in self.interaction.options],
        }
        return Report(
            f"{self.name}: {self.title}" + (f" ({given})" if given else ""), facts, columns if self.values else {}
        )

    @property
    def name(self) -> str:
        """The interaction's name."""
        return self.interaction.name

    @property
    def title(self) -> str:
        """The interaction's title."""
        return self.interaction.title

    @property
    def options(self) -> dict[str, Value]:
        """Value of every option that it has."""
        return dict(self.values)

    @property
    def changed(self) -> dict[str, Value]:
        """Values of the options that are not at their default."""
        defaults = {option.name: option.default for option in self.interaction.options}
        return {name: value for name, value in self.values if value != defaults[name]}

    @property
    def stated(self) -> dict[str, Value]:
        """Values of the options that results name: what is not at its default, and every number such as a charge.

        A charge that is not given is 1, and not 0: a reader is to see it.
        """
        numbers = {option.name for option in self.interaction.options if not option.allowed}
        return {name: value for name, value in self.values if name in self.changed or name in numbers}

    @property
    def parameter(self) -> str:
        """Symbol of the parameter."""
        return self.interaction.parameter

    @property
    def unit(self) -> str:
        """Unit of the parameter, or empty."""
        return self.interaction.unit

    @property
    def signed(self) -> bool:
        """Whether the parameter has a sign; x is then the parameter itself."""
        return self.interaction.signed

    @property
    def has_mediator(self) -> bool:
        """Whether there is a mediator mass."""
        return self.interaction.has_mediator

    @property
    def default_range(self) -> tuple[float, float]:
        """Range of the parameter around the limits of the shipped analyses."""
        return self.interaction.default_range

    @property
    def references(self) -> tuple[str, ...]:
        """Where the formulas stand."""
        return self.interaction.references

    @property
    def digest(self) -> str | None:
        """SHA-256 of a user's file, else None."""
        return self.interaction.digest

    def acts_on(self, target: Target) -> bool:
        """Whether there is a cross section on this kind of target."""
        return target.kind in self.interaction.acts_on

    def x(self, value: FloatArray | float) -> FloatArray:
        """What the yields are polynomials of: g^2, or the parameter itself where it has a sign."""
        number = np.asarray(value, dtype=np.float64)
        return number if self.signed else number**2

    def terms(self, target: Target, recoil_energy_MeV: FloatArray, flavour: str = "nue") -> tuple[Term, ...]:
        """Cross section beyond the Standard Model as terms in x.

        Args:
            target: nuclei or electrons.
            recoil_energy_MeV: shape (T,).
            flavour: what arrives.

        Raises:
            SpecBuilderError: if there is none on this target, or it is not a sum of terms.
        """
        if not self.acts_on(target):
            raise SpecBuilderError(f"interaction '{self.name}' has no cross section on target '{target.name}'")
        if self.interaction.term_function is None:
            raise SpecBuilderError(f"interaction '{self.name}' is a free cross section, not a sum of terms")
        return tuple(self.interaction.term_function(target, recoil_energy_MeV, flavour, self.options))

    def statuses(self, source: Source, target: Target) -> dict[str, str]:
        """Status of each table behind a rate: ``solar_8b.8b`` of a spectrum, ``xenon.isotopes`` of a target."""
        found = {f"{source.name}.{part.name}": part.status for part in source.components if part.status is not None}
        for key, status in target.statuses.items():
            if key != "spin_structure" or self.interaction.uses_spin:
                found[f"{target.name}.{key}"] = status
        return found

    def sources(self, source: Source, target: Target) -> tuple[str, ...]:
        """Where the numbers behind a rate come from, without repetition."""
        found = [text for component in source.components for text in component.references]
        found += [*source.references, *target.references]
        if target.kind == "nucleus":
            found.append(FORM_FACTORS[target.form_factor])
            if self.interaction.uses_spin and target.spin_reference:
                found.append(target.spin_reference)
        elif source.oscillates:
            found.append(oscillation.REFERENCE)
        if self.interaction.references_of is not None:
            found += self.interaction.references_of(self.options, target.kind)
        # the paper stands in every header
        found += [text for text in self.references if not text.startswith(PAPER)]
        return tuple(dict.fromkeys(found))
