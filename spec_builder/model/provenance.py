"""The choices behind a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.model.analysis import Analysis

__all__ = ["Provenance"]


@dataclass(frozen=True)
class Provenance:
    """The choices behind a number.

    Attributes:
        analysis: its name, or the workspace's file.
        law: ``normsys`` or ``linear``; None for a workspace, whose modifiers say it.
        variants: chosen variant by experiment.
        statuses: status of each table, as ``experiment.table``.
        by_construction: what agrees with the paper because it was chosen to.
        version: of spec_builder.
    """

    analysis: str
    law: str | None
    variants: Mapping[str, str]
    statuses: Mapping[str, str]
    by_construction: str
    version: str = __version__

    @property
    def choices(self) -> str:
        """Law, variants and version in one line."""
        variants = ", ".join(f"{k}={v}" for k, v in self.variants.items()) or "default"
        return f"law {self.law or 'as in the workspace'}, variants {variants}, spec_builder {self.version}"

    @classmethod
    def of(cls, analysis: Analysis) -> Provenance:
        """The choices of an analysis."""
        return cls(analysis.name, analysis.law, analysis.variants, analysis.statuses, analysis.by_construction)
