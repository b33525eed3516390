"""The choices behind a number: one record for every text, header, README, qualifier and small print."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spec_builder.base.printing import percent
from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.choices import Choice

__all__ = [
    "Choices",
    "Note",
    "choice_content",
    "coupling_note",
    "distinct_notes",
    "in_words",
    "option_key",
    "option_texts",
    "parameter_label",
    "range_text",
]

#: Options that stand in every file of an interaction, null where it has none of them: readers of 0.2 expect them.
_ALWAYS_WRITTEN = ("coupling_set", "longitudinal_factor")
#: Options with names of so many letters at most are charges of a fermion: u, d, nu, e.
_SHORT = 2
#: Couplings above it are beyond perturbation theory.
_STRONG = math.sqrt(4 * math.pi)

#: Of an experiment, or an analysis, and what is said of it.
Note = tuple[str, str]


def in_words(notes: Iterable[Note]) -> str:
    """Notes of experiments in one line, for people and for metadata; '' if there are none.

    Examples:
        >>> in_words([("mine", "the size is chosen"), ("yours", "so is the shape")])
        'mine: the size is chosen; yours: so is the shape'
    """
    return "; ".join(f"{experiment}: {text}" for experiment, text in notes)


@dataclass(frozen=True)
class Choices:
    """The choices behind a number.

    Attributes:
        analysis: its name, or the workspace's file.
        law: ``normsys`` or ``linear``; None for a workspace, whose modifiers say it.
        variants: chosen variant by experiment.
        statuses: status of each table, as ``experiment.table``, those of sources and targets among them.
        by_construction: what agrees with something because it was chosen to: experiment and text of each note.
        choice: the interaction with its options; None without new physics.
        cl: confidence level, where there is one.
        dof: degrees of freedom of a limit.
        notes: what else a reader should know: experiment and text of each note.
        measurement: of a workspace, where it was asked for.
        hold: values of a workspace's parameters that were held on request, by name.
        version: of spec_builder.
        sources: of every table behind it, for captions.
    """

    analysis: str
    law: str | None = None
    variants: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    by_construction: tuple[Note, ...] = ()
    choice: Choice | None = None
    cl: float | None = None
    dof: int | None = None
    notes: tuple[Note, ...] = ()
    measurement: str | None = None
    hold: Mapping[str, float] = field(default_factory=dict)
    version: str = __version__
    sources: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        analysis: Analysis,
        choice: Choice | None = None,
        masses: FloatArray | None = None,
        *,
        cl: float | None = None,
        dof: int | None = None,
        couplings: Iterable[float] = (),
    ) -> Choices:
        """The choices of an analysis, with an interaction at the masses of its mediator [MeV], or without.

        Args:
            analysis: what is asked.
            choice: the interaction.
            masses: of its mediator, shape (M,); passed over where it has none.
            cl: confidence level.
            dof: degrees of freedom.
            couplings: that the result is about; those beyond perturbation theory are noted.
        """
        its_masses = masses if choice is not None and choice.has_mediator else None
        strong = [coupling_note(choice, couplings)] if choice is not None else []
        statuses = analysis.all_statuses(choice)
        about = cls(analysis.name, analysis.law, analysis.variants, statuses, analysis.by_construction)
        return replace(
            about,
            choice=choice,
            cl=cl,
            dof=dof,
            notes=(*analysis.notes(choice, its_masses), *((analysis.name, told) for told in strong if told)),
            sources=analysis.sources(choice),
        )

    def at(self, cl: float | None, dof: int | None = None) -> Choices:
        """The same at a confidence level."""
        return replace(self, cl=cl, dof=dof)

    def noting(self, notes: Iterable[Note]) -> Choices:
        """The same with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def built(self) -> str:
        """What agrees by construction, in one line as it stands in JSON; '' if nothing."""
        return in_words(self.by_construction)

    @property
    def variant_texts(self) -> tuple[str, ...]:
        """``EXPERIMENT=NAME`` for each chosen variant."""
        return tuple(f"{experiment}={name}" for experiment, name in self.variants.items())

    @property
    def level(self) -> str:
        """Confidence level and degrees of freedom in words."""
        if self.cl is None:
            return ""
        return f"{percent(self.cl)} CL" + ("" if self.dof is None else f", dof {self.dof}")

    @property
    def line(self) -> str:
        """Law, variants, what was asked of a workspace and version in one line."""
        rows = self.rows()
        told = (f"{name} {rows[name]}" for name in ("law", "variants", "measurement", "held") if name in rows)
        return f"{', '.join(told)}, spec_builder {self.version}"

    def rows(self) -> dict[str, str]:
        """What stands in headers, by name: law, variants, what was asked of a workspace, options, notes, version."""
        rows = {"law": self.law or "as in the workspace", "variants": ", ".join(self.variant_texts) or "default"}
        if self.measurement is not None:
            rows["measurement"] = self.measurement
        if self.hold:
            rows["held"] = ", ".join(f"{name} = {value:.10g}" for name, value in self.hold.items())
        if self.choice is not None:
            rows |= option_texts(self.choice)
        if self.notes:
            rows["notes"] = in_words(self.notes)
        return rows | {"by_construction": self.built or "nothing", "version": self.version}

    def to_dict(self, *, statuses: bool = True) -> dict[str, Any]:
        """Plain content for JSON; where the tables are listed in full their statuses need not stand again."""
        content: dict[str, Any] = {
            "analysis": self.analysis,
            "law": self.law,
            "variants": dict(self.variants),
            "by_construction": self.built,
            "version": self.version,
        }
        if statuses:
            content["statuses"] = dict(self.statuses)
        if self.measurement is not None:
            content["measurement"] = self.measurement
        if self.hold:
            content["hold"] = {name: float(value) for name, value in self.hold.items()}
        if self.notes:
            content["notes"] = [f"{experiment}: {text}" for experiment, text in self.notes]
        return content if self.choice is None else content | choice_content(self.choice)


