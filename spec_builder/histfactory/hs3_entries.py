"""What a file in HS3 may not hold, since it would be passed over without a word, or taken for something else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import real_number
from spec_builder.base.names import shown, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["check_entries", "modifiers_of", "place_of_modifier"]

_LISTS = ("analyses", "data", "distributions", "domains", "functions", "likelihoods", "parameter_points")
_AXIS = ("name", "min", "max", "nbins", "edges", "value", "const")
#: Keys of the standard, and those that ROOT and pyhs3 have beside them. Others would be passed over, where they may
#: change the likelihood; what is one's own has its place in ``misc``.
_KEYS = {
    "top": (*_LISTS, "metadata", "misc"),
    "analysis": ("name", "likelihood", "parameters_of_interest", "domains", "domain", "init", "prior"),
    "likelihood": ("name", "distributions", "data", "aux_distributions"),
    "point": ("name", "value", "const", "min", "max", "nbins", "error"),
    "domain": _AXIS,
    "axis": (*_AXIS, "bounds"),
    "data": ("name", "type", "contents", "axes", "uncertainty"),
    "distribution": ("name", "type", "axes", "samples", "default_interpolation", "barlow_beeston_method", "staterror"),
    "staterror": ("constraint", "constraint_type", "relThreshold"),
    "sample": ("name", "data", "modifiers"),
    "contents": ("contents", "errors", "axes"),
    "modifier": (
        *("name", "type", "parameter", "parameters", "data", "interpolation"),
        *("constraint", "constraints", "constraint_name", "constraint_type"),
    ),
    "widths": ("hi", "lo", "vals", "interpolation"),
}


def check_entries(content: Mapping[str, Any]) -> None:
    """Refuse names that stand twice, texts for numbers, unknown keys and functions as parameters.

    Args:
        content: of a file in HS3.

    Raises:
        SpecBuilderError: naming the entry.
        KeyError: or another error of Python's, where the content has not the form of HS3.
    """
    _refuse_unknown("the model", content, "top")
    for key in _LISTS:
        _refuse_twice(key, content.get(key, []))
    for analysis in content.get("analyses", []):
        _refuse_unknown(f"analysis '{analysis['name']}'", analysis, "analysis")
    for point in content.get("parameter_points", []):
        _check_point(point)
    for domain in content.get("domains", []):
        _check_domain(domain)
    _check_likelihoods(content)
    functions = {function["name"] for function in content.get("functions", [])}
    for distribution in content["distributions"]:
        if "samples" in distribution:
            _check_channel(distribution)
    for where, modifier in modifiers_of(content["distributions"]):
        _check_modifier(where, modifier, functions)


def _check_point(point: Mapping[str, Any]) -> None:
    for named, parameter in _parameters(f"parameter point '{point['name']}'", point["parameters"], "point"):
        _check_number(f"{named}, value", parameter["value"])
        held = parameter.get("const", False)
        if not isinstance(held, bool):
            raise SpecBuilderError(f"{named}, const: expected true or false, found {shown(held)}")


def _check_domain(domain: Mapping[str, Any]) -> None:
    for named, axis in _parameters(f"domain '{domain['name']}'", domain["axes"], "domain"):
        for key in ("min", "max"):
            if axis.get(key) is not None:
                _check_number(f"{named}, {key}", axis[key])


def _parameters(where: str, entries: Iterable[Mapping[str, Any]], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a point or a domain says of each parameter, and where; none twice, and no unknown key."""
    _refuse_twice(where, entries)
    for entry in entries:
        named = f"{where}, parameter '{entry['name']}'"
        _refuse_unknown(named, entry, kind)
        yield named, entry


def _check_likelihoods(content: Mapping[str, Any]) -> None:
    fitted: set[str] = set()
    for likelihood in content.get("likelihoods", []):
        _refuse_unknown(f"likelihood '{likelihood.get('name')}'", likelihood, "likelihood")
        fitted.update(likelihood.get("data", []))
    for data in content.get("data", []):
        where = f"data '{data['name']}'"
        if data["name"] in fitted:
            if data.get("type", "binned") != "binned":
                raise SpecBuilderError(f"{where}: is of type {shown(data['type'])}, expected binned")
            _refuse_unknown(where, data, "data")
            _check_axes(where, data)


def _check_channel(distribution: Mapping[str, Any]) -> None:
    where = f"distribution '{distribution['name']}'"
    _refuse_unknown(where, distribution, "distribution")
    _refuse_unknown(f"{where}, staterror", distribution.get("staterror", {}), "staterror")
    _check_axes(where, distribution)
    for sample in distribution["samples"]:
        named = f"channel '{distribution['name']}', sample '{sample['name']}'"
        _refuse_unknown(named, sample, "sample")
        _refuse_unknown(f"{named}, data", sample["data"], "contents")


def _check_axes(where: str, entry: Mapping[str, Any]) -> None:
    for axis in entry.get("axes") or []:
        _refuse_unknown(f"{where}, axis '{axis['name']}'", axis, "axis")


def _check_modifier(where: str, modifier: Mapping[str, Any], functions: set[str]) -> None:
    _refuse_unknown(where, modifier, "modifier")
    data, kind = modifier.get("data") or {}, modifier["type"]
    _refuse_unknown(f"{where}, data", data, "widths")
    if kind in ("normfactor", "shapefactor", "staterror") and any(data.values()):
        raise SpecBuilderError(f"{where}: has data, which a {kind} has not")
    for end in ("hi", "lo"):
        if isinstance(data.get(end), dict):
            _refuse_unknown(f"{where}, {end}", data[end], "contents")
    several = modifier.get("parameters")
    if several is not None and not isinstance(several, list):
        raise SpecBuilderError(f"{where}, parameters: expected a list of names, found {shown(several)}")
    for name in (modifier.get("parameter"), *(several or ())):
        if name in functions:
            raise SpecBuilderError(f"{where}: '{name}' is a function of other parameters, which pyhf cannot hold")


def modifiers_of(distributions: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where each modifier stands, in words, and its content.

    Args:
        distributions: of a file in HS3.
    """
    for distribution in distributions:
        for sample in distribution.get("samples", []):
            for modifier in sample.get("modifiers", []):
                yield place_of_modifier(distribution["name"], sample, modifier), modifier


def place_of_modifier(channel: str, sample: Mapping[str, Any], modifier: Mapping[str, Any]) -> str:
    """Where a modifier stands, in words."""
    return f"channel '{channel}', sample '{sample['name']}', modifier '{modifier.get('name')}'"


def _refuse_twice(where: str, entries: Iterable[Mapping[str, Any]]) -> None:
    """Refuse two entries of one name: which of them counts is nowhere said."""
    seen = set()
    for entry in entries:
        if entry["name"] in seen:
            raise SpecBuilderError(f"{where}: '{entry['name']}' stands twice")
        seen.add(entry["name"])


def _refuse_unknown(where: str, entry: Iterable[str], kind: str) -> None:
    for key in entry:
        if key not in _KEYS[kind]:
            raise SpecBuilderError(f"{where}: {unknown_key(key, _KEYS[kind])}")


def _check_number(where: str, value: object) -> None:
    if not math.isfinite(real_number(value)):
        raise SpecBuilderError(f"{where}: expected a number, found {shown(value)}")
