"""Patch sets of an analysis: what changes in its workspace at each mediator mass and coupling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.grids import check_range, json_mass
from spec_builder.histfactory.patchset import patch_name, patch_set, round_value
from spec_builder.inference.exclusion import exclude, plane_minimum
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.metadata import PAPER
from spec_builder.model.provenance import Choices, parameter_label, range_text
from spec_builder.model.signal import check_change
from spec_builder.model.workspace import NEW_PHYSICS, YIELD_DIGITS, round_yields, signal_modifiers, signal_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.histfactory.modifiers import Law
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.signal import Template
    from spec_builder.model.workspace import Workspace
    from spec_builder.physics.choices import Choice

__all__ = [
    "STYLES",
    "PatchBuilder",
    "Style",
    "build_patch_set",
    "check_new_names",
    "patch_labels",
    "strength_operations",
]

#: ``total`` replaces the signal by Standard Model plus new physics; ``signal`` adds the new physics as a sample of
#: its own, scaled by mu_np, for tools that expect a signal on top.
Style = Literal["total", "signal"]
STYLES: tuple[Style, ...] = get_args(Style)
NEW_SAMPLE = "new_physics"
STRENGTH = "mu_np"
#: The measurement whose parameter of interest is the strength.
MEASUREMENT = "signal_strength"
_DEGREES = {1: "one degree", 2: "two degrees"}


@dataclass(frozen=True)
class PatchBuilder:
    """Turns yields into patches of one workspace.

    Attributes:
        workspace: the Standard Model workspace.
        law: how normalisation uncertainties act.
        style: ``total`` or ``signal``.
        uncertainties: relative size by parameter, for each channel and signal sample.
        largest_strength: upper bound of mu_np in the style ``signal``: 1 where the sample may be negative.
        digits: significant ones of the yields.

    Raises:
        SpecBuilderError: if the workspace has the name of what the style ``signal`` adds.
    """

    workspace: Workspace
    law: Law
    style: Style
    uncertainties: Mapping[str, Mapping[str, Mapping[str, float]]]
    largest_strength: float = 10.0
    digits: int = YIELD_DIGITS

    def __post_init__(self) -> None:
        if self.style == "signal":
            check_new_names(self.workspace)

    def operations(self, templates: Mapping[str, Mapping[str, Template]]) -> list[dict[str, Any]]:
        """The JSON patch of one point.

        Args:
            templates: events of the signal by channel and sample: Standard Model plus new physics for the style
                ``total``, new physics alone for ``signal``.
        """
        channels = list(enumerate(self.workspace["channels"]))
        if self.style == "total":
            return [one for i, channel in channels for one in self._replace(i, channel, templates[channel["name"]])]
        added = [self._add(i, channel["name"], templates[channel["name"]]) for i, channel in channels]
        return added + strength_operations(self.workspace["measurements"], self.largest_strength)

    def _replace(self, i: int, channel: Mapping[str, Any], templates: Mapping[str, Template]) -> list[dict[str, Any]]:
        """New yields of every signal sample, and the data of their modifiers that go with the yields."""
        operations: list[dict[str, Any]] = []
        for j, sample in enumerate(channel["samples"]):
            if sample["name"] not in templates:
                continue
            path, template = f"/channels/{i}/samples/{j}", templates[sample["name"]]
            operations.append(
                {"op": "replace", "path": f"{path}/data", "value": round_yields(template.nominal, self.digits)}
            )
            uncertainties = self.uncertainties[channel["name"]][sample["name"]]
            modifiers = signal_modifiers(self.law, uncertainties, template, self.digits)
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
        uncertainties = self.uncertainties[channel][name]
        sample = signal_sample(NEW_SAMPLE, STRENGTH, self.law, uncertainties, template, self.digits)
        return {"op": "add", "path": f"/channels/{i}/samples/-", "value": sample}


def strength_operations(
    measurements: Sequence[Mapping[str, Any]], largest: float, start: float = 1.0
) -> list[dict[str, Any]]:
    """mu_np fixed at 1 in a workspace's own measurements, and a further one where it is free from ``start`` on."""

    def strength(at: float, bound: float, *, fixed: bool) -> dict[str, Any]:
        return {"name": STRENGTH, "inits": [at], "bounds": [[0.0, bound]], "fixed": fixed}

    operations: list[dict[str, Any]] = []
    for i in range(len(measurements)):
        held = strength(1.0, max(largest, 1.0), fixed=True)
        operations.append({"op": "add", "path": f"/measurements/{i}/config/parameters/-", "value": held})
    physics = next(measurement for measurement in measurements if measurement["name"] == NEW_PHYSICS)
    config = {"poi": STRENGTH, "parameters": [*physics["config"]["parameters"], strength(start, largest, fixed=False)]}
    return [*operations, {"op": "add", "path": "/measurements/-", "value": {"name": MEASUREMENT, "config": config}}]


