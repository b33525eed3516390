"""Models in HS3 as pyhf workspaces: what :mod:`spec_builder.histfactory.hs3` writes, and the same from other tools.

A model that a pyhf workspace cannot hold (another distribution, constraint or interpolation) is refused with its name.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import unknown_name
from spec_builder.histfactory.hs3_entries import check_entries

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

__all__ = ["is_hs3", "workspace_of_hs3", "workspaces_of_hs3"]

_HISTFACTORY = "histfactory_dist"
_CONSTRAINTS = {
    "normsys": ("Gauss", "Gaussian"),
    "histosys": ("Gauss", "Gaussian"),
    "staterror": ("Gauss", "Gaussian"),
    "shapesys": ("Poisson",),
}
#: Interpolations that are pyhf's codes 4 and 4p; a modifier without one is read as pyhs3 does, as these.
_INTERPOLATIONS = {
    "normsys": ("code4", {"type": "mult", "in": "poly6", "out": "exp"}),
    "histosys": ("code4p", {"type": "add", "in": "poly6", "out": "poly1"}),
}
#: The parameter point in which ROOT keeps values, and what is constant.
_DEFAULT_POINT = "default_values"


def is_hs3(content: Any) -> bool:
    """Whether JSON content is a model in HS3, and not a pyhf workspace.

    Examples:
        >>> is_hs3({"distributions": [], "likelihoods": []}), is_hs3({"channels": []})
        (True, False)
    """
    return isinstance(content, dict) and "distributions" in content and "channels" not in content


def workspace_of_hs3(content: Mapping[str, Any], measurement: str | None = None) -> dict[str, Any]:
    """The pyhf workspace with the same likelihood: a channel for each distribution, a measurement for each analysis.

    Parameters keep their names; those of a ``staterror``, ``shapesys`` or ``shapefactor`` become ``NAME[0]``, ...

    Args:
        content: of a file in HS3.
        measurement: name of an analysis, or of a likelihood that no analysis has. It becomes the first measurement;
            those of other likelihoods are left out. It need not be named where there is one likelihood.

    Raises:
        SpecBuilderError: naming what is missing, malformed, or nothing that a pyhf workspace can hold; if there are
            several likelihoods and none is chosen.
    """
    with _of_hs3():
        return _workspace(content, measurement)


def workspaces_of_hs3(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The workspace of each likelihood; see :func:`workspace_of_hs3`."""
    with _of_hs3():
        check_entries(content)
        first = {likelihood: name for name, likelihood in reversed(_likelihoods(content).items())}
        return [_workspace(content, first[likelihood["name"]]) for likelihood in content["likelihoods"]]


