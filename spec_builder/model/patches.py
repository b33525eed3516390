"""Patch sets of an analysis: what changes in its workspace at each mediator mass and coupling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.grids import check_range
from spec_builder.base.version import __version__
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.histfactory.modifiers import normalisation_modifiers
from spec_builder.histfactory.patchset import patch_name, patch_set, round_value
from spec_builder.inference.curves import polynomial_yields
from spec_builder.inference.exclusion import plane_minimum
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.metadata import PAPER
from spec_builder.model.signal import SignalPolynomial
from spec_builder.model.workspace import round_yields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.modifiers import Law
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.workspace import Workspace
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["STYLES", "PatchBuilder", "Style", "build_patch_set"]

#: ``total`` replaces the signal by Standard Model plus new physics; ``signal`` adds the new physics as a sample of
#: its own, scaled by mu_np, for tools that expect a signal on top.
Style = Literal["total", "signal"]
STYLES: tuple[Style, ...] = get_args(Style)
NEW_SAMPLE = "new_physics"
STRENGTH = "mu_np"


@dataclass(frozen=True)
class PatchBuilder:
    """Turns yields into patches of one workspace.

    Attributes:
        workspace: the Standard Model workspace.
        law: how normalisation uncertainties act.
        style: ``total`` or ``signal``.
        uncertainties: of the signal, relative size by name, for each channel.
        largest_strength: upper bound of mu_np in the style ``signal``: 1 where the sample may be negative.
    """

    workspace: Workspace
    law: Law
    style: Style
    uncertainties: Mapping[str, Mapping[str, float]]
    largest_strength: float = 10.0

    def operations(self, yields: Mapping[str, FloatArray]) -> list[dict[str, Any]]:
        """The JSON patch of one point.

        Args:
            yields: events per bin of the signal by channel: Standard Model plus new physics for the style
                ``total``, new physics alone for ``signal``.
        """
        place = {channel["name"]: i for i, channel in enumerate(self.workspace["channels"])}
        operations = []
        for channel, i in sorted(place.items(), key=lambda item: item[1]):
            nominal = round_yields(yields[channel])
            if self.style == "total":
                operations += self._replace(i, channel, nominal)
            else:
                operations.append(self._add(i, channel, nominal))
        return operations if self.style == "total" else operations + self._strength()

    def _replace(self, i: int, channel: str, nominal: list[float]) -> list[dict[str, Any]]:
        samples = self.workspace["channels"][i]["samples"]
        j = next(j for j, sample in enumerate(samples) if sample["name"] == SIGNAL_SAMPLE)
        path = f"/channels/{i}/samples/{j}"
        operations: list[dict[str, Any]] = [{"op": "replace", "path": f"{path}/data", "value": nominal}]
        new = {
            m["name"]: m["data"] for m in normalisation_modifiers(self.law, dict(self.uncertainties[channel]), nominal)
        }
        operations += [
            {"op": "replace", "path": f"{path}/modifiers/{k}/data", "value": new[modifier["name"]]}
            for k, modifier in enumerate(samples[j]["modifiers"])
            if modifier["type"] == "histosys"
        ]
        return operations

    def _add(self, i: int, channel: str, nominal: list[float]) -> dict[str, Any]:
        modifiers = normalisation_modifiers(self.law, dict(self.uncertainties[channel]), nominal)
        modifiers.append({"name": STRENGTH, "type": "normfactor", "data": None})
        sample = {
            "name": NEW_SAMPLE,
            "data": nominal,
            "modifiers": sorted(modifiers, key=lambda m: (m["name"], m["type"])),
        }
        return {"op": "add", "path": f"/channels/{i}/samples/-", "value": sample}

    def _strength(self) -> list[dict[str, Any]]:
        """mu_np fixed at 1 in the workspace's own measurements, and a third one that has it as POI."""

        def parameter(*, fixed: bool) -> dict[str, Any]:
            return {"name": STRENGTH, "inits": [1.0], "bounds": [[0.0, self.largest_strength]], "fixed": fixed}

        measurements = self.workspace["measurements"]
        operations: list[dict[str, Any]] = [
            {"op": "add", "path": f"/measurements/{i}/config/parameters/-", "value": parameter(fixed=True)}
            for i in range(len(measurements))
        ]
        physics = next(m for m in measurements if m["name"] == "new_physics")
        config = {"poi": STRENGTH, "parameters": [*physics["config"]["parameters"], parameter(fixed=False)]}
        value = {"name": "signal_strength", "config": config}
        return [*operations, {"op": "add", "path": "/measurements/-", "value": value}]


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
        style: ``total`` or ``signal``; see :data:`spec_builder.model.patches.Style`.
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
    minimum = plane_minimum(analysis.problem(choice))
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
