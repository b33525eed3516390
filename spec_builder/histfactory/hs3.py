"""pyhf workspaces in the HEP Statistics Serialization Standard (HS3), as plain dictionaries.

The standard's text is at https://hep-statistics-serialization-standard.github.io. Where it leaves a choice, what
ROOT and pyhs3 read is written: ``histosys`` contents are the absolute yields at +-1 standard deviation, modifiers
have a name, an analysis lists its ``domains``, and no ``interpolation`` is named: ROOT 6.40 reads numbers there
(roofit/hs3/src/JSONFactories_HistFactory.cxx), pyhs3 0.4 its own words (distributions/histfactory/modifiers.py), and
both take pyhf's codes 4 and 4p where there is none. The ``vals`` of a ``shapesys`` are absolute, as pyhs3 reads them
(ROOT divides them by the contents); those of a ``staterror`` stand in the sample's ``errors``. The standard has no
``lumi``: it is a ``normfactor`` with a Gaussian, which ROOT finds by the modifier's ``constraint_name`` and pyhs3 among
the likelihood's ``aux_distributions``. Files in HS3 are read by :mod:`spec_builder.histfactory.hs3_reading`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import check_path, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.names import shown
from spec_builder.base.reading import load_json
from spec_builder.base.version import __version__
from spec_builder.histfactory.checks import check_workspace, missing_interests
from spec_builder.histfactory.hs3_measurements import DEFAULT_POINT
from spec_builder.histfactory.hs3_reading import is_hs3
from spec_builder.histfactory.patch import apply_patch, patched_workspace
from spec_builder.histfactory.specification import Constraint
from spec_builder.histfactory.workspace_reading import read_specification

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spec_builder.histfactory.specification import ParameterSpec, Specification

__all__ = ["hs3_workspace", "read_hs3"]

HS3_VERSION = "0.2"
LIKELIHOOD = "main_likelihood"
#: Where ROOT looks for ranges, without which it reads nothing, and for values: those of the first measurement.
_FIRST_DOMAIN, _FIRST_POINT = "default_domain", DEFAULT_POINT
#: ROOT looks for the constraint of a channel's staterrors here, 6.40 for the second key, and takes Poisson's otherwise.
_STATERROR = {"constraint": "Gauss", "constraint_type": "Gauss"}
_LUMI_CONSTRAINT = "lumi_constraint"
_ALL_OF_THEM = "measurement: chooses one of a file in HS3; of a workspace all are written"
_UNIT_GAUSSIAN = Constraint("normal", 0.0, 1.0)


@checked
def hs3_workspace(
    workspace: Mapping[str, Any] | str | PathLike[str],
    metadata: Mapping[str, Any] | None = None,
    measurement: str | None = None,
) -> dict[str, Any]:
    """The same model in HS3: one likelihood, and an analysis for every measurement.

    Each channel is a ``histfactory_dist``; each measurement gives the start values, which parameters are constant,
    and the bounds. -2 ln L is pyhf's, the constant included. A channel of one run has its observable's edges as its
    axis; where runs with different edges were added bin by bin, the axis counts bins and the edges of each run stand
    in ``misc``, with the units, for which HS3's axes have no key.

    Args:
        workspace: content of a pyhf workspace, patches applied; or the path of its file, whose ``.meta.json`` is found
            by itself, or of a file in HS3, which becomes pyhf's JSON.
        metadata: content of its ``.meta.json``, for axes and provenance; without it the axes count bins.
        measurement: chooses the likelihood of a file in HS3 that has several; it is the workspace's first.

    Raises:
        SpecBuilderError: for a constraint or a bin that HS3 cannot hold, naming it, or metadata of other bins.
    """
    if isinstance(workspace, str | PathLike):
        check_path("workspace", workspace)
        return read_hs3(fspath(workspace), measurement=measurement)
    if metadata is not None and not isinstance(metadata, Mapping):
        raise SpecBuilderError(f"metadata {shown(metadata)}: expected the content of a .meta.json")
    if measurement is not None:
        raise SpecBuilderError(_ALL_OF_THEM)
    content = check_workspace(workspace, "workspace")
    return _hs3(content, metadata)


def _hs3(workspace: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The document of a sound workspace; see :func:`hs3_workspace`."""
    missing = missing_interests(workspace)  # only patches bring them
    names = [measurement["name"] for measurement in workspace["measurements"]]
    specifications = {name: read_specification(workspace, name, poi="" if name in missing else None) for name in names}
    constraints = _constraints(workspace)
    luminosity = _luminosity(workspace, specifications)
    try:
        axes = {channel["name"]: _axis(channel, metadata) for channel in workspace["channels"]}
        about = _metadata(metadata)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        reason = f"{type(error).__name__} {error}"
        raise SpecBuilderError(f"metadata: not that of a workspace of spec_builder ({reason})") from None
    observed = {observation["name"]: observation["data"] for observation in workspace["observations"]}
    likelihood: dict[str, Any] = {
        "name": LIKELIHOOD,
        "distributions": list(axes),
        "data": [f"{name}_data" for name in axes],
    }
    if luminosity:
        gaussian = luminosity[0]
        likelihood["aux_distributions"] = [gaussian["name"]]
        constraints["lumi"] = Constraint("normal", gaussian["x"], gaussian["sigma"])
    first = _first_bins(workspace)
    written = _written_names(workspace, specifications, first)
    content: dict[str, Any] = {
        "metadata": about,
        "distributions": [
            *(_distribution(channel, axes[channel["name"]][0], first) for channel in workspace["channels"]),
            *luminosity,
        ],
        "data": [
            {"name": f"{name}_data", "type": "binned", "contents": list(observed[name]), "axes": [axis]}
            for name, (axis, _) in axes.items()
        ],
        "likelihoods": [likelihood],
        "analyses": [],
        "domains": [],
        "parameter_points": [],
        "misc": {"spec_builder": _own_notes(workspace, metadata, axes)},
    }
    for name, specification in specifications.items():
        is_first = not content["analyses"]
        domain = _FIRST_DOMAIN if is_first else f"{name}_bounds"
        start = _FIRST_POINT if is_first else f"{name}_start"
        analysis = {"name": name, "likelihood": LIKELIHOOD, "domains": [domain], "init": start}
        if specification.poi:
            analysis["parameters_of_interest"] = [written[specification.poi]]
        content["analyses"].append(analysis)
        content["domains"].append(_domain(domain, specification.parameters, written))
        content["parameter_points"].append(_start(start, specification.parameters, written, constraints))
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