def check_new_names(workspace: Workspace) -> None:
    """Refuse a workspace that has the names of what patches add: ``new_physics`` and ``mu_np``.

    Raises:
        SpecBuilderError: naming the channel with such a sample, or the parameter.
    """
    for channel in workspace["channels"]:
        if NEW_SAMPLE in {sample["name"] for sample in channel["samples"]}:
            raise SpecBuilderError(
                f"channel {channel['name']}: a sample is named '{NEW_SAMPLE}', as the one that is added; rename it"
            )
    parameters = workspace["measurements"][0]["config"]["parameters"]
    if STRENGTH in {parameter["name"] for parameter in parameters}:
        raise SpecBuilderError(f"a parameter is named '{STRENGTH}', as the strength that is added; rename it")


@dataclass(frozen=True)
class _Points:
    """Points of a patch set, rounded as they stand in it.

    Attributes:
        values: of each patch, in the order of the labels.
        masses: the different ones [MeV], in rising order; one that is nan where there is no mediator.
        place: position of each point among the masses.
        parameter: its coupling, or the interaction's own parameter.
    """

    values: tuple[tuple[float, ...], ...]
    masses: FloatArray
    place: IndexArray
    parameter: FloatArray

    @classmethod
    def of(cls, choice: Choice, points: Sequence[Sequence[float]]) -> _Points:
        """Round and check the points of an interaction.

        Raises:
            SpecBuilderError: if two are the same to 6 digits, or one is out of range.
        """
        values = tuple(tuple(round_value(value) for value in point) for point in points)
        if len(set(values)) < len(values):
            raise SpecBuilderError("two masses or couplings are the same to 6 digits")
        parameter = np.array([point[-1] for point in values])
        check_range("coupling", np.abs(parameter))
        if not choice.signed and (parameter < 0).any():
            raise SpecBuilderError(f"coupling {parameter.min():g}: interaction '{choice.name}' has none below 0")
        if not choice.has_mediator:
            return cls(values, np.array([np.nan]), np.zeros(len(values), dtype=np.intp), parameter)
        each = [point[0] for point in values]
        check_range("mass", each)
        masses = np.array(sorted(set(each)))
        return cls(values, masses, np.searchsorted(masses, each), parameter)

    def name(self, choice: Choice, i: int) -> str:
        """Name of a patch."""
        mass = self.values[i][0] if choice.has_mediator else None
        return patch_name(choice.name, mass, self.values[i][-1])


def patch_labels(choice: Choice) -> tuple[str, ...]:
    """What the values of a patch are.

    Examples:
        >>> from spec_builder.physics.interactions import choose
        >>> patch_labels(choose("scalar")), patch_labels(choose("nsi"))
        (('mass_MeV', 'g'), ('epsilon',))
    """
    return ("mass_MeV", choice.parameter) if choice.has_mediator else (choice.parameter,)


