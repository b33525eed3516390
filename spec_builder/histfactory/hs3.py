"""pyhf workspaces in the HEP Statistics Serialization Standard (HS3), as plain dictionaries.

The standard's text is at https://hep-statistics-serialization-standard.github.io. Where it leaves a choice, what
ROOT and pyhs3 read is written: ``histosys`` contents are the absolute yields at +-1 standard deviation, modifiers
have a name, an analysis lists its ``domains``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest, load_json
from spec_builder.base.version import __version__
from spec_builder.histfactory.patch import apply_patch, load_workspace
from spec_builder.histfactory.schema import schema_problem
from spec_builder.histfactory.specification import Constraint, read_specification

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.histfactory.specification import ParameterSpec

__all__ = ["hs3_workspace", "read_hs3"]

HS3_VERSION = "0.2"
LIKELIHOOD = "main_likelihood"
#: pyhf's code 4: a polynomial inside one standard deviation, exponential outside.
_NORMSYS = {"type": "mult", "in": "poly6", "out": "exp"}
#: pyhf's code 4p: a polynomial inside one standard deviation, linear outside.
_HISTOSYS = {"type": "add", "in": "poly6", "out": "poly1"}
_UNIT_GAUSSIAN = Constraint("normal", 0.0, 1.0)


def hs3_workspace(workspace: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same model in HS3: one likelihood, and an analysis for every measurement.

    Each channel is a ``histfactory_dist``; each measurement gives the start values, which parameters are constant,
    and the bounds. -2 ln L differs by a constant from pyhf's, at any point. A channel of one run has its observable's
    edges as its axis; where runs with different edges were added bin by bin, the axis counts bins and the edges of
    each run stand in ``misc``, with the units, for which HS3's axes have no key.

    Args:
        workspace: content of a pyhf workspace, patches applied, modifiers normfactor, normsys and histosys.
        metadata: content of its ``.meta.json``, for axes and provenance; without it the axes count bins.

    Raises:
        SpecBuilderError: for another modifier or constraint, naming it, or metadata of other bins.
    """
    specifications = {m["name"]: read_specification(workspace, m["name"]) for m in workspace["measurements"]}
    try:
        axes = {channel["name"]: _axis(channel, metadata) for channel in workspace["channels"]}
        about = _metadata(metadata)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        reason = f"{type(error).__name__} {error}"
        raise SpecBuilderError(f"metadata: not that of a workspace of spec_builder ({reason})") from None
    observed = {observation["name"]: observation["data"] for observation in workspace["observations"]}
    content: dict[str, Any] = {
        "metadata": about,
        "distributions": [
            {
                "name": channel["name"],
                "type": "histfactory_dist",
                "axes": [axes[channel["name"]][0]],
                "samples": [_sample(channel["name"], sample) for sample in channel["samples"]],
            }
            for channel in workspace["channels"]
        ],
        "data": [
            {"name": f"{name}_data", "type": "binned", "contents": list(observed[name]), "axes": [axis]}
            for name, (axis, _) in axes.items()
        ],
        "likelihoods": [{"name": LIKELIHOOD, "distributions": list(axes), "data": [f"{name}_data" for name in axes]}],
        "analyses": [],
        "domains": [],
        "parameter_points": [],
        "misc": {
            "spec_builder": {
                "axes": {axis["name"]: notes for axis, notes in axes.values()},
                "pyhf_sha256": digest(workspace),
                **{key: metadata[key] for key in ("law", "variants", "by_construction") if key in (metadata or {})},
            }
        }
        if metadata is not None
        else {"spec_builder": {"pyhf_sha256": digest(workspace)}},
    }
    for name, specification in specifications.items():
        domain, start = f"{name}_domain", f"{name}_start"
        analysis = {"name": name, "likelihood": LIKELIHOOD, "domains": [domain], "init": start}
        if specification.poi:
            analysis["parameters_of_interest"] = [specification.poi]
        content["analyses"].append(analysis)
        content["domains"].append(_domain(domain, specification.parameters))
        content["parameter_points"].append(_start(start, specification.parameters))
    return content


def _metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "hs3_version": HS3_VERSION,
        "packages": [{"name": "spec_builder", "version": __version__}],
    }
    if metadata is not None:
        content["publications"] = [metadata["paper"]]
        content["description"] = f"{metadata['analysis']}: the pyhf workspace of spec_builder, in HS3"
    return content