def option_key(name: str) -> str:
    """What an option is called in files and on the command line, where a letter would say too little.

    Examples:
        >>> option_key("u"), option_key("coupling_set")
        ('charge_u', 'coupling_set')
    """
    return name if "_" in name or len(name) > _SHORT else f"charge_{name}"


def choice_content(choice: Choice) -> dict[str, Any]:
    """An interaction with its options as it stands in JSON.

    An option that 0.2 did not have stands there only where it is not at its default, or a number; a user's interaction
    by its file's digest too.
    """
    options = choice.options
    content: dict[str, Any] = {"interaction": choice.name}
    content |= {name: options.get(name) for name in _ALWAYS_WRITTEN}
    content |= {option_key(name): value for name, value in choice.stated.items()}
    if choice.digest is not None:
        content["interaction_sha256"] = choice.digest
    return content


def option_texts(choice: Choice) -> dict[str, str]:
    """The options of an interaction as they stand in headers, with the digest of a user's file."""
    content = choice_content(choice)
    del content["interaction"]
    return {name: str(value) for name, value in content.items() if value is not None}


def coupling_note(choice: Choice, couplings: Iterable[float]) -> str:
    """What to say of couplings to a mediator that are beyond perturbation theory; '' where none is.

    A coupling in the place of a mass, or a mass in GeV or eV, ends there.

    Examples:
        >>> from spec_builder.physics.interactions import choose
        >>> coupling_note(choose("scalar"), [1e-5, 10.0])  # doctest: +ELLIPSIS
        'g = 10 is above sqrt(4 pi), beyond perturbation theory ...'
        >>> coupling_note(choose("scalar"), [1e-5]), coupling_note(choose("nsi"), [10.0])
        ('', '')
    """
    largest = max(map(abs, couplings), default=0.0)
    if not choice.has_mediator or choice.unit or not _STRONG < largest < math.inf:
        return ""
    return (
        f"{choice.parameter} = {largest:g} is above sqrt(4 pi), beyond perturbation theory where charges are of order "
        "1; masses are in MeV"
    )


def parameter_label(choice: Choice) -> str:
    """Symbol and unit of the parameter.

    Examples:
        >>> from spec_builder.physics.interactions import choose
        >>> parameter_label(choose("scalar")), parameter_label(choose("magnetic_moment"))
        ('g', 'mu_nu [mu_B]')
    """
    return f"{choice.parameter} [{choice.unit}]" if choice.unit else choice.parameter


def range_text(masses_MeV: tuple[float, float]) -> str:
    """A range of masses in words.

    Examples:
        >>> range_text((0.01, 1000.0)), range_text((0.001, 1000.0))
        ('0.01 MeV to 1 GeV', '0.001 MeV to 1 GeV')
    """
    return " to ".join(f"{mass / 1e3:g} GeV" if mass >= 1e3 else f"{mass:g} MeV" for mass in masses_MeV)


def distinct_notes(choices: Iterable[Choices]) -> tuple[Note, ...]:
    """What agrees by construction in several results, each note once."""
    return tuple(dict.fromkeys(note for one in choices for note in one.by_construction))