@contextmanager
def _of_hs3() -> Iterator[None]:
    """Say of content that has another form what it is not."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise SpecBuilderError(f"not a model in HS3 of binned channels: {type(error).__name__} {error}") from None


def _likelihoods(content: Mapping[str, Any]) -> dict[str, str]:
    """The likelihood of each measurement: of every analysis, and by its own name one that no analysis has."""
    likelihoods = [str(likelihood["name"]) for likelihood in content["likelihoods"]]
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


@dataclass
class _Vectors:
    """Parameters of bins: the name that pyhf has for each, and how many there are under a modifier's name.

    Attributes:
        held: parameters that every parameter point holds.
        names: pyhf's, by the file's.
        lengths: number of parameters by pyhf's name of the modifier.
        uncertain: parameters with an uncertainty, or none to be held by: the others pyhf holds by itself.
    """

    held: frozenset[str]
    names: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=set)

    def add(self, stem: str, parameters: Sequence[str]) -> None:
        for i, parameter in enumerate(parameters):
            name = f"{stem}[{self.lengths.get(stem, 0) + i}]"
            if self.names.setdefault(parameter, name) != name:
                raise SpecBuilderError(f"parameter '{parameter}': acts on several bins, which pyhf cannot hold")
        self.lengths[stem] = self.lengths.get(stem, 0) + len(parameters)

    def interest(self, parameter: str) -> str:
        """A parameter of interest as pyhf names it: after the modifier, where it has one bin alone."""
        name = self.names.get(parameter, parameter)
        stem = name.rpartition("[")[0]
        return stem if parameter in self.names and self.lengths[stem] == 1 else name


def _workspace(content: Mapping[str, Any], measurement: str | None) -> dict[str, Any]:
    check_entries(content)
    distributions = {d["name"]: d for d in content["distributions"]}
    chosen = _chosen(content, measurement)
    likelihood = next(one for one in content["likelihoods"] if one["name"] == _likelihoods(content)[chosen[0]])
    names = [str(name) for name in likelihood["distributions"]]
    _check_kinds([distributions[name] for name in names])
    auxiliary = [distributions[name] for name in likelihood.get("aux_distributions") or []]
    luminosity = _luminosity(auxiliary)
    data = {d["name"]: d for d in content["data"]}
    absolute = not _written_by_root(content)
    vectors = _Vectors(_held(content))
    stems = _stems(distributions[name] for name in names)
    place = {
        name: _channel(distributions[name], stems, vectors, absolute=absolute, luminosity=luminosity)
        for name in sorted(names)  # pyhf counts the parameters of a staterror in this order
    }
    observations = [
        {"name": name, "data": list(data[entry]["contents"])}
        for name, entry in zip(names, likelihood["data"], strict=True)
    ]
    used = _modifiers_of(place.values())
    return {
        "channels": [place[name] for name in names],
        "observations": observations,
        "measurements": _measurements(content, chosen, used, vectors, luminosity),
        "version": "1.0.0",
    }


def _chosen(content: Mapping[str, Any], measurement: str | None) -> list[str]:
    """Names of the measurements of one likelihood, the one that was asked for first."""
    likelihoods = _likelihoods(content)
    if not likelihoods:
        raise SpecBuilderError("has no likelihood, expected at least one")
    if measurement is None and len(set(likelihoods.values())) > 1:
        raise SpecBuilderError(f"has several likelihoods, name a measurement of one: {', '.join(likelihoods)}")
    first = next(iter(likelihoods)) if measurement is None else measurement
    if first not in likelihoods:
        raise unknown_name("measurement", first, likelihoods)
    others = [name for name in likelihoods if name != first and likelihoods[name] == likelihoods[first]]
    return [first, *others]


def _written_by_root(content: Mapping[str, Any]) -> bool:
    packages = content.get("metadata", {}).get("packages") or []
    return any(package.get("name") == "ROOT" for package in packages)


def _held(content: Mapping[str, Any]) -> frozenset[str]:
    points = [
        frozenset(p["name"] for p in point["parameters"] if p.get("const", False))
        for point in content.get("parameter_points", [])
    ]
    return frozenset.intersection(*points) if points else frozenset()


def _luminosity(auxiliary: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Auxiliary datum and width of the luminosity, None if there is no such constraint."""
    found = None
    for distribution in auxiliary:
        if distribution["type"] != "gaussian_dist" or distribution["mean"] != "lumi":
            raise SpecBuilderError(
                f"distribution '{distribution['name']}': constrains otherwise than a pyhf workspace can; "
                "expected a gaussian_dist of the mean lumi"
            )
        found = {"auxdata": float(distribution["x"]), "sigmas": float(distribution["sigma"])}
    return found


