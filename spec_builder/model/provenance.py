"""The choices behind a number: one record for every text, header, README, qualifier and small print."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["Choices", "choice_content", "distinct_notes", "option_texts", "parameter_label"]

#: Options that stand in every file of an interaction, null where it has none of them: readers of 0.2 expect them.
_ALWAYS_WRITTEN = ("coupling_set", "longitudinal_factor")


@dataclass(frozen=True)
class Choices:
    """The choices behind a number.

    Attributes:
        analysis: its name, or the workspace's file.
        law: ``normsys`` or ``linear``; None for a workspace, whose modifiers say it.
        variants: chosen variant by experiment.
        statuses: status of each table, as ``experiment.table``.
        notes: what agrees with the paper because it was chosen to, as pairs of experiment and text.
        choice: the interaction with its options; None without new physics.
        cl: confidence level, where there is one.
        dof: degrees of freedom of a limit.
        version: of spec_builder.
    """

    analysis: str
    law: str | None = None
    variants: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()
    choice: NewPhysics | None = None
    cl: float | None = None
    dof: int | None = None
    version: str = __version__

    @classmethod
    def of(
        cls, analysis: Analysis, choice: NewPhysics | None = None, *, cl: float | None = None, dof: int | None = None
    ) -> Choices:
        """The choices of an analysis, with an interaction or without."""
        notes = tuple((e.name, e.by_construction) for e in analysis.experiments if e.by_construction)
        return cls(analysis.name, analysis.law, analysis.variants, analysis.statuses, notes, choice, cl, dof)

    def at(self, cl: float, dof: int | None = None) -> Choices:
        """The same at a confidence level."""
        return replace(self, cl=cl, dof=dof)

    @property
    def note_texts(self) -> tuple[str, ...]:
        """Each note with its experiment."""
        return tuple(f"{experiment}: {text}" for experiment, text in self.notes)

    @property
    def by_construction(self) -> str:
        """All notes in one line, as they stand in JSON; '' if there are none."""
        return "; ".join(self.note_texts)

    @property
    def variant_texts(self) -> tuple[str, ...]:
        """``EXPERIMENT=NAME`` for each chosen variant."""
        return tuple(f"{experiment}={name}" for experiment, name in self.variants.items())

    @property
    def level(self) -> str:
        """Confidence level and degrees of freedom in words."""
        if self.cl is None:
            return ""
        return f"{100 * self.cl:.6g} % CL" + ("" if self.dof is None else f", dof {self.dof}")

    @property
    def line(self) -> str:
        """Law, variants and version in one line."""
        rows = self.rows()
        return f"law {rows['law']}, variants {rows['variants']}, spec_builder {self.version}"

    def rows(self) -> dict[str, str]:
        """What stands in headers, by name: law, variants, options, notes, version."""
        rows = {"law": self.law or "as in the workspace", "variants": ", ".join(self.variant_texts) or "default"}
        if self.choice is not None:
            rows |= option_texts(self.choice)
        return rows | {"by_construction": self.by_construction or "nothing", "version": self.version}

    def to_dict(self, *, statuses: bool = True) -> dict[str, Any]:
        """Plain content for JSON; where the tables are listed in full their statuses need not stand again."""
        content: dict[str, Any] = {
            "analysis": self.analysis,
            "law": self.law,
            "variants": dict(self.variants),
            "by_construction": self.by_construction,
            "version": self.version,
        }
        if statuses:
            content["statuses"] = dict(self.statuses)
        return content if self.choice is None else content | choice_content(self.choice)


def choice_content(choice: NewPhysics) -> dict[str, Any]:
    """An interaction with its options as it stands in JSON.

    An option that 0.2 did not have stands there only where it is not at its default; a user's interaction by its
    file's digest too.
    """
    options = choice.options
    content: dict[str, Any] = {"interaction": choice.name}
    content |= {name: options.get(name) for name in _ALWAYS_WRITTEN}
    content |= choice.changed
    if choice.digest is not None:
        content["interaction_sha256"] = choice.digest
    return content


def option_texts(choice: NewPhysics, *, digest: bool = True) -> dict[str, str]:
    """The options of an interaction as they stand in headers, with a user's file's digest or without."""
    content = choice_content(choice)
    del content["interaction"]
    if not digest:
        content.pop("interaction_sha256", None)
    return {name: str(value) for name, value in content.items() if value is not None}


def parameter_label(choice: NewPhysics) -> str:
    """Symbol and unit of the parameter.

    Examples:
        >>> from spec_builder.physics.interactions import parse_new_physics
        >>> parameter_label(parse_new_physics("scalar"))
        'g'
    """
    return f"{choice.parameter} [{choice.unit}]" if choice.unit else choice.parameter


def distinct_notes(choices: Iterable[Choices]) -> tuple[str, ...]:
    """The notes of several results, each once."""
    return tuple(dict.fromkeys(note for one in choices for note in one.note_texts))