def _distribution(
    channel: Mapping[str, Any], axis: Mapping[str, Any], first: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    name = channel["name"]
    samples = [_sample(name, sample, first) for sample in channel["samples"]]
    distribution = {"name": name, "type": "histfactory_dist", "axes": [axis], "samples": samples}
    if any(channel == name for channel, _ in first):
        distribution["staterror"] = dict(_STATERROR)
    return distribution


def _bin_name(stem: str, place: int) -> str:
    """Name of a parameter of a ``staterror``: ROOT reads none with brackets.

    Those of other modifiers keep them: the ``vals`` of a ``shapesys`` have two meanings, and a ``shapefactor`` none.
    """
    return f"{stem}_bin_{place}"


def _written_names(
    workspace: Mapping[str, Any], specifications: Mapping[str, Specification], first: Mapping[tuple[str, str], int]
) -> dict[str, str]:
    """Names of the parameters in HS3, by those in pyhf."""
    written = {p.name: p.name for specification in specifications.values() for p in specification.parameters}
    bins = {channel["name"]: len(channel["samples"][0]["data"]) for channel in workspace["channels"]}
    for (channel, stem), start in first.items():
        for place in range(start, start + bins[channel]):
            name = _bin_name(stem, place)
            if name in written:
                raise SpecBuilderError(f"parameter '{name}': would have the name of a bin of staterror '{stem}' in HS3")
            written[f"{stem}[{place}]"] = name
    return written


def _own_notes(
    workspace: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
    axes: Mapping[str, tuple[dict[str, Any], dict[str, Any]]],
) -> dict[str, Any]:
    """What HS3 has no key for: edges of the runs, units, choices, and the digest of the pyhf workspace."""
    if metadata is None:
        return {"pyhf_sha256": digest(workspace)}
    choices = {key: metadata[key] for key in ("law", "variants", "by_construction") if key in metadata}
    return {
        "axes": {axis["name"]: notes for axis, notes in axes.values()},
        "pyhf_sha256": digest(workspace),
        **choices,
    }


def _described_channels(metadata: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the metadata say of each channel; an experiment of one channel has it at its top."""
    found: dict[str, Mapping[str, Any]] = {}
    for experiment in metadata.get("experiments", {}).values():
        found |= experiment["channels"] if "channels" in experiment else {experiment["channel"]: experiment}
    return found


def _axis(channel: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The channel's axis, and what HS3 has no key for."""
    name, bins = channel["name"], len(channel["samples"][0]["data"])
    counting = {"name": f"{name}_bin", "min": 0.0, "max": float(bins), "nbins": bins}
    described = _described_channels(metadata or {}).get(name)
    if described is None:
        return counting, {"observable": "bin number", "unit": "1"}
    edges = {run: about["bin_edges"] for run, about in described["runs"].items()}
    by_axis = {run: values if "observables" in described else [values] for run, values in edges.items()}
    for run, values in by_axis.items():
        count = math.prod(len(axis) - 1 for axis in values)
        if count != bins:
            raise SpecBuilderError(
                f"metadata: run '{run}' has {count} bins, but channel '{name}' has {bins}; "
                "they belong to different workspaces"
            )
    if "observables" in described:
        axes = described["observables"]
        observables = {"observable": [axis["name"] for axis in axes], "unit": [axis["unit"] for axis in axes]}
        note = "bins of two observables, the first outermost, stand in one row; the axis counts them"
        return counting, observables | {"bin_edges": edges, "note": note}
    observable = described["observable"]
    notes = {"observable": observable["name"], "unit": observable["unit"], "bin_edges": edges}
    distinct = {tuple(values) for values in edges.values()}
    if len(distinct) > 1:
        return counting, notes | {"note": "bins of the runs, whose edges differ, were added; the axis counts bins"}
    values = [float(edge) for edge in distinct.pop()]
    axis = {"name": f"{name}_{observable['name']}", "min": values[0], "max": values[-1], "edges": values}
    return axis, notes


def _first_bins(workspace: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Where the parameters of a ``staterror`` begin in a channel: they are counted over the channels by name."""
    first: dict[tuple[str, str], int] = {}
    count: dict[str, int] = {}
    for channel in sorted(workspace["channels"], key=lambda channel: str(channel["name"])):
        modifiers = [m for sample in channel["samples"] for m in sample["modifiers"]]
        names = {m["name"] for m in modifiers if m["type"] == "staterror"}
        if len(names) > 1:
            raise SpecBuilderError(
                f"channel '{channel['name']}': has several staterrors ({', '.join(sorted(names))}), and HS3 holds one"
            )
        for name in names:
            first[channel["name"], name] = count.get(name, 0)
            count[name] = first[channel["name"], name] + len(channel["samples"][0]["data"])
    return first


def _sample(channel: str, sample: Mapping[str, Any], first: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    where = f"channel '{channel}', sample '{sample['name']}'"
    contents = list(sample["data"])
    errors = next((m["data"] for m in sample["modifiers"] if m["type"] == "staterror"), [0.0] * len(contents))
    return {
        "name": sample["name"],
        "data": {"contents": contents, "errors": list(errors)},
        "modifiers": [_modifier(where, m, contents, first.get((channel, m["name"]), 0)) for m in sample["modifiers"]],
    }


def _modifier(where: str, modifier: Mapping[str, Any], contents: Sequence[float], first: int) -> dict[str, Any]:
    name, kind, data = modifier["name"], modifier["type"], modifier["data"]
    common = {"name": name, "type": kind, "parameter": name}
    vector = {"name": name, "type": kind, "parameters": [f"{name}[{first + i}]" for i in range(len(contents))]}
    if kind == "normfactor":
        return common
    if kind == "lumi":
        return common | {"type": "normfactor", "constraint_name": _LUMI_CONSTRAINT}
    if kind == "normsys":
        values = {"hi": data["hi"], "lo": data["lo"]}
        return common | {"constraint": "Gauss", "data": values}
    if kind == "histosys":
        shapes = {key: {"contents": list(data[f"{key}_data"])} for key in ("hi", "lo")}
        return common | {"constraint": "Gauss", "data": shapes}
    if kind == "shapefactor":
        return vector
    if kind == "staterror":
        return vector | {
            "parameters": [_bin_name(name, first + i) for i in range(len(contents))],
            "constraint": "Gauss",
        }
    if kind == "shapesys":
        pairs = enumerate(zip(contents, data, strict=True))
        widths = [_shape_value(f"{where}, modifier '{name}'", i, events, width) for i, (events, width) in pairs]
        return vector | {"constraint": "Poisson", "data": {"vals": widths}}
    raise SpecBuilderError(f"{where}, modifier '{name}': type '{kind}' is not written to HS3")


def _shape_value(where: str, place: int, events: float, width: float) -> float:
    """The uncertainty of a bin; without one pyhf holds the parameter and counts one event beside the data."""
    if events <= 0:
        raise SpecBuilderError(f"{where}, bin {place}: has no events to be uncertain of, which HS3 cannot hold")
    return width if width > 0 else events


def _constraints(workspace: Mapping[str, Any]) -> dict[str, Constraint]:
    """The constraints that a reader of HS3 makes of the modifiers, by the name of the parameter."""
    constraints: dict[str, Constraint] = {}
    first = _first_bins(workspace)
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                name, kind = modifier["name"], modifier["type"]
                if kind in ("normsys", "histosys"):
                    constraints[name] = _UNIT_GAUSSIAN
                elif kind == "shapesys":
                    for i, (events, width) in enumerate(zip(sample["data"], modifier["data"], strict=True)):
                        factor = (events / width) ** 2 if events > 0 and width > 0 else 1.0
                        constraints[f"{name}[{i}]"] = Constraint("poisson", factor, factor)
        for name, pairs in _staterrors(channel).items():
            start = first[channel["name"], name]
            constraints |= {f"{name}[{start + i}]": c for i, c in _bin_constraints(channel["name"], name, pairs)}
    return constraints


def _staterrors(channel: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Events and squared width in each bin of each ``staterror``, all its samples together."""
    totals: dict[str, list[tuple[float, float]]] = {}
    for sample in channel["samples"]:
        for modifier in sample["modifiers"]:
            if modifier["type"] == "staterror":
                pairs = totals.setdefault(modifier["name"], [(0.0, 0.0)] * len(sample["data"]))
                added = zip(pairs, sample["data"], modifier["data"], strict=True)
                totals[modifier["name"]] = [(n + events, v + width**2) for (n, v), events, width in added]
    return totals


def _bin_constraints(channel: str, name: str, pairs: Sequence[tuple[float, float]]) -> Iterator[tuple[int, Constraint]]:
    """The constraint of each bin of a ``staterror``."""
    for i, (events, square) in enumerate(pairs):
        if not (events > 0 and square > 0):
            raise SpecBuilderError(
                f"channel '{channel}', staterror '{name}', bin {i}: has no uncertainty, which HS3 "
                "cannot hold beside bins that have one"
            )
        yield i, Constraint("normal", 1.0, math.sqrt(square) / events)


def _luminosity(workspace: Mapping[str, Any], specifications: Mapping[str, Specification]) -> list[dict[str, Any]]:
    """The Gaussian of the luminosity, as a list of one distribution, or of none."""
    modifiers = [m for channel in workspace["channels"] for sample in channel["samples"] for m in sample["modifiers"]]
    if not any(modifier["type"] == "lumi" for modifier in modifiers):
        return []
    found = {
        parameter.constraint
        for specification in specifications.values()
        for parameter in specification.parameters
        if parameter.name == "lumi" and parameter.constraint is not None
    }
    if len(found) > 1:
        raise SpecBuilderError(
            "parameter 'lumi': the measurements constrain it differently, and HS3 holds one constraint"
        )
    return [
        {"name": _LUMI_CONSTRAINT, "type": "gaussian_dist", "x": c.auxiliary, "mean": "lumi", "sigma": c.scale}
        for c in found
    ]


def _domain(name: str, parameters: Sequence[ParameterSpec], written: Mapping[str, str]) -> dict[str, Any]:
    axes = [{"name": written[p.name], "min": p.lower, "max": p.upper} for p in parameters]
    return {"name": name, "type": "product_domain", "axes": axes}


def _start(
    name: str,
    parameters: Sequence[ParameterSpec],
    written: Mapping[str, str],
    constraints: Mapping[str, Constraint],
) -> dict[str, Any]:
    for p in parameters:
        expected = constraints.get(p.name)
        if _same(p.constraint, expected):
            continue
        if expected == _UNIT_GAUSSIAN:
            raise SpecBuilderError(
                f"parameter '{p.name}': is constrained otherwise than by a Gaussian of width 1 around 0, "
                "the only one that HS3 holds for normsys and histosys"
            )
        raise SpecBuilderError(
            f"parameter '{p.name}': the measurement's auxdata, sigmas or factors are not those of its modifier, "
            "which HS3 cannot hold"
        )
    values = [{"name": written[p.name], "value": p.init, "const": p.fixed} for p in parameters]
    return {"name": name, "parameters": values}


def _same(found: Constraint | None, expected: Constraint | None) -> bool:
    if found is None or expected is None:
        return found is expected
    numbers = ((found.auxiliary, expected.auxiliary), (found.scale, expected.scale))
    return found.kind == expected.kind and all(math.isclose(a, b, rel_tol=1e-12) for a, b in numbers)


def read_hs3(name: str, patches: Sequence[str] = (), measurement: str | None = None) -> dict[str, Any]:
    """A pyhf workspace's file in HS3, with the metadata beside it, if there is some; a file in HS3 as pyhf's JSON.

    Args:
        name: path of the workspace, ``-`` for standard input.
        patches: JSON patch files, applied in order.
        measurement: chooses the likelihood of a file in HS3 that has several; it is the workspace's first.

    Raises:
        SpecBuilderError: as :func:`hs3_workspace`, or if the metadata is of another workspace.
    """
    shown = "standard input" if name == "-" else name
    content = load_json(name)
    if is_hs3(content):
        return check_workspace(patched_workspace(content, shown, patches, measurement), shown)
    if not isinstance(content, dict):
        raise SpecBuilderError(f"{shown}: not a pyhf workspace: expected a JSON object")
    if measurement is not None:
        raise SpecBuilderError(f"{shown}: {_ALL_OF_THEM}")
    workspace: dict[str, Any] = content
    metadata = None if name == "-" else _metadata_beside(Path(name), workspace)
    patched = workspace
    for patch in patches:
        patched = apply_patch(patched, load_json(patch), patch)
    check_workspace(patched, shown)
    try:
        return _hs3(patched, metadata)
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{shown}: {error}") from None


def _metadata_beside(path: Path, workspace: dict[str, Any]) -> dict[str, Any] | None:
    """The ``.meta.json`` of a workspace's file, None if there is none."""
    beside = path.with_suffix(".meta.json")
    if not beside.is_file():
        return None
    metadata = load_json(str(beside))
    if not isinstance(metadata, dict) or metadata.get("sha256") != digest(workspace):
        raise SpecBuilderError(f"{beside}: is the metadata of another workspace; export again, or move it away")
    return metadata