def _stems(distributions: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """The name under which pyhf holds the parameters of bins, by channel and modifier.

    A modifier's own, if its parameters are ``NAME[0]``, ... ; else one for the channel, since pyhf would share it.
    """
    stems: dict[tuple[str, str], str] = {}
    for distribution in distributions:
        channel = distribution["name"]
        for sample in distribution["samples"]:
            for modifier in sample.get("modifiers", []):
                if modifier["type"] in ("staterror", "shapesys", "shapefactor"):
                    parameters = modifier.get("parameters") or _lite_parameters(channel, sample)
                    stem = parameters[0].removesuffix("]").rpartition("[")[0]
                    plain = bool(stem) and all(p.startswith(f"{stem}[") for p in parameters)
                    own = modifier.get("name") or modifier["type"]
                    stems[channel, parameters[0]] = stem if plain else f"{own}_{channel}"
    return stems


def _lite_parameters(channel: str, sample: Mapping[str, Any]) -> list[str]:
    """pyhs3's names for a staterror that gives none."""
    return [f"staterror_{channel}_bin{i}" for i in range(len(sample["data"]["contents"]))]


def _check_kinds(distributions: Sequence[Mapping[str, Any]]) -> None:
    for distribution in distributions:
        name, kind = distribution["name"], distribution["type"]
        if kind != _HISTFACTORY:
            raise SpecBuilderError(f"distribution '{name}': is a {kind}; only {_HISTFACTORY} fits into a workspace")
        if distribution.get("barlow_beeston_method", "lite") != "lite":
            raise SpecBuilderError(f"distribution '{name}': has a staterror for each sample, which pyhf cannot hold")


def _modifiers_of(channels: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of all modifiers of a workspace's channels."""
    return {m["name"] for channel in channels for sample in channel["samples"] for m in sample["modifiers"]}


def _channel(
    distribution: Mapping[str, Any],
    stems: Mapping[tuple[str, str], str],
    vectors: _Vectors,
    *,
    absolute: bool,
    luminosity: Mapping[str, float] | None,
) -> dict[str, Any]:
    name = distribution["name"]
    samples = []
    known: set[str] = set()
    for sample in distribution["samples"]:
        contents = list(sample["data"]["contents"])
        errors = list(sample["data"].get("errors") or [0.0] * len(contents))
        modifiers = []
        for modifier in sample.get("modifiers", []):
            where = f"channel '{name}', sample '{sample['name']}', modifier '{modifier.get('name')}'"
            _check(where, modifier, distribution.get("default_interpolation"))
            if modifier["type"] not in ("staterror", "shapesys", "shapefactor"):
                modifiers.append(_scalar(modifier, luminosity))
                continue
            parameters = modifier.get("parameters") or _lite_parameters(name, sample)
            if len(parameters) != len(contents):
                raise SpecBuilderError(f"{where}: has {len(parameters)} parameters, expected {len(contents)}")
            stem = stems[name, parameters[0]]
            if parameters[0] not in known and parameters[0] not in vectors.names:
                vectors.add(stem, parameters)
            known.add(parameters[0])
            data = _vector_data(modifier, contents, errors, absolute=absolute)
            if modifier["type"] == "shapesys" and data is not None:
                data = _widths(data, contents, parameters, vectors.held)
            widths = [1.0] * len(parameters) if data is None else data
            vectors.uncertain |= {name for name, width in zip(parameters, widths, strict=True) if width > 0}
            modifiers.append({"name": stem, "type": modifier["type"], "data": data})
        samples.append({"name": sample["name"], "data": contents, "modifiers": modifiers})
    return {"name": name, "samples": samples}


def _widths(
    data: Sequence[float], contents: Sequence[float], parameters: Sequence[str], held: Container[str]
) -> list[float]:
    """Absolute uncertainties of the bins; none where the bin's own parameter is held: see ``hs3._shape_value``."""
    rows = zip(data, contents, parameters, strict=True)
    return [0.0 if parameter in held and width == count else width for width, count, parameter in rows]


def _check(where: str, modifier: Mapping[str, Any], default: object) -> None:
    """Refuse a constraint or an interpolation that is not pyhf's.

    Args:
        where: the modifier, for the message.
        modifier: its content.
        default: interpolation of the channel's modifiers that have none of their own.
    """
    kind = modifier["type"]
    if kind not in (*_CONSTRAINTS, "normfactor", "shapefactor"):
        raise SpecBuilderError(f"{where}: type '{kind}' has no counterpart in a pyhf workspace")
    constraint = modifier.get("constraint", modifier.get("constraint_type"))
    if constraint not in (None, *_CONSTRAINTS.get(kind, ())):
        raise SpecBuilderError(f"{where}: constraint '{constraint}' of a {kind} has no counterpart in a pyhf workspace")
    if kind not in _INTERPOLATIONS:
        return
    code, form = _INTERPOLATIONS[kind]
    own = [modifier.get("interpolation"), modifier["data"].get("interpolation")]
    for given in own if any(own) else [default]:
        whole = {"type": form["type"], **given} if isinstance(given, dict) else given
        if whole not in (None, code, form):
            raise SpecBuilderError(f"{where}: interpolation {given} is not pyhf's {code}")


def _scalar(modifier: Mapping[str, Any], luminosity: Mapping[str, float] | None) -> dict[str, Any]:
    name, kind = modifier["parameter"], modifier["type"]
    if kind == "normfactor":
        held = name == "lumi" and luminosity is not None
        return {"name": name, "type": "lumi" if held else "normfactor", "data": None}
    data = modifier["data"]
    if kind == "normsys":
        return {"name": name, "type": kind, "data": {"hi": data["hi"], "lo": data["lo"]}}
    shapes = {f"{key}_data": list(data[key]["contents"]) for key in ("hi", "lo")}
    return {"name": name, "type": kind, "data": shapes}


def _vector_data(
    modifier: Mapping[str, Any], contents: Sequence[float], errors: Sequence[float], *, absolute: bool
) -> list[float] | None:
    if modifier["type"] == "shapefactor":
        return None
    if modifier["type"] == "staterror":
        return list(errors)
    values = [float(value) for value in modifier["data"]["vals"]]
    if len(values) != len(contents):
        raise SpecBuilderError(f"modifier '{modifier.get('name')}': has {len(values)} vals, expected {len(contents)}")
    return values if absolute else [value * events for value, events in zip(values, contents, strict=True)]


def _measurements(
    content: Mapping[str, Any],
    names: Sequence[str],
    used: set[str],
    vectors: _Vectors,
    luminosity: Mapping[str, float] | None,
) -> list[dict[str, Any]]:
    domains = {d["name"]: d for d in content.get("domains", [])}
    points = {p["name"]: p for p in content.get("parameter_points", [])}
    analyses = {a["name"]: a for a in content.get("analyses", [])}
    measurements = []
    for name in names:
        analysis = analyses.get(name, {"name": name})
        bounds = _bounds(domains[domain] for domain in analysis.get("domains", []))
        start = _start(points, analysis)
        values = {p["name"]: p for p in start["parameters"]}
        interest = (analysis.get("parameters_of_interest") or [""])[0]
        parameters = _settings(values, bounds, used, vectors, luminosity)
        config = {"poi": vectors.interest(interest), "parameters": parameters}
        measurements.append({"name": name, "config": config})
    return measurements


def _start(points: Mapping[str, Mapping[str, Any]], analysis: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameter point that an analysis starts from; without a name ROOT's own, if there is one."""
    name = analysis.get("init")
    if name is not None and name not in points:
        raise SpecBuilderError(f"analysis '{analysis['name']}': there is no parameter point '{name}' to start from")
    return points.get(name or _DEFAULT_POINT, {"parameters": []})


def _bounds(domains: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Lower and upper end of each axis that has both; a later domain wins."""
    bounds = {}
    for domain in domains:
        for axis in domain["axes"]:
            if axis.get("min") is not None and axis.get("max") is not None:
                bounds[axis["name"]] = (float(axis["min"]), float(axis["max"]))
    return bounds


def _settings(
    values: Mapping[str, Mapping[str, Any]],
    bounds: Mapping[str, tuple[float, float]],
    used: set[str],
    vectors: _Vectors,
    luminosity: Mapping[str, float] | None,
) -> list[dict[str, Any]]:
    """Start, bounds and what is held, of every parameter that the point or the domain names."""
    settings: dict[str, dict[str, Any]] = {}
    for name in sorted({*values, *bounds} & used - set(vectors.lengths)):
        setting: dict[str, Any] = {"name": name}
        if name in values:
            setting |= {"inits": [float(values[name]["value"])], "fixed": bool(values[name].get("const", False))}
        if name in bounds:
            setting["bounds"] = [list(bounds[name])]
        settings[name] = setting
    if luminosity is not None and "lumi" in used:
        settings["lumi"] = _luminosity_setting(settings.get("lumi", {"name": "lumi"}), luminosity)
    for stem, length in vectors.lengths.items():
        parts = {ours: theirs for theirs, ours in vectors.names.items()}
        members = [parts[f"{stem}[{i}]"] for i in range(length)]
        setting = _vector_setting(stem, members, values, bounds, vectors.uncertain)
        if len(setting) > 1:
            settings[stem] = setting
    return [settings[name] for name in sorted(settings)]


def _luminosity_setting(given: Mapping[str, Any], luminosity: Mapping[str, float]) -> dict[str, Any]:
    """The given setting with the constraint's, start and bounds where it has none."""
    usual = {"inits": [luminosity["auxdata"]], "bounds": [[0.0, 10 * luminosity["auxdata"]]]}
    constraint = {key: [value] for key, value in luminosity.items()}
    return {**given, **constraint, **{key: given.get(key, value) for key, value in usual.items()}}


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
    bounded = [member for member in members if member in bounds]
    if len(bounded) == len(members):
        setting["bounds"] = [list(bounds[member]) for member in members]
    elif bounded:
        raise SpecBuilderError(f"parameter '{bounded[0]}': has bounds, which not all bins of its modifier have")
    return setting
