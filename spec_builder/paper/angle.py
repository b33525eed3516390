"""Determinations of the weak mixing angle against the scale (Fig. 3): published ones, the running, and our own fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.cells import csv_line, header_line
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.tables import packaged_table
from spec_builder.physics.constants import HBAR_C
from spec_builder.physics.interactions import STANDARD_MODEL
from spec_builder.physics.rates import rate
from spec_builder.physics.targets import momentum_transfer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult

__all__ = ["AnglePoint", "analysis_scale", "fitted_points", "points_csv", "published_points", "running_angle"]

#: Effective leptonic angle less the MS-bar one at the Z mass (PDG 2024, Sec. 10).
_EFFECTIVE_LEPTONIC = 0.00032
#: On-shell sin^2 theta_W of the Standard Model's fit (PDG 2016).
_ON_SHELL = 0.22336
_Z_MASS_GEV = 91.1876
#: Our points are drawn apart from each other and from those of others: factors on their scales.
_APART = {"pandax4t": 0.76, "combined": 0.96, "xenonnt": 1.06, "coherent_csi": 1.15}


@dataclass(frozen=True)
class AnglePoint:
    """A determination of sin^2 theta_W with one standard deviation.

    Attributes:
        label: experiment or combination.
        scale_GeV: momentum transfer that it belongs to.
        drawn_at_GeV: where it is drawn, apart from its neighbours.
        quoted: value in the scheme of its source.
        scheme: that scheme.
        value: in the MS-bar scheme at its scale, as drawn.
        up: None if the interval has no end below 1.
        down: None if it has none above 0.
        status: ``computed`` by a fit of ours, ``published``, or ``recalled``.
        reference: of its source.
        analysis: of our fits, '' for others.
    """

    label: str
    scale_GeV: float
    drawn_at_GeV: float
    quoted: float
    scheme: str
    value: float
    up: float | None
    down: float | None
    status: str
    reference: str
    analysis: str = ""


def running_angle(scale_GeV: FloatArray | float) -> FloatArray:
    """sin^2 theta_W in the MS-bar scheme, interpolated in the logarithm of the scale.

    Examples:
        >>> running_angle([1e-6, 91.1876]).tolist()
        [0.23857, 0.23121]
    """
    table = packaged_table("comparison/sin2thetaw_running", ("scale_GeV", "sin2thetaw"))
    value: FloatArray = np.interp(np.log(scale_GeV), np.log(table["scale_GeV"]), table["sin2thetaw"])
    return value


def _ms_bar(scheme: str, scale_GeV: float, value: float) -> tuple[float, float]:
    """A quoted value in the MS-bar scheme at its scale, and the factor on its errors."""
    here = float(running_angle(scale_GeV))
    if scheme in ("msbar", "low_energy", "effective"):
        return value, 1.0
    if scheme == "effective_leptonic":
        return value - _EFFECTIVE_LEPTONIC, 1.0
    if scheme == "msbar_mz":
        return value + here - float(running_angle(_Z_MASS_GEV)), 1.0
    if scheme == "on_shell":
        return value * here / _ON_SHELL, here / _ON_SHELL
    raise SpecBuilderError(f"scheme '{scheme}' of a weak mixing angle is unknown")


def published_points() -> list[AnglePoint]:
    """The determinations of the table, in its order."""
    numbers = ("scale_GeV", "drawn_at_GeV", "value", "up", "down")
    texts = ("label", "scheme", "status", "reference", "confirmed")
    table = packaged_table("comparison/sin2thetaw_measurements", numbers, texts)
    points = []
    for row in range(table["value"].size):
        scale, drawn_at, quoted, up, down = (float(table[name][row]) for name in numbers)
        label, scheme, status, reference, _ = (table.labels[name][row] for name in texts)
        value, factor = _ms_bar(scheme, scale, quoted)
        points.append(
            AnglePoint(label, scale, drawn_at, quoted, scheme, value, factor * up, factor * down, status, reference)
        )
    return points


def analysis_scale(analysis: Analysis) -> float:
    """Mean momentum transfer |q| [MeV] of the Standard Model's events in an analysis."""
    total = moment = 0.0
    for kernel in analysis.kernels:
        channel, nuclei = kernel.channel, kernel.channel.target
        energy = kernel.kernel.recoil_energy_keV
        rates = rate(channel.source, nuclei, STANDARD_MODEL, energy)[:, 0, 0]
        if channel.timing is not None:  # the share of each component that is seen in all time bins
            seen = [float(channel.timing[str(component.timing)].sum()) for component in channel.source.components]
            rates = rates * np.array(seen)[:, None]
        events = kernel.kernel.weights.sum(axis=0) * rates.sum(axis=0)
        q = momentum_transfer(nuclei, energy * 1e-3) * HBAR_C
        mean_q = np.average(q, axis=0, weights=nuclei.targets_per_tonne[:, 0])
        total += float(events.sum())
        moment += float(events @ mean_q)
    return moment / total


def fitted_points(fits: Sequence[tuple[Analysis, FitResult]], names: Mapping[str, str]) -> list[AnglePoint]:
    """Our fits of sin^2 theta_W as points of Fig. 3.

    Args:
        fits: of ``sin2thetaw``, one standard deviation, each with its analysis.
        names: label by analysis.
    """
    points = []
    for analysis, result in fits:
        about, fit = result.provenance, result.fit
        scale = analysis_scale(analysis) * 1e-3
        drawn_at = scale * _APART.get(about.analysis, 1.0)
        label = names.get(about.analysis, about.analysis)
        reference = f"spec_builder {about.version}, law {about.law}"
        points.append(
            AnglePoint(
                label, scale, drawn_at, fit.value, "low_energy", fit.value, fit.up, fit.down, "computed", reference,
                about.analysis,
            )
        )  # fmt: skip
    return points


def points_csv(points: Sequence[AnglePoint], header: Mapping[str, str]) -> str:
    """The points as a table; an interval end that does not exist is empty."""
    lines = [header_line(key, value) for key, value in header.items()]
    columns = ("label", "scale_GeV", "drawn_at_GeV", "quoted", "scheme", "value", "up", "down", "status", "reference")
    lines.append(csv_line(columns))
    for point in points:
        ends = ["" if end is None else f"{end:.6g}" for end in (point.up, point.down)]
        numbers = (f"{point.scale_GeV:.4g}", f"{point.drawn_at_GeV:.4g}", f"{point.quoted:.6g}")
        row = (point.label, *numbers, point.scheme, f"{point.value:.6g}", *ends, point.status, point.reference)
        lines.append(csv_line(row))
    return "\n".join(lines) + "\n"
