"""What a file in HS3 says of its measurements: likelihood, start, bounds and what is held, as settings of pyhf."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import unknown_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from spec_builder.histfactory.specification import Constraint

__all__ = ["DEFAULT_POINT", "Names", "chosen_measurements", "likelihoods_of", "settings_of", "start_of"]

#: The parameter point in which ROOT keeps values, and what is constant.
DEFAULT_POINT = "default_values"
#: pyhf's name of the luminosity, its one normfactor with a constraint.
LUMI = "lumi"
#: Bounds of a bin's parameter that is held: of no consequence, but pyhf wants some for all bins of a modifier.
_ANY_BOUNDS = (0.0, 10.0)


@dataclass
class Names:
    """The names that pyhf has for a file's parameters.

    Attributes:
        luminosity: the normfactor with a constraint, and the constraint, if there is one.
        bins: pyhf's name of a parameter of bins, by the file's.
        lengths: number of parameters by pyhf's name of the modifier of bins.
        uncertain: parameters of bins with an uncertainty, or none to be held by: the others pyhf holds by itself.
    """

    luminosity: tuple[str, Constraint] | None = None
    bins: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)

    def add(self, stem: str, parameters: Sequence[str]) -> None:
        """Have parameters of bins under a modifier's name, as the next ones there, or as those that they are already.

        Raises:
            SpecBuilderError: if a parameter acts on several bins.
        """
        first = self.bins.get(parameters[0])
        start = self.lengths.get(stem, 0) if first is None else int(first.rpartition("[")[2][:-1])
        for i, parameter in enumerate(parameters):
            name = f"{stem}[{start + i}]"
            if self.bins.setdefault(parameter, name) != name:
                raise SpecBuilderError(f"parameter '{parameter}': acts on several bins, which pyhf cannot hold")
        self.lengths[stem] = max(self.lengths.get(stem, 0), start + len(parameters))

    def stem(self, parameter: str) -> str:
        """Name, in pyhf, of the modifier that has a parameter of bins."""
        return self.bins[parameter].rpartition("[")[0]

    def members(self, stem: str) -> list[str]:
        """The file's names of the parameters under a modifier's name, in pyhf's order."""
        theirs = {ours: parameter for parameter, ours in self.bins.items()}
        return [theirs[f"{stem}[{i}]"] for i in range(self.lengths[stem])]

    def of_scalar(self, parameter: str) -> str:
        """Name of a parameter that acts on all bins."""
        return LUMI if self.luminosity is not None and parameter == self.luminosity[0] else parameter

    def of_interest(self, parameter: str) -> str:
        """Name of a parameter of interest: after the modifier, where it has one bin alone."""
        if parameter not in self.bins:
            return self.of_scalar(parameter)
        stem = self.stem(parameter)
        return stem if self.lengths[stem] == 1 else self.bins[parameter]


def likelihoods_of(content: Mapping[str, Any]) -> dict[str, str]:
    """The likelihood of each measurement: of every analysis, and by its own name one that no analysis has.

    Raises:
        SpecBuilderError: if an analysis has a likelihood that is not there, or two measurements would have one name.
    """
    likelihoods = [str(likelihood["name"]) for likelihood in content.get("likelihoods", [])]
    found = {str(analysis["name"]): str(analysis["likelihood"]) for analysis in content.get("analyses", [])}
    for name, likelihood in found.items():
        if likelihood not in likelihoods:
            raise SpecBuilderError(f"analysis '{name}': there is no likelihood '{likelihood}'")
    for likelihood in likelihoods:
        if likelihood in found.values():
            continue
        if likelihood in found:
            raise SpecBuilderError(f"likelihood '{likelihood}': an analysis of this name has another likelihood")
        found[likelihood] = likelihood
    return found


def chosen_measurements(content: Mapping[str, Any], measurement: str | None) -> dict[str, Mapping[str, Any]]:
    """The analyses of one likelihood by name, the one that was asked for first.

    Args:
        content: of a file in HS3.
        measurement: name of an analysis, or of a likelihood that no analysis has; None where there is one likelihood.

    Raises:
        SpecBuilderError: for an unknown name, none, or no likelihood.
    """
    likelihoods = likelihoods_of(content)
    if not likelihoods:
        raise SpecBuilderError("has no likelihood, expected at least one")
    if measurement is None and len(set(likelihoods.values())) > 1:
        raise SpecBuilderError(f"has several likelihoods, name a measurement of one: {', '.join(likelihoods)}")
    first = next(iter(likelihoods)) if measurement is None else measurement
    if first not in likelihoods:
        raise unknown_name("measurement", first, likelihoods)
    others = [name for name in likelihoods if name != first and likelihoods[name] == likelihoods[first]]
    analyses = {analysis["name"]: analysis for analysis in content.get("analyses", [])}
    return {name: analyses.get(name, {"name": name, "likelihood": likelihoods[name]}) for name in [first, *others]}


