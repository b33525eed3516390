"""Writing of workspaces with their metadata, to share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json, digest, refuse_existing, write_text
from spec_builder.base.grids import check_range
from spec_builder.base.version import __version__
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.histfactory.patchset import PatchBuilder, patch_name, patch_set, patch_set_json, round_value
from spec_builder.inference.exclusion import plane_minimum, polynomial_yields
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.analysis import load_analyses
from spec_builder.model.signal import SignalPolynomial
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.histfactory.patchset import Style
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["PatchRequest", "build_patch_set", "export_workspaces", "workspace_metadata"]

PAPER = "arXiv:2411.11749, JCAP 05 (2025) 012, doi:10.1088/1475-7516/2025/05/012"
WORKSPACE_FILE = "BkgOnly.json"
METADATA_FILE = "BkgOnly.meta.json"
#: Couplings of a patch set reach this factor beyond the ends of what is excluded.
_AROUND = 2.0


def workspace_metadata(analysis: Analysis) -> dict[str, Any]:
    """What a workspace's file cannot say: the choices, sources and units behind it."""
    return {
        "schema": "spec_builder/workspace/1",
        "version": __version__,
        "paper": PAPER,
        "analysis": analysis.name,
        "law": analysis.law,
        "variants": analysis.variants,
        "by_construction": analysis.by_construction,
        "licence": analysis.licence or "not stated",
        "reference": {
            "flux_1e6_cm2_s1": round(solar_flux().total * 1e-6, 6),
            "meaning": "mu_8b = 1",
            "sin2_theta_w": SIN2_THETA_W,
        },
        "experiments": {
            experiment.name: _experiment_metadata(experiment, correction.tolist())
            for experiment, correction in zip(
                analysis.experiments, (kernel.correction for kernel in analysis.kernels), strict=True
            )
        },
        "sha256": digest(analysis.workspace),
    }


def _experiment_metadata(experiment: Experiment, correction: list[float]) -> dict[str, Any]:
    return {
        "title": experiment.title,
        "references": list(experiment.references),
        "channel": experiment.channel,
        "observable": {"name": experiment.observable.name, "unit": experiment.observable.unit},
        "runs": {
            run.name: {"exposure_t_yr": run.exposure_t_yr, "bin_edges": run.bin_edges.tolist()}
            for run in experiment.runs
        },
        "response": type(experiment.response).kind,
        "response_correction": [float(f"{factor:.6g}") for factor in correction],
        "tables": {
            what: {"status": status, "source": experiment.sources[what]} for what, status in experiment.statuses.items()
        },
    }


def build_patch_set(
    analysis: Analysis,
    choice: NewPhysics,
    points: Sequence[tuple[float, float]],
    *,
    style: Style = "total",
    hepdata: str | None = None,
) -> dict[str, Any]:
    """The patch set of one interaction, a patch for each point.

    Masses and couplings are rounded to 6 digits before the yields are computed, so that a point can be looked up by
    typing its values. Each patch's metadata holds ``delta_chi2`` against the minimum over the plane and
    ``excluded_90``, at 90 % CL for two degrees of freedom.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        choice: from :func:`spec_builder.physics.interactions.parse_new_physics`.
        points: mediator mass [MeV] and g of each.
        style: ``total`` or ``signal``; see :data:`spec_builder.histfactory.patchset.Style`.
        hepdata: the record's identifier, ``ins`` and seven digits.

    Raises:
        SpecBuilderError: if two points round to the same values, or a point has no valid fit.
    """
    rounded = [(round_value(mass), round_value(g)) for mass, g in points]
    if len(set(rounded)) < len(rounded):
        raise SpecBuilderError("two masses or couplings are the same to 6 digits")
    check_range("mass", [mass for mass, _ in rounded])
    check_range("coupling", [g for _, g in rounded])
    name = choice.interaction.value
    mass = np.array(sorted({mass for mass, _ in rounded}))
    place, g = np.searchsorted(mass, [mass for mass, _ in rounded]), np.array([g for _, g in rounded])
    likelihood, total = analysis.new_physics(choice)
    fits = minimise(likelihood, sample=SIGNAL_SAMPLE, yields=polynomial_yields(total(mass), place, g))
    if not fits.valid.all():
        far = patch_name(name, *rounded[int(np.argmin(fits.valid))])
        raise SpecBuilderError(f"{analysis.name}: the fit at {far} is not valid; leave this point out")
    minimum = plane_minimum(likelihood, SIGNAL_SAMPLE, total)
    least = round(minimum.twice_nll, 6)
    heights = (fits.twice_nll - least).tolist()
    heights = [round(height, 4) + 0.0 for height in heights]
    level = threshold(0.9, dof=2)
    polynomials = analysis.new_physics_yields(choice, mass)
    if style == "signal":
        polynomials = {
            name: SignalPolynomial(np.concatenate([np.zeros_like(p.coefficients[:1]), p.coefficients[1:]]))
            for name, p in polynomials.items()
        }
    interferes = any(bool(p.coefficients[1].any()) for p in polynomials.values())
    builder = PatchBuilder(
        analysis.workspace,
        analysis.law,
        style,
        {e.channel: e.signal_uncertainties for e in analysis.experiments},
        largest_strength=1.0 if interferes else 10.0,
    )
    yields = {channel: polynomial_yields(p.coefficients, place, g) for channel, p in polynomials.items()}

    def patches() -> Iterator[tuple[str, Sequence[float], dict[str, Any], list[dict[str, Any]]]]:
        for i, (values, height) in enumerate(zip(rounded, heights, strict=True)):
            metadata = {"delta_chi2": height, "excluded_90": height > level}
            operations = builder.operations({channel: rows[i] for channel, rows in yields.items()})
            yield patch_name(name, *values), values, metadata, operations

    return patch_set(
        f"{analysis.name}: interaction {name} between neutrinos and quarks, mediator mass x coupling",
        digest(analysis.workspace),
        patches(),
        hepdata=hepdata,
        extra={
            "analysis": analysis.name,
            "interaction": choice.interaction.value,
            "coupling_set": choice.coupling_set,
            "longitudinal_factor": choice.longitudinal_factor,
            "law": analysis.law,
            "variants": analysis.variants,
            "style": style,
            "measurement": "new_physics",
            # two digits of where it lies: more would depend on the machine
            "minimum": {
                "twice_nll": least,
                "mass_MeV": None if minimum.mass_MeV is None else float(f"{minimum.mass_MeV:.2g}"),
                "g": float(f"{minimum.g:.2g}"),
            },
            "delta_chi2": "2NLL less its minimum over 0.01 MeV to 1 GeV and g >= 0, nuisance parameters profiled",
            "excluded_90": f"delta_chi2 > {level:.6f}: 90 % CL, two degrees of freedom",
            "by_construction": analysis.by_construction,
            "paper": PAPER,
            "licence": analysis.licence or "not stated",
            "version": __version__,
        },
    )