def build_patch_set(
    analysis: Analysis,
    choice: Choice,
    points: Sequence[Sequence[float]],
    *,
    style: Style = "total",
    hepdata: str | None = None,
    digits: int = YIELD_DIGITS,
) -> dict[str, Any]:
    """The patch set of one interaction, a patch for each point.

    Masses and couplings are rounded to 6 digits before the yields are computed, so that a point can be looked up by
    typing its values. Each patch's metadata holds ``delta_chi2`` against the minimum over the plane and
    ``excluded_90``, at 90 % CL for two degrees of freedom; one where there is no mass.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        choice: from :func:`spec_builder.physics.interactions.choose`.
        points: mediator mass [MeV] and g of each; the parameter alone where there is no mediator.
        style: ``total`` or ``signal``; see :data:`spec_builder.model.patches.Style`.
        hepdata: the record's identifier, ``ins`` and seven digits.
        digits: significant ones of the yields.

    Raises:
        SpecBuilderError: if two points round to the same values, the interaction changes nothing, or a point has no
            valid fit.
    """
    rounded = _Points.of(choice, points)
    problem = analysis.problem(choice)
    signal = problem.yields(rounded.masses)
    check_change(choice, signal)
    rows = problem.rows(signal, rounded.place, problem.x(rounded.parameter))
    fits = minimise(problem.likelihood, rows=rows)
    if not fits.valid.all():
        far = rounded.name(choice, int(np.argmin(fits.valid)))
        raise SpecBuilderError(f"{analysis.name}: the fit at {far} is not valid; leave this point out")
    if choice.has_mediator:
        minimum = plane_minimum(problem, analysis.masses_MeV)
    else:
        minimum = exclude(problem, rounded.masses, dof=1).minimum
    least = round(minimum.twice_nll, 6)
    dof = 2 if choice.has_mediator else 1
    level = threshold(0.9, dof=dof)
    heights = [round(height, 4) + 0.0 for height in (fits.twice_nll - least).tolist()]
    return patch_set(
        _description(analysis, choice),
        digest(analysis.workspace),
        _patches(analysis, choice, rounded, (style, digits), [(height, height > level) for height in heights]),
        labels=patch_labels(choice),
        hepdata=hepdata,
        extra={
            **Choices.of(analysis, choice, rounded.masses).to_dict(statuses=False),
            "style": style,
            "measurement": NEW_PHYSICS,
            # two digits of where it lies: more would depend on the machine
            "minimum": {
                "twice_nll": least,
                "mass_MeV": json_mass(None if minimum.mass_MeV is None else float(f"{minimum.mass_MeV:.2g}")),
                "g": float(f"{minimum.g:.2g}"),
            },
            "delta_chi2": f"2NLL less its minimum over {_domain(analysis, choice)}, nuisance parameters profiled",
            "excluded_90": f"delta_chi2 > {level:.6f}: 90 % CL, {_DEGREES[dof]} of freedom",
            "paper": PAPER,
            **analysis.terms,
        },
    )


def _description(analysis: Analysis, choice: Choice) -> str:
    if choice.has_mediator:
        what = "interaction {} between neutrinos and quarks, mediator mass x coupling"
    else:
        what = f"interaction {{}}, {parameter_label(choice)}"
    return f"{analysis.name}: {what.format(choice.name)}"


def _domain(analysis: Analysis, choice: Choice) -> str:
    """What a minimum is over, in words."""
    domain = choice.parameter if choice.signed else f"{choice.parameter} >= 0"
    return f"{range_text(analysis.masses_MeV)} and {domain}" if choice.has_mediator else domain


def _patches(
    analysis: Analysis,
    choice: Choice,
    points: _Points,
    form: tuple[Style, int],
    heights: Sequence[tuple[float, bool]],
) -> Iterator[tuple[str, Sequence[float], dict[str, Any], list[dict[str, Any]]]]:
    """Name, values, metadata and operations of each patch, in a style and with so many digits."""
    style, digits = form
    polynomials = analysis.signal_yields(choice, points.masses if choice.has_mediator else None)
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
        digits=digits,
    )
    for i, (height, excluded) in enumerate(heights):
        x, mass = float(choice.x(points.parameter[i])), int(points.place[i])
        templates = {
            channel: {sample: yields.template(x, mass) for sample, yields in samples.items()}
            for channel, samples in polynomials.items()
        }
        metadata = {"delta_chi2": height, "excluded_90": excluded}
        yield points.name(choice, i), points.values[i], metadata, builder.operations(templates)
