"""Likelihoods of many patches of one workspace, sorted into groups that can be minimised together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.progress import Parts, silent
from spec_builder.histfactory.checks import check_parameters, check_workspace
from spec_builder.histfactory.patch import patcher
from spec_builder.inference.likelihood import Likelihood

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.specification import Specification

__all__ = ["PatchGroup", "group_patches"]

_SAMPLE_DATA = re.compile(r"/channels/(\d+)/samples/(\d+)/(?:modifiers/(\d+)/)?data")
_PROPORTIONAL = 1e-12


@dataclass(frozen=True)
class PatchGroup:
    """Patches whose models differ in the yields of one sample only.

    Attributes:
        likelihood: the model that they share.
        sample: the sample; None if there is one patch and nothing to replace.
        yields: its events per bin, shape (N, bins); None likewise.
        rows: positions of the N patches in the patch set.
    """

    likelihood: Likelihood
    sample: str | None
    yields: FloatArray | None
    rows: tuple[int, ...]

    @property
    def data(self) -> object:
        """What was measured, counts and auxiliary data by name: 2NLL can be compared where this is equal."""
        specification = self.likelihood.specification
        auxiliary = tuple(
            (parameter.name, parameter.constraint.kind, parameter.constraint.auxiliary)
            for parameter in specification.parameters
            if parameter.constraint is not None
        )
        return tuple(specification.channels), specification.observed.tobytes(), auxiliary


def group_patches(
    workspace: dict[str, Any],
    patches: Sequence[tuple[str, list[dict[str, Any]]]],
    measurement: str | None,
    *,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
    report: Parts = silent,
    failed: Callable[[int, str], object] | None = None,
) -> list[PatchGroup]:
    """Apply every patch and compile what results.

    A patch that only replaces the data of one sample (and its ``histosys`` in proportion) needs no compilation of
    its own; others are compiled one by one and grouped if their structure is the same. The workspace itself need
    not have the parameter of interest: in published ones the patches bring it.

    Args:
        workspace: content of the JSON file.
        patches: name and operations of each.
        measurement: the measurement; None for the first.
        poi: parameter of interest in the place of the measurement's, '' for none.
        hold: values of parameters to hold, by name.
        report: told how many patches are applied, and of how many.
        failed: told the position of a patch that does not apply or compile, and why; it is then passed over.

    Raises:
        SpecBuilderError: naming the patch that does not apply or does not compile, if ``failed`` is not given.
    """
    held = hold or {}
    base = _base(workspace, measurement, poi, held)
    apply = patcher(workspace)
    quick: dict[str, list[tuple[int, FloatArray]]] = {}
    compiled: dict[Any, list[tuple[int, Specification]]] = {}
    for row, (name, operations) in enumerate(patches):
        report(row, len(patches))
        try:
            patched = apply(operations, f"patch '{name}'")
            found = None if base is None else _quick_yields(workspace, patched, operations, base)
            if found is not None:
                quick.setdefault(found[0], []).append((row, found[1]))
                continue
            spec = _compiled(patched, f"patch '{name}'", measurement, poi, held)
        except SpecBuilderError as error:
            if failed is None:
                raise
            failed(row, str(error))
            continue
        compiled.setdefault(_structure(spec), []).append((row, spec))
    groups = [] if base is None else [_quick_group(base, sample, rows) for sample, rows in quick.items()]
    for members in compiled.values():
        groups += _merge(members)
    return groups


def _base(
    workspace: dict[str, Any], measurement: str | None, poi: str | None, hold: Mapping[str, float]
) -> Likelihood | None:
    """The model without a patch, None if it lacks what the patches bring."""
    if not any(sample["modifiers"] for channel in workspace["channels"] for sample in channel["samples"]):
        return None
    bare = Likelihood.from_workspace(workspace, measurement, poi="")
    interests = {m["name"]: m["config"]["poi"] for m in workspace["measurements"]}
    own = next(iter(interests.values())) if measurement is None else interests[measurement]
    wanted = own if poi is None else poi
    if not {wanted, *hold} <= {"", *bare.parameters}:
        return None
    return Likelihood.from_workspace(workspace, measurement, poi=poi).holding(hold)


def _compiled(
    patched: dict[str, Any], name: str, measurement: str | None, poi: str | None, hold: Mapping[str, float]
) -> Specification:
    """The patched model, which must be sound as any workspace."""
    check_workspace(patched, name)
    try:
        check_parameters(patched)
        return Likelihood.from_workspace(patched, measurement, poi=poi).holding(hold).specification
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{name}: {error}") from None


def _quick_yields(
    workspace: Mapping[str, Any],
    patched: Mapping[str, Any],
    operations: Sequence[Mapping[str, Any]],
    base: Likelihood,
) -> tuple[str, FloatArray] | None:
    try:
        return _replaced_sample(workspace, patched, operations, base)
    except (TypeError, ValueError, KeyError, IndexError):
        return None  # malformed: what is wrong with it is said where it is compiled


def _quick_group(base: Likelihood, sample: str, rows: Sequence[tuple[int, FloatArray]]) -> PatchGroup:
    return PatchGroup(base, sample, np.stack([yields for _, yields in rows]), tuple(row for row, _ in rows))


def _touched_samples(operations: Sequence[Mapping[str, Any]]) -> set[tuple[int, int]]:
    """Numbers of channel and sample whose data are replaced; empty if an operation does anything else."""
    touched = set()
    for operation in operations:
        match = _SAMPLE_DATA.fullmatch(operation["path"]) if operation["op"] == "replace" else None
        if match is None:
            return set()
        touched.add((int(match[1]), int(match[2])))
    return touched


def _replaced_sample(
    workspace: Mapping[str, Any],
    patched: Mapping[str, Any],
    operations: Sequence[Mapping[str, Any]],
    base: Likelihood,
) -> tuple[str, FloatArray] | None:
    """The one sample whose data the patch replaces, with its new yields (bins,), if that is all it does."""
    touched = _touched_samples(operations)
    names = {workspace["channels"][i]["samples"][j]["name"] for i, j in touched}
    if len(names) != 1:
        return None
    name = names.pop()
    yields = np.zeros(base.observed.size)
    for i, channel in enumerate(patched["channels"]):
        for j, sample in enumerate(channel["samples"]):
            if sample["name"] != name:
                continue
            old = workspace["channels"][i]["samples"][j]
            place = base.specification.channels[channel["name"]]
            if len(sample["data"]) != place.stop - place.start:
                return None
            if (i, j) not in touched:
                if not _has_events(old):
                    return None
            elif not (_are_numbers(sample["data"]) and _proportional(old, sample)):
                return None
            yields[place] = sample["data"]
    return (name, yields) if np.isfinite(yields).all() else None


def _has_events(sample: Mapping[str, Any]) -> bool:
    """Whether every shape of a sample is a part of its events: one in a bin without them is none."""
    return all(sample["data"]) or all(modifier["type"] != "histosys" for modifier in sample["modifiers"])


def _proportional(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether every modifier acts on the new data as it did on the old."""
    before, after = np.array(old["data"]), np.array(new["data"])
    if not (before > 0).all():
        return False
    for modifier, changed in zip(old["modifiers"], new["modifiers"], strict=True):
        if modifier["type"] in ("shapesys", "staterror"):
            return False
        if modifier["type"] != "histosys":
            if changed["data"] != modifier["data"]:
                return False
            continue
        if changed["data"].keys() != modifier["data"].keys():
            return False
        for key, shape in changed["data"].items():
            if len(shape) != after.size or not _are_numbers(shape):
                return False
            expected = np.array(modifier["data"][key]) / before * after
            if (np.abs(np.array(shape) - expected) > _PROPORTIONAL * np.abs(after)).any():
                return False
    return True


