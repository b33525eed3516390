"""Reader and checker of the responses of ``experiment.toml``: a function for each kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.grids import real_number
from spec_builder.experiments import keys
from spec_builder.experiments.response import ChargeYieldResponse, GaussianResponse, MatrixResponse, Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Axis, Run
    from spec_builder.experiments.response import Response
    from spec_builder.experiments.sections import Section
    from spec_builder.experiments.tables import Tables

__all__ = ["Layout", "read_response"]

#: Standard deviations of a Gaussian response below the end of the last bin: the quadrature has eight nodes in each.
_MOST_WIDTHS = 20_000


@dataclass(frozen=True)
class Layout:
    """What a response has to fit: runs, axes and the number of its bins.

    Attributes:
        runs: of the channel.
        axes: of the channel.
        bins: that the response has; without those of the time, where it has an axis.
    """

    runs: tuple[Run, ...]
    axes: tuple[Axis, ...]
    bins: int

    def edges(self) -> tuple[FloatArray, ...]:
        """Edges of the first axis for each run."""
        return tuple(self.axes[0].edges[run.name] for run in self.runs)


def read_response(
    section: Section, layout: Layout, tables: Tables
) -> tuple[Response, dict[str, tuple[Response, Response]]]:
    """The response and its variations.

    Args:
        section: of the response.
        layout: what it has to fit.
        tables: beside the file.

    Raises:
        SpecBuilderError: naming the key that is wrong.
    """
    if "kind" not in section:  # it may be misspelt
        section.only(*dict.fromkeys(key for names in keys.RESPONSE.values() for key in names))
    kind = section.one_of("kind", _KINDS)
    section.only(*keys.RESPONSE[kind])
    response = _KINDS[kind](section, layout, tables)
    variations = {}
    if "variations" in section:
        for name, block in section.named_sections("variations").items():
            variations[name] = _variation(name, block, layout, tables)
    section.finish()
    return response, variations


def _per_run(section: Section, key: str, runs: tuple[Run, ...]) -> list[str]:
    """A file for each run: one text for all of them, or a table by run."""
    content = section.take(key)
    if isinstance(content, str):
        return [content] * len(runs)
    files = section.nested(key, content)
    files.only(*(run.name for run in runs))
    names = [files.text(run.name) for run in runs]
    files.finish()
    return names


def _selections(what: str, files: list[str], layout: Layout, tables: Tables) -> tuple[Selection, ...]:
    return tuple(
        tables.selection(f"{what}_{run.name}", file, layout.bins) for run, file in zip(layout.runs, files, strict=True)
    )


def _matrix(section: Section, layout: Layout, tables: Tables) -> MatrixResponse:
    return MatrixResponse(_selections("response", _per_run(section, "tables", layout.runs), layout, tables))


def _variation(name: str, block: Section, layout: Layout, tables: Tables) -> tuple[Response, Response]:
    """The response at +1 and at -1 of a shape parameter."""
    block.only(*keys.VARIATION)
    up, down = (
        MatrixResponse(_selections(f"response_{name}_{side}", _per_run(block, side, layout.runs), layout, tables))
        for side in ("up", "down")
    )
    block.finish()
    return up, down


def _resolution(section: Section, content: object) -> tuple[tuple[float, float], ...]:
    """Pairs of a coefficient and a power of the energy."""
    terms = content if isinstance(content, list) else []
    pairs = [term for term in terms if isinstance(term, list) and len(term) == 2]
    resolution = tuple((real_number(coefficient), real_number(power)) for coefficient, power in pairs)
    if not pairs or len(pairs) < len(terms) or not np.isfinite(resolution).all():
        raise section.error("resolution_keV", "a list of [coefficient, power of the energy in keV]", content)
    return resolution


def _gaussian(section: Section, layout: Layout, tables: Tables) -> GaussianResponse:
    unit = layout.axes[0].unit
    if unit not in tables.energy or len(layout.edges()[0]) != layout.bins + 1:
        expected = f"another one: 'gaussian' needs one axis in {', '.join(tables.energy)}"
        raise section.error("kind", expected, GaussianResponse.kind)
    energy, efficiency = tables.efficiency(section.text("efficiency"))
    content = section.take("resolution_keV")
    resolution = _resolution(section, content)
    hold = section.positive("hold_above_keV") if "hold_above_keV" in section else None
    response = GaussianResponse(layout.edges(), energy, efficiency, resolution, hold)
    highest = max(float(edges[-1]) for edges in layout.edges())
    sigma = response.sigma_keV(np.linspace(0.01, 1.0, 100) * highest)
    if not (sigma > 0).all():
        raise section.error("resolution_keV", "positive at every energy", content)
    if highest * float(np.mean(1 / sigma)) > _MOST_WIDTHS:
        expected = f"wider: at most {_MOST_WIDTHS} standard deviations lie below the end of the last bin"
        raise section.error("resolution_keV", expected, content)
    if not math.isfinite(response.reach_keV()[1]):
        expected = "a resolution that grows less above the last bin; hold_above_keV holds it"
        raise section.error("resolution_keV", expected, content)
    return response


def _charge_yield(section: Section, layout: Layout, tables: Tables) -> ChargeYieldResponse:
    reference = _matrix(section, layout, tables)
    energy, charge_yield = tables.charge_yield(section.text("charge_yield"))
    edges = layout.edges()
    if "bin_edges" in section:
        own = section.section("bin_edges")
        own.only(*(run.name for run in layout.runs))
        edges = tuple(own.increasing(run.name) for run in layout.runs)
        own.finish()
        if any(e.size != layout.bins + 1 for e in edges):
            raise section.error("bin_edges", f"lists of {layout.bins + 1} edges", [e.tolist() for e in edges])
    return ChargeYieldResponse(
        bin_edges=edges,
        recoil_energy_keV=energy,
        charge_yield=charge_yield,
        gain=section.positive("gain"),
        efficiencies=_efficiencies(section, layout, tables),
        reference=reference,
    )


def _efficiencies(section: Section, layout: Layout, tables: Tables) -> tuple[Selection | float, ...]:
    """One number for all runs, or the sum of the bins of a table for each."""
    if "efficiency" in section:
        efficiency = section.positive("efficiency")
        if efficiency > 1:
            raise section.error("efficiency", "a number above 0 and at most 1", efficiency)
        return (efficiency,) * len(layout.runs)
    selections = _selections("efficiency", _per_run(section, "efficiency_tables", layout.runs), layout, tables)
    return tuple(Selection(s.recoil_energy_keV, s.probability.sum(axis=0, keepdims=True)) for s in selections)


_KINDS: dict[str, Callable[[Section, Layout, Tables], Response]] = {
    MatrixResponse.kind: _matrix,
    GaussianResponse.kind: _gaussian,
    ChargeYieldResponse.kind: _charge_yield,
}
