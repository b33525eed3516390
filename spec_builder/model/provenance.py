"""The choices behind a number."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.model.analysis import Analysis

__all__ = ["Provenance", "in_words"]

Note = tuple[str, str]


def in_words(notes: Iterable[Note]) -> str:
    """Notes of experiments in one line, for people and for metadata; '' if there are none.

    Examples:
        >>> in_words([("mine", "the size is chosen"), ("yours", "so is the shape")])
        'mine: the size is chosen; yours: so is the shape'
    """
    return "; ".join(f"{experiment}: {text}" for experiment, text in notes)


@dataclass(frozen=True)
class Provenance:
    """The choices behind a number.

    Attributes:
        analysis: its name, or the workspace's file.
        law: ``normsys`` or ``linear``; None for a workspace, whose modifiers say it.
        variants: chosen variant by experiment.
        statuses: status of each table, as ``experiment.table``.
        by_construction: what agrees with something because it was chosen to: experiment and text of each note.
        version: of spec_builder.
    """

    analysis: str
    law: str | None
    variants: Mapping[str, str]
    statuses: Mapping[str, str]
    by_construction: tuple[Note, ...]
    version: str = __version__

    @property
    def choices(self) -> str:
        """Law, variants and version in one line."""
        variants = ", ".join(f"{k}={v}" for k, v in self.variants.items()) or "default"
        return f"law {self.law or 'as in the workspace'}, variants {variants}, spec_builder {self.version}"

    @property
    def built(self) -> str:
        """What agrees by construction, in one line; '' if nothing."""
        return in_words(self.by_construction)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"by_construction": self.built}

    @classmethod
    def of(cls, analysis: Analysis) -> Provenance:
        """The choices of an analysis."""
        return cls(analysis.name, analysis.law, analysis.variants, analysis.statuses, analysis.by_construction)