def start_of(content: Mapping[str, Any], analysis: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameter point that an analysis starts from; without a name ROOT's own, if there is one.

    Raises:
        SpecBuilderError: if there is no point of the name.
    """
    points = {point["name"]: point for point in content.get("parameter_points", [])}
    name = analysis.get("init")
    if name is not None and name not in points:
        raise SpecBuilderError(f"analysis '{analysis['name']}': there is no parameter point '{name}' to start from")
    start: Mapping[str, Any] = points.get(name or DEFAULT_POINT, {"parameters": []})
    return start


def settings_of(
    content: Mapping[str, Any], analysis: Mapping[str, Any], used: Container[str], names: Names
) -> dict[str, Any]:
    """A measurement of pyhf: parameter of interest, and start, bounds and what is held, of the parameters it names.

    Args:
        content: of a file in HS3.
        analysis: one of its analyses.
        used: names of the workspace's modifiers.
        names: pyhf's.

    Raises:
        SpecBuilderError: for what pyhf cannot hold.
    """
    domains = {domain["name"]: domain for domain in content.get("domains", [])}
    one = [analysis["domain"]] if "domain" in analysis else []  # as in an example of the standard
    bounds = _bounds(domains[domain] for domain in analysis.get("domains") or one)
    values = {p["name"]: p for p in start_of(content, analysis)["parameters"]}
    settings = {}
    for parameter in sorted({*values, *bounds} - set(names.bins)):
        name = names.of_scalar(parameter)
        if name in used and name not in names.lengths:
            settings[name] = _setting(name, values.get(parameter), bounds.get(parameter))
    if names.luminosity is not None and LUMI in used:
        settings[LUMI] = _luminosity_setting(settings.get(LUMI, {"name": LUMI}), names.luminosity[1])
    for stem in names.lengths:
        setting = _vector_setting(stem, names.members(stem), values, bounds, names.uncertain)
        if len(setting) > 1:
            settings[stem] = setting
    interest = (analysis.get("parameters_of_interest") or [""])[0]
    config = {"poi": names.of_interest(interest), "parameters": [settings[name] for name in sorted(settings)]}
    return {"name": analysis["name"], "config": config}


def _bounds(domains: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Lower and upper end of each axis that has both; a later domain wins."""
    bounds = {}
    for domain in domains:
        for axis in domain["axes"]:
            if axis.get("min") is not None and axis.get("max") is not None:
                bounds[axis["name"]] = (float(axis["min"]), float(axis["max"]))
    return bounds


def _setting(name: str, value: Mapping[str, Any] | None, bounds: tuple[float, float] | None) -> dict[str, Any]:
    setting: dict[str, Any] = {"name": name}
    if value is not None:
        setting |= {"inits": [float(value["value"])], "fixed": bool(value.get("const", False))}
    if bounds is not None:
        setting["bounds"] = [list(bounds)]
    return setting


def _luminosity_setting(given: Mapping[str, Any], constraint: Constraint) -> dict[str, Any]:
    """The given setting with the constraint's, start and bounds where it has none."""
    usual = {"inits": [constraint.auxiliary], "bounds": [[0.0, 10 * constraint.auxiliary]]}
    return usual | dict(given) | {"auxdata": [constraint.auxiliary], "sigmas": [constraint.scale]}


def _vector_setting(
    stem: str,
    members: Sequence[str],
    values: Mapping[str, Mapping[str, Any]],
    bounds: Mapping[str, tuple[float, float]],
    uncertain: Container[str],
) -> dict[str, Any]:
    """Either all bins of a modifier are held in pyhf, or none; a bin without an uncertainty is held by itself.

    Raises:
        SpecBuilderError: if a part of the bins is held, or has bounds.
    """
    setting: dict[str, Any] = {"name": stem}
    inits = [float(values.get(member, {"value": 1.0})["value"]) for member in members]
    if any(not math.isclose(value, 1.0) for value in inits):
        setting["inits"] = inits
    held = [member for member in members if values.get(member, {}).get("const", False)]
    free = [member for member in members if member in uncertain and member not in held]
    if len(held) == len(members):
        setting["fixed"] = True
    elif free and any(member in uncertain for member in held):
        raise SpecBuilderError(
            f"parameter '{free[0]}': is free beside '{held[0]}', which is held; "
            "pyhf holds all bins of a modifier or none"
        )
    without = [member for member in members if member not in bounds]
    if all(member in held for member in without) and len(without) < len(members):
        setting["bounds"] = [list(bounds.get(member, _ANY_BOUNDS)) for member in members]
    elif len(without) < len(members):
        bounded = next(member for member in members if member in bounds)
        raise SpecBuilderError(f"parameter '{bounded}': has bounds, which not all bins of its modifier have")
    return setting
