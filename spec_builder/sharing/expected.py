"""Expected results of an archive: what its workspace and patch sets give, and whether they still do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.patch_scans import scan_patches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = ["EXPECTED", "degrees_of_freedom", "expected_results", "reference_flux_of", "unexpected_results"]

#: Name of the file in an archive.
EXPECTED = "expected_results.json"
SCHEMA = "spec_builder/expected_results/1"
#: Of the quantities by name. pyhf's default minimiser reaches them too.
TOLERANCES = {"twice_nll": 1e-5, "delta_chi2": 1e-4, "value": 1e-3, "flux_1e6_cm2_s1": 5e-3}
#: Far from the minimum the eight digits of a yield tell: 2NLL differs by this part of itself.
_RELATIVE = 1e-7
_DECIMALS = {"twice_nll": 6, "value": 5, "flux_1e6_cm2_s1": 4}
#: Patches of each set whose numbers are listed.
_SAMPLE = 7


def expected_results(
    workspace: dict[str, Any],
    reference_flux: float | None,
    patch_sets: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """Best fits of all measurements, and a sample of each patch set, with tolerances.

    Args:
        workspace: content of its JSON file.
        reference_flux: flux that 1 of what the first measurement measures stands for [1e6 cm^-2 s^-1]; None if it is
            no flux.
        patch_sets: content by file name.
    """
    sets = {}
    for name, content in patch_sets.items():
        heights = _twice_nll(workspace, content, name)
        patches = content["patches"]
        chosen = np.unique(np.linspace(0, len(patches) - 1, _SAMPLE).astype(int)).tolist()
        sets[name] = {
            "minimum": content["metadata"]["minimum"],
            "patches": {
                patches[i]["metadata"]["name"]: {
                    "twice_nll": round(heights[i], _DECIMALS["twice_nll"]),
                    "delta_chi2": patches[i]["metadata"]["delta_chi2"],
                    "excluded_90": patches[i]["metadata"]["excluded_90"],
                }
                for i in chosen
            },
        }
    return {
        "schema": SCHEMA,
        "tolerances": TOLERANCES,
        "measurements": _measurements(workspace, reference_flux),
        "patch_sets": sets,
    }


def reference_flux_of(metadata: Mapping[str, Any], parameter: str) -> float | None:
    """The flux that 1 of a workspace's factor stands for [1e6 cm^-2 s^-1]; None where it is no flux.

    Args:
        metadata: content of ``BkgOnly.meta.json``.
        parameter: the factor, such as ``mu_8b``.
    """
    reference = metadata["reference"]
    for source in reference.get("sources", [reference]):
        if source["meaning"] == f"{parameter} = 1" and "flux_1e6_cm2_s1" in source:
            return float(source["flux_1e6_cm2_s1"])
    return None


def _measurements(workspace: dict[str, Any], reference_flux: float | None) -> dict[str, dict[str, Any]]:
    results = {}
    for name in (measurement["name"] for measurement in workspace["measurements"]):
        likelihood = Likelihood.from_workspace(workspace, name)
        best = minimise(likelihood)
        if not best.valid.all():
            raise SpecBuilderError(f"measurement '{name}': the fit is not valid")
        result: dict[str, Any] = {"twice_nll": float(best.twice_nll[0])}
        if likelihood.index(likelihood.poi) in likelihood.free:
            value = float(best.theta[0, likelihood.index(likelihood.poi)])
            result |= {"parameter": likelihood.poi, "value": value}
            if reference_flux is not None:
                result["flux_1e6_cm2_s1"] = value * reference_flux
        results[name] = {
            key: round(number, _DECIMALS[key]) if key in _DECIMALS else number for key, number in result.items()
        }
    return results


def _twice_nll(workspace: dict[str, Any], content: dict[str, Any], name: str) -> list[float]:
    """Profiled 2NLL of every patch."""
    scan = scan_patches(workspace, content, name=name, measurement=NEW_PHYSICS)
    if scan is None or not scan.columns["valid"].all():
        raise SpecBuilderError(f"{name}: the fit of a patch is not valid")
    heights: list[float] = scan.columns["twice_nll"].tolist()
    return heights


def unexpected_results(
    expected: Any, workspace: dict[str, Any], reference_flux: float | None, patch_sets: Mapping[str, dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """What the files do not give any more, each as the file it belongs to and where and what.

    Every patch is fitted, and its ``delta_chi2`` and ``excluded_90`` compared too. The minimum over the plane cannot
    be found again from patches alone; none may lie below it.

    Args:
        expected: content of the file with expected results.
        workspace: content of the workspace's file.
        reference_flux: as for :func:`expected_results`.
        patch_sets: content by file name.
    """
    try:
        if expected["schema"] != SCHEMA:
            yield EXPECTED, f"schema is {expected['schema']}, expected {SCHEMA}"
        for key, limit in TOLERANCES.items():  # what is promised may be tighter than this, not looser
            if not 0 <= float(expected["tolerances"][key]) <= limit:
                yield EXPECTED, f"tolerance of {key} is {expected['tolerances'][key]}, at most {limit} is accepted"
        tolerances = {key: min(float(expected["tolerances"][key]), limit) for key, limit in TOLERANCES.items()}
        wanted, sets = expected["measurements"], expected["patch_sets"]
        computed = _measurements(workspace, reference_flux)
        for name in sorted(set(wanted) ^ set(computed)):
            yield EXPECTED, f"measurement '{name}' is missing here or in the workspace"
        for name, found in computed.items():
            if name in wanted:
                yield from _unexpected_fit(f"measurement '{name}'", wanted[name], found, tolerances)
        for name in sorted(set(sets) ^ set(patch_sets)):
            yield EXPECTED, f"patch set '{name}' is missing here or in the archive"
        for name in sorted(set(sets) & set(patch_sets)):
            yield from _unexpected_patches(name, sets[name], workspace, patch_sets[name], tolerances)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield EXPECTED, f"not of schema {SCHEMA}: {type(error).__name__} {error}"


def _unexpected_fit(
    where: str, wanted: Mapping[str, Any], found: Mapping[str, Any], tolerances: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    """What the fit of a measurement does not give any more."""
    for key in sorted(set(wanted) ^ set(found)):
        yield EXPECTED, f"{where}: {key} is missing here or in what the workspace gives"
    for key, value in found.items():
        if key == "parameter":
            same = wanted[key] == value
        else:
            same = key not in wanted or _near(wanted[key], value, tolerances[key])
        if not same:
            yield EXPECTED, f"{where}, {key}: {wanted[key]} expected, {value} found"


def _unexpected_patches(
    name: str,
    expected: Mapping[str, Any],
    workspace: dict[str, Any],
    content: dict[str, Any],
    tolerances: Mapping[str, float],
) -> Iterator[tuple[str, str]]:
    level = threshold(0.9, dof=degrees_of_freedom(content))
    heights, minimum = _twice_nll(workspace, content, name), float(content["metadata"]["minimum"]["twice_nll"])
    if expected["minimum"] != content["metadata"]["minimum"]:
        yield EXPECTED, f"{name}, minimum: {expected['minimum']}, not as in the patch set"
    sample, seen = dict(expected["patches"]), set()
    if not sample:
        yield EXPECTED, f"{name}: no patch is listed"
    for patch, height in zip(content["patches"], heights, strict=True):
        about = patch["metadata"]
        key, delta = about["name"], height - minimum
        where = f"patch '{key}'"
        if not _near(about["delta_chi2"], delta, tolerances["delta_chi2"]):
            yield name, f"{where}: delta_chi2 is {about['delta_chi2']}, but {delta:.4f} found"
        if about["excluded_90"] != (delta > level) and abs(delta - level) > tolerances["delta_chi2"]:
            yield name, f"{where}: excluded_90 is {about['excluded_90']}, but delta_chi2 is {about['delta_chi2']}"
        if delta < -tolerances["delta_chi2"]:
            yield name, f"{where}: lies {-delta:.4f} below the minimum over the plane in its metadata"
        if key in sample:
            seen.add(key)
            yield from _unexpected_patch(f"{name}, {where}", sample[key], height, about, tolerances)
    for key in sorted(set(sample) - seen):
        yield EXPECTED, f"{name}: patch '{key}' is not in the patch set"


def _unexpected_patch(
    where: str, wanted: Mapping[str, Any], height: float, about: Mapping[str, Any], tolerances: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    """What a patch that is listed does not give any more, or does not say."""
    for quantity, found in (("twice_nll", height), ("delta_chi2", about["delta_chi2"])):
        if not _near(wanted[quantity], found, tolerances[quantity]):
            yield EXPECTED, f"{where}, {quantity}: {wanted[quantity]} expected, {found:.6f} found"
    if wanted["excluded_90"] != about["excluded_90"]:
        yield EXPECTED, f"{where}: excluded_90 is {wanted['excluded_90']}, not as in the patch set"


def degrees_of_freedom(patch_set: Mapping[str, Any]) -> int:
    """Of ``excluded_90``: two in a plane, one where there is no mass."""
    return min(len(patch_set["metadata"]["labels"]), 2)


def _near(wanted: float, found: float, tolerance: float) -> bool:
    """Whether two numbers agree; NaN agrees with nothing."""
    return abs(wanted - found) <= tolerance + _RELATIVE * abs(found)
