"""Patch sets of an analysis: what changes in its workspace at each mediator mass and coupling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.grids import check_range
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.histfactory.patchset import patch_name, patch_set, round_value
from spec_builder.inference.curves import polynomial_yields
from spec_builder.inference.exclusion import plane_minimum
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.metadata import PAPER
from spec_builder.model.provenance import Choices
from spec_builder.model.workspace import round_yields, signal_modifiers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spec_builder.histfactory.modifiers import Law
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.signal import Template
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
        uncertainties: relative size by parameter, for each channel and signal sample.
        largest_strength: upper bound of mu_np in the style ``signal``: 1 where the sample may be negative.
    """

    workspace: Workspace
    law: Law
    style: Style
    uncertainties: Mapping[str, Mapping[str, Mapping[str, float]]]
    largest_strength: float = 10.0

    def operations(self, templates: Mapping[str, Mapping[str, Template]]) -> list[dict[str, Any]]:
        """The JSON patch of one point.

        Args:
            templates: events of the signal by channel and sample: Standard Model plus new physics for the style
                ``total``, new physics alone for ``signal``.
        """
        operations: list[dict[str, Any]] = []
        for i, channel in enumerate(self.workspace["channels"]):
            name = channel["name"]
            if self.style == "total":
                operations += self._replace(i, channel, templates[name])
            else:
                operations.append(self._add(i, name, templates[name]))
        return operations if self.style == "total" else operations + self._strength()

    def _replace(self, i: int, channel: Mapping[str, Any], templates: Mapping[str, Template]) -> list[dict[str, Any]]:
        """New yields of every signal sample, and the data of their modifiers that go with the yields."""
        operations: list[dict[str, Any]] = []
        for j, sample in enumerate(channel["samples"]):
            if sample["name"] not in templates:
                continue
            path, template = f"/channels/{i}/samples/{j}", templates[sample["name"]]
            operations.append({"op": "replace", "path": f"{path}/data", "value": round_yields(template.nominal)})
            uncertainties = self.uncertainties[channel["name"]][sample["name"]]
            modifiers = signal_modifiers(self.law, uncertainties, template)
            new = {(modifier["name"], modifier["type"]): modifier["data"] for modifier in modifiers}
            for k, modifier in enumerate(sample["modifiers"]):
                data = new.get((modifier["name"], modifier["type"]))
                follows = modifier["type"] == "histosys" or modifier["name"] in template.variations
                if data is not None and follows:
                    operations.append({"op": "replace", "path": f"{path}/modifiers/{k}/data", "value": data})
        return operations

    def _add(self, i: int, channel: str, templates: Mapping[str, Template]) -> dict[str, Any]:
        """The new physics as a sample of its own."""
        (name, template), *others = templates.items()
        if others or template.variations:
            raise SpecBuilderError(
                f"channel {channel}: patches of style 'signal' need one signal sample without shape uncertainties, "
                "expected style 'total'"
            )
        modifiers = signal_modifiers(self.law, self.uncertainties[channel][name], template)
        modifiers.append({"name": STRENGTH, "type": "normfactor", "data": None})
        sample = {
            "name": NEW_SAMPLE,
            "data": round_yields(template.nominal),
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
    name = choice.name
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
    polynomials = analysis.signal_yields(choice, mass)
    if style == "signal":
        polynomials = {
            channel: {sample: yields.without_standard_model() for sample, yields in samples.items()}
            for channel, samples in polynomials.items()
        }
    interferes = any(bool(y.nominal[1].any()) for samples in polynomials.values() for y in samples.values())
    builder = PatchBuilder(
        analysis.workspace,
        analysis.law,
        style,
        {c.name: {signal.name: signal.uncertainties for signal in c.signals} for c in analysis.channels},
        largest_strength=1.0 if interferes else 10.0,
    )

    def patches() -> Iterator[tuple[str, Sequence[float], dict[str, Any], list[dict[str, Any]]]]:
        for i, (values, height) in enumerate(zip(rounded, heights, strict=True)):
            metadata = {"delta_chi2": height, "excluded_90": height > level}
            x, m = float(choice.x(g[i])), int(place[i])
            templates = {
                channel: {sample: yields.template(x, m) for sample, yields in samples.items()}
                for channel, samples in polynomials.items()
            }
            operations = builder.operations(templates)
            yield patch_name(name, *values), values, metadata, operations

    return patch_set(
        f"{analysis.name}: interaction {name} between neutrinos and quarks, mediator mass x coupling",
        digest(analysis.workspace),
        patches(),
        hepdata=hepdata,
        extra={
            **Choices.of(analysis, choice).to_dict(statuses=False),
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
            "paper": PAPER,
            "licence": analysis.licence or "not stated",
        },
    )