def _are_numbers(values: object) -> bool:
    """Whether JSON content is a list of numbers, as the schema wants them: numpy takes texts and truths for some."""
    return isinstance(values, list) and {type(value) for value in values} <= {int, float}


def _structure(spec: Specification) -> Any:
    groups = tuple((g.sample, g.terms, g.relative.tobytes(), g.gammas) for g in spec.groups)
    vectors = tuple(vector.tobytes() for vector in spec.vectors)
    return (spec.parameters, spec.factors, groups, vectors, spec.observed.tobytes(), tuple(spec.channels), spec.poi)


def _differing(spec: Specification, other: Specification) -> set[str]:
    """Samples of two models of one structure whose templates differ."""
    pairs = zip(spec.groups, other.groups, strict=True)
    return {own.sample for own, reference in pairs if (own.template != reference.template).any()}


def _merge(members: list[tuple[int, Specification]]) -> list[PatchGroup]:
    """One group if a single sample tells the members apart, else one for each member."""
    first = members[0][1]
    differing = {name for _, spec in members[1:] for name in _differing(spec, first)}
    likelihood = Likelihood(first)
    if len(differing) == 1:
        (sample,) = differing
        yields = [_nominal(spec, sample) for _, spec in members]
        if all(_follows(spec, sample, own) for (_, spec), own in zip(members, yields, strict=True)):
            return [PatchGroup(likelihood, sample, np.stack(yields), tuple(row for row, _ in members))]
    if not differing:
        return [PatchGroup(likelihood, None, None, (row,)) for row, _ in members]
    return [PatchGroup(Likelihood(spec), None, None, (row,)) for row, spec in members]


def _nominal(spec: Specification, sample: str) -> FloatArray:
    """The sample's nominal yields, from the groups that are proportional to it."""
    yields = np.zeros(spec.observed.size)
    for group in spec.groups:
        if group.sample == sample:
            ones = group.relative == 1
            yields[ones] = group.template[ones]
    return yields


def _follows(spec: Specification, sample: str, yields: FloatArray) -> bool:
    """Whether the yields (bins,) are all there is of a sample: every template is a part of them.

    A ``histosys`` in a bin without nominal events is none.
    """
    own = [group for group in spec.groups if group.sample == sample]
    return all(np.array_equal(group.template, group.relative * yields) for group in own)