@dataclass(frozen=True)
class PatchRequest:
    """Patch sets to write beside each workspace.

    Attributes:
        choices: the interactions.
        masses: mediator masses [MeV].
        couplings: g; None for as many around the limit at each mass as there are masses.
        style: ``total`` or ``signal``.
        hepdata: the record's identifier.
    """

    choices: Sequence[NewPhysics]
    masses: Sequence[float]
    couplings: Sequence[float] | None
    style: Style = "total"
    hepdata: str | None = None

    def points(self, analysis: Analysis, choice: NewPhysics) -> list[tuple[float, float]]:
        """Mass and coupling of every patch.

        Without couplings asked for, they run at each mass from about half the lowest to twice the highest end of
        the intervals that are excluded at 90 % CL (two degrees of freedom).
        """
        if self.couplings is not None:
            return [(mass, g) for mass in self.masses for g in self.couplings]
        points = []
        for point in find_limits(analysis, choice, np.array(self.masses)).exclusion.points:
            ends = [end for interval in point.excluded for end in interval if end]
            if not ends:
                raise SpecBuilderError(f"nothing is excluded at {point.mass_MeV:g} MeV: give --couplings")
            points += [(point.mass_MeV, float(g)) for g in _around(min(ends), max(ends), len(self.masses))]
        return points


def _around(low: float, high: float, count: int) -> FloatArray:
    """Log-spaced couplings from about half of ``low`` to twice ``high``, which lies half way between two of them.

    A point on the limit would be excluded or not by its last digits.
    """
    begin, end = math.log(low / _AROUND), math.log(high * _AROUND)
    step = (end - begin) / max(count - 1, 1)
    below = (math.log(high) - begin) / step  # steps below the limit; a whole or half number where low is high
    shift = below - math.floor(below + 0.25) - 0.5
    around: FloatArray = np.exp(begin + step * (np.arange(count) + shift))
    return around


def _patch_file(choice: NewPhysics) -> str:
    return f"patchset_{choice.interaction.value}.json"


def export_workspaces(
    analyses: Iterable[str],
    output: Path,
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    patches: PatchRequest | None = None,
    force: bool = False,
    report: Callable[[int, int], object] = lambda *_: None,
) -> list[Path]:
    """Write ``<output>/<analysis>/BkgOnly.json`` and its ``.meta.json`` for each analysis, and its patch sets.

    The same inputs give the same bytes. A variant applies to every analysis that holds its experiment.

    Args:
        analyses: names, as :func:`spec_builder.model.analysis.load_analysis` takes them.
        output: the folder.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        patches: interactions to write ``patchset_<interaction>.json`` for.
        force: replace files that exist.
        report: told how many patch sets are made, and of how many.

    Raises:
        SpecBuilderError: for an unknown analysis, law or variant, or a file that exists; then nothing is written.
    """
    loaded = load_analyses(analyses, law, variants)
    files: dict[Path, str] = {}
    made, wanted = 0, len(loaded) * len(patches.choices if patches else ())
    report(made, wanted)
    for analysis in loaded:
        folder = output / analysis.name
        if folder / WORKSPACE_FILE in files:
            raise SpecBuilderError(f"analysis '{analysis.name}' stands twice, and both would be written to {folder}")
        files[folder / WORKSPACE_FILE] = canonical_json(analysis.workspace)
        metadata = workspace_metadata(analysis)
        metadata["patch_sets"] = {}
        if patches is not None:
            contents = {_patch_file(choice): (choice, folder / _patch_file(choice)) for choice in patches.choices}
            for _, path in contents.values():
                refuse_existing(path, force=force)
            for file, (choice, path) in contents.items():
                content = build_patch_set(
                    analysis,
                    choice,
                    patches.points(analysis, choice),
                    style=patches.style,
                    hepdata=patches.hepdata,
                )
                files[path] = patch_set_json(content)
                metadata["patch_sets"][file] = digest(content)
                made += 1
                report(made, wanted)
        files[folder / METADATA_FILE] = canonical_json(metadata)
    for path in files:
        refuse_existing(path, force=force)
    for path, text in files.items():
        write_text(path, text, force=force)
    return list(files)
