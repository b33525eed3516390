"""Expected results of an archive: what its workspace and patch sets give, and whether they still do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.studies.scans import scan_patches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


__all__ = ["degrees_of_freedom", "expected_results", "source_size", "unexpected_results"]

_FILE = "expected_results.json"
SCHEMA = "spec_builder/expected_results/1"
MEASUREMENT = "new_physics"
#: Of the quantities by name. pyhf's default minimiser reaches them too.
TOLERANCES = {"twice_nll": 1e-5, "delta_chi2": 1e-4, "value": 1e-3, "flux_1e6_cm2_s1": 5e-3}
#: Far from the minimum the eight digits of a yield tell: 2NLL differs by this part of itself.
_RELATIVE = 1e-7
_DECIMALS = {"twice_nll": 6, "value": 5}
#: Patches of each set whose numbers are listed.
_SAMPLE = 7


def expected_results(
    workspace: dict[str, Any],
    reference: Mapping[str, Any],
    patch_sets: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """Best fits of all measurements, and a sample of each patch set, with tolerances.

    Args:
        workspace: content of its JSON file.
        reference: what the metadata say of the size that the source's factor 1 stands for.
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
        "measurements": _measurements(workspace, reference),
        "patch_sets": sets,
    }


def source_size(reference: Mapping[str, Any]) -> dict[str, float]:
    """The flux or fluence that the source's factor 1 stands for, by its key with the unit; none of several sources.

    Examples:
        >>> source_size({"flux_1e6_cm2_s1": 5.46, "meaning": "mu_8b = 1", "sin2_theta_w": 0.23857})
        {'flux_1e6_cm2_s1': 5.46}
    """
    return {key: float(value) for key, value in reference.items() if key.startswith(("flux_", "fluence_"))}


def _measurements(workspace: dict[str, Any], reference: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
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
            result |= {key: value * size for key, size in source_size(reference).items()}
        results[name] = {
            key: number if isinstance(number, str) else round(number, _DECIMALS.get(key, 4))
            for key, number in result.items()
        }
    return results


def _twice_nll(workspace: dict[str, Any], content: dict[str, Any], name: str) -> list[float]:
    """Profiled 2NLL of every patch."""
    scan = scan_patches(workspace, content, name=name, measurement=MEASUREMENT)
    if scan is None or not scan.columns["valid"].all():
        raise SpecBuilderError(f"{name}: the fit of a patch is not valid")
    heights: list[float] = scan.columns["twice_nll"].tolist()
    return heights


def unexpected_results(
    expected: Any, workspace: dict[str, Any], reference: Mapping[str, Any], patch_sets: Mapping[str, dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """What the files do not give any more, each as the file it belongs to and where and what.

    Every patch is fitted, and its ``delta_chi2`` and ``excluded_90`` compared too. The minimum over the plane cannot
    be found again from patches alone; none may lie below it.

    Args:
        expected: content of the file with expected results.
        workspace: content of the workspace's file.
        reference: what the metadata say of the size that the source's factor 1 stands for.
        patch_sets: content by file name.
    """
    here = _FILE
    try:
        tolerances = {key: min(float(expected["tolerances"][key]), limit) for key, limit in TOLERANCES.items()}
        yield from ((here, text) for text in _broken_promises(expected))
        wanted, sets = expected["measurements"], expected["patch_sets"]
        computed = _measurements(workspace, reference)
        for name in sorted(set(wanted) ^ set(computed)):
            yield here, f"measurement '{name}' is missing here or in the workspace"
        for name in (name for name in computed if name in wanted):
            yield from ((here, text) for text in _unexpected_fit(name, wanted[name], computed[name], tolerances))
        for name in sorted(set(sets) ^ set(patch_sets)):
            yield here, f"patch set '{name}' is missing here or in the archive"
        for name in sorted(set(sets) & set(patch_sets)):
            yield from _unexpected_patches(name, sets[name], workspace, patch_sets[name], tolerances)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield here, f"not of schema {SCHEMA}: {type(error).__name__} {error}"


def _broken_promises(expected: Mapping[str, Any]) -> Iterator[str]:
    """What is promised may be tighter than our tolerances, not looser."""
    if expected["schema"] != SCHEMA:
        yield f"schema is {expected['schema']}, expected {SCHEMA}"
    for key, limit in TOLERANCES.items():
        if not 0 <= float(expected["tolerances"][key]) <= limit:
            yield f"tolerance of {key} is {expected['tolerances'][key]}, at most {limit} is accepted"


def _unexpected_fit(
    name: str, wanted: Mapping[str, Any], computed: Mapping[str, Any], tolerances: Mapping[str, float]
) -> Iterator[str]:
    """What a measurement does not give any more."""
    for key, value in computed.items():
        same = wanted[key] == value if key == "parameter" else _near(wanted[key], value, _tolerance(key, tolerances))
        if not same:
            yield f"measurement '{name}', {key}: {wanted[key]} expected, {value} found"


def _tolerance(key: str, tolerances: Mapping[str, float]) -> float:
    """Of a quantity; a fluence is known as well as a flux."""
    return tolerances.get(key, tolerances["flux_1e6_cm2_s1"])


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
        yield _FILE, f"{name}, minimum: {expected['minimum']}, not as in the patch set"
    sample = dict(expected["patches"])
    if not sample:
        yield _FILE, f"{name}: no patch is listed"
    for patch, height in zip(content["patches"], heights, strict=True):
        about = patch["metadata"]
        where = f"patch '{about['name']}'"
        wrong = _unexpected_delta(about, height - minimum, level, tolerances["delta_chi2"])
        yield from ((name, f"{where}: {text}") for text in wrong)
        wanted = sample.pop(about["name"], None)
        if wanted is not None:
            yield from ((_FILE, f"{name}, {where}{text}") for text in _not_as_listed(wanted, about, height, tolerances))
    for key in sorted(sample):
        yield _FILE, f"{name}: patch '{key}' is not in the patch set"


def _unexpected_delta(about: Mapping[str, Any], delta: float, level: float, tolerance: float) -> Iterator[str]:
    """What a patch's metadata say that its fit does not."""
    if not _near(about["delta_chi2"], delta, tolerance):
        yield f"delta_chi2 is {about['delta_chi2']}, but {delta:.4f} found"
    if about["excluded_90"] != (delta > level) and abs(delta - level) > tolerance:
        yield f"excluded_90 is {about['excluded_90']}, but delta_chi2 is {about['delta_chi2']}"
    if delta < -tolerance:
        yield f"lies {-delta:.4f} below the minimum over the plane in its metadata"


def _not_as_listed(
    wanted: Mapping[str, Any], about: Mapping[str, Any], height: float, tolerances: Mapping[str, float]
) -> Iterator[str]:
    """What the list of expected results says of a patch that does not hold."""
    for quantity, found in (("twice_nll", height), ("delta_chi2", about["delta_chi2"])):
        if not _near(wanted[quantity], found, tolerances[quantity]):
            yield f", {quantity}: {wanted[quantity]} expected, {found:.6f} found"
    if wanted["excluded_90"] != about["excluded_90"]:
        yield f": excluded_90 is {wanted['excluded_90']}, not as in the patch set"


def degrees_of_freedom(patch_set: Mapping[str, Any]) -> int:
    """Of ``excluded_90``: two in a plane, one where there is no mass."""
    return min(len(patch_set["metadata"]["labels"]), 2)


def _near(wanted: float, found: float, tolerance: float) -> bool:
    """Whether two numbers agree; NaN agrees with nothing."""
    return abs(wanted - found) <= tolerance + _RELATIVE * abs(found)