def _axis(channel: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The channel's axis, and what HS3 has no key for."""
    name, bins = channel["name"], len(channel["samples"][0]["data"])
    counting = {"name": f"{name}_bin", "min": 0.0, "max": float(bins), "nbins": bins}
    found = [e for e in (metadata or {}).get("experiments", {}).values() if e["channel"] == name]
    if not found:
        return counting, {"observable": "bin number", "unit": "1"}
    runs, observable = found[0]["runs"], found[0]["observable"]
    for run, about in runs.items():
        if len(about["bin_edges"]) != bins + 1:
            raise SpecBuilderError(
                f"metadata: run '{run}' has {len(about['bin_edges']) - 1} bins, but channel '{name}' has {bins}; "
                "they belong to different workspaces"
            )
    edges = {run: about["bin_edges"] for run, about in runs.items()}
    notes = {"observable": observable["name"], "unit": observable["unit"], "bin_edges": edges}
    distinct = {tuple(values) for values in edges.values()}
    if len(distinct) > 1:
        return counting, notes | {"note": "bins of the runs, whose edges differ, were added; the axis counts bins"}
    values = [float(edge) for edge in distinct.pop()]
    axis = {"name": f"{name}_{observable['name']}", "min": values[0], "max": values[-1], "edges": values}
    return axis, notes


def _sample(channel: str, sample: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": sample["name"],
        "data": {"contents": list(sample["data"]), "errors": [0.0] * len(sample["data"])},
        "modifiers": [_modifier(f"channel '{channel}', sample '{sample['name']}'", m) for m in sample["modifiers"]],
    }


def _modifier(where: str, modifier: Mapping[str, Any]) -> dict[str, Any]:
    name, kind, data = modifier["name"], modifier["type"], modifier["data"]
    common = {"name": name, "type": kind, "parameter": name}
    if kind == "normfactor":
        return common
    if kind == "normsys":
        values = {"hi": data["hi"], "lo": data["lo"]}
        return common | {"constraint": "Gauss", "data": values, "interpolation": _NORMSYS}
    if kind == "histosys":
        contents = {key: {"contents": list(data[f"{key}_data"])} for key in ("hi", "lo")}
        return common | {"constraint": "Gauss", "data": contents, "interpolation": _HISTOSYS}
    raise SpecBuilderError(
        f"{where}, modifier '{name}': type '{kind}' is not written to HS3; expected normfactor, normsys or histosys"
    )


def _domain(name: str, parameters: Sequence[ParameterSpec]) -> dict[str, Any]:
    axes = [{"name": p.name, "min": p.lower, "max": p.upper} for p in parameters]
    return {"name": name, "type": "product_domain", "axes": axes}


def _start(name: str, parameters: Sequence[ParameterSpec]) -> dict[str, Any]:
    for p in parameters:
        if p.constraint not in (None, _UNIT_GAUSSIAN):
            raise SpecBuilderError(
                f"parameter '{p.name}': is constrained otherwise than by a Gaussian of width 1 around 0, "
                "the only one written to HS3"
            )
    values = [{"name": p.name, "value": p.init, "const": p.fixed} for p in parameters]
    return {"name": name, "parameters": values}


def read_hs3(name: str, patches: Sequence[str] = ()) -> dict[str, Any]:
    """A pyhf workspace's file in HS3, with the metadata beside it, if there is some.

    Args:
        name: path of the workspace, ``-`` for standard input.
        patches: JSON patch files, applied in order.

    Raises:
        SpecBuilderError: as :func:`hs3_workspace`, or if the metadata is of another workspace.
    """
    shown = "standard input" if name == "-" else name
    workspace = load_workspace(name)
    beside = Path(name).with_suffix(".meta.json")
    metadata = load_json(str(beside)) if name != "-" and beside.is_file() else None
    if metadata is not None and (not isinstance(metadata, dict) or metadata.get("sha256") != digest(workspace)):
        raise SpecBuilderError(f"{beside}: is the metadata of another workspace; export again, or move it away")
    patched = workspace
    for patch in patches:
        patched = apply_patch(patched, load_json(patch), patch)
    problem = schema_problem(patched, "workspace.json")
    if problem is not None:
        raise SpecBuilderError(f"{shown}: {problem}")
    try:
        return hs3_workspace(patched, metadata)
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{shown}: {error}") from None
