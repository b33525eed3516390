"""What a file in HS3 may not hold, since it would be passed over without a word, or taken for something else."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import real_number
from spec_builder.base.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["check_entries", "modifiers_of"]

#: How alike two keys are that may be a slip of the finger, from 0 to 1.
_ALIKE = 0.75
_LISTS = ("analyses", "data", "distributions", "domains", "functions", "likelihoods", "parameter_points")
#: Keys that are read where they stand, or that other tools write there; another one is refused if it is like one of
#: them that is missing.
_TOP = (*_LISTS, "metadata", "misc")
_SAMPLE = ("data", "modifiers", "name")
_MODIFIER = (
    *("constraint", "constraint_const", "constraint_name", "constraint_type", "constraints"),
    *("data", "interpolation", "name", "parameter", "parameters", "type"),
)
_PARAMETER, _AXIS = ("const", "name", "value"), ("max", "min", "name")
_LIKELIHOOD = ("aux_data", "aux_distributions", "data", "distributions", "name")
_ANALYSIS = ("aux_data", "domains", "init", "likelihood", "name", "parameters_of_interest", "prior")


def check_entries(content: Mapping[str, Any]) -> None:
    """Refuse names that stand twice, texts for numbers, misspelt keys and functions as parameters.

    Args:
        content: of a file in HS3.

    Raises:
        SpecBuilderError: naming the entry.
        KeyError: or another error of Python's, where the content has not the form of HS3.
    """
    _refuse_misspelt("the model", content, _TOP)
    for key in _LISTS:
        _refuse_twice(key, content.get(key, []))
    for analysis in content.get("analyses", []):
        _refuse_misspelt(f"analysis '{analysis['name']}'", analysis, _ANALYSIS)
    for point in content.get("parameter_points", []):
        _check_point(point)
    for domain in content.get("domains", []):
        _check_domain(domain)
    _check_likelihoods(content)
    functions = {function["name"] for function in content.get("functions", [])}
    for distribution in content["distributions"]:
        for sample in distribution.get("samples", []):
            _refuse_misspelt(f"channel '{distribution['name']}', sample '{sample['name']}'", sample, _SAMPLE)
    for where, modifier in modifiers_of(content["distributions"]):
        _check_modifier(where, modifier, functions)


def _check_point(point: Mapping[str, Any]) -> None:
    for named, parameter in _parameters(f"parameter point '{point['name']}'", point["parameters"], _PARAMETER):
        _check_number(f"{named}, value", parameter["value"])
        held = parameter.get("const", False)
        if not isinstance(held, bool):
            raise SpecBuilderError(f"{named}, const: expected true or false, found {shown(held)}")


def _check_domain(domain: Mapping[str, Any]) -> None:
    for named, axis in _parameters(f"domain '{domain['name']}'", domain["axes"], _AXIS):
        for key in ("min", "max"):
            if axis.get(key) is not None:
                _check_number(f"{named}, {key}", axis[key])


def _parameters(
    where: str, entries: Iterable[Mapping[str, Any]], known: Iterable[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a point or a domain says of each parameter, and where; none twice, and no key misspelt."""
    _refuse_twice(where, entries)
    for entry in entries:
        named = f"{where}, parameter '{entry['name']}'"
        _refuse_misspelt(named, entry, known)
        yield named, entry


def _check_likelihoods(content: Mapping[str, Any]) -> None:
    fitted: set[str] = set()
    for likelihood in content.get("likelihoods", []):
        _refuse_misspelt(f"likelihood '{likelihood.get('name')}'", likelihood, _LIKELIHOOD)
        fitted.update(likelihood.get("data", []))
    for data in content["data"]:
        if data["name"] in fitted and data.get("type", "binned") != "binned":
            raise SpecBuilderError(f"data '{data['name']}': is of type {shown(data['type'])}, expected binned")


def _check_modifier(where: str, modifier: Mapping[str, Any], functions: set[str]) -> None:
    _refuse_misspelt(where, modifier, _MODIFIER)
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
                named = f"sample '{sample['name']}', modifier '{modifier.get('name')}'"
                yield f"channel '{distribution['name']}', {named}", modifier


def _refuse_twice(where: str, entries: Iterable[Mapping[str, Any]]) -> None:
    """Refuse two entries of one name: which of them counts is nowhere said."""
    seen = set()
    for entry in entries:
        if entry["name"] in seen:
            raise SpecBuilderError(f"{where}: '{entry['name']}' stands twice")
        seen.add(entry["name"])


def _refuse_misspelt(where: str, entry: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse a key that is like one that is missing; others are those of other tools."""
    missing = [key for key in known if key not in entry]
    for key in entry:
        near = [] if key in known else difflib.get_close_matches(key, missing, n=1, cutoff=_ALIKE)
        if near:
            raise SpecBuilderError(f"{where}: unknown key '{key}'; did you mean '{near[0]}'?")


def _check_number(where: str, value: object) -> None:
    if not math.isfinite(real_number(value)):
        raise SpecBuilderError(f"{where}: expected a number, found {shown(value)}")
