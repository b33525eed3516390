"""Models in HS3 as pyhf workspaces: what :mod:`spec_builder.histfactory.hs3` writes, and the same from other tools.

A model that a pyhf workspace cannot hold (another distribution, constraint or interpolation) is refused with its name.
What ROOT writes differs from what others do: its ``vals`` of a ``shapesys`` are relative, and a ``staterror`` that says
nothing of its constraint has Poisson's.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.histfactory.hs3_axes import check_bins
from spec_builder.histfactory.hs3_constraints import NamedConstraints, constants
from spec_builder.histfactory.hs3_entries import check_entries, modifiers_of, place_of_modifier
from spec_builder.histfactory.hs3_measurements import (
    LUMI,
    Names,
    chosen_measurements,
    likelihoods_of,
    settings_of,
    start_of,
)
from spec_builder.histfactory.specification import Constraint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["is_hs3", "workspace_of_hs3", "workspaces_of_hs3"]

_HISTFACTORY = "histfactory_dist"
_GAUSS, _POISSON = ("Gauss", "Gaussian"), ("Poisson",)
#: Words for the constraint of a modifier.
_CONSTRAINTS = {"normsys": _GAUSS, "histosys": _GAUSS, "staterror": (*_GAUSS, *_POISSON), "shapesys": _POISSON}
_SCALARS = ("normfactor", "normsys", "histosys")
#: Writers whose ``vals`` of a ``shapesys`` are absolute. ROOT's are relative, and by the standard's text
#: (parts/histfactory) the means of the Poisson constraint are their squares: contents over uncertainties.
_ABSOLUTE_VALS = frozenset({"pyhs3", "spec_builder"})
_OF_BINS = ("staterror", "shapesys", "shapefactor")
#: Interpolations that are pyhf's codes 4 and 4p, pyhs3's name of it first and then ROOT's numbers, of which 4 and 5 are
#: the same for a normsys; a modifier without one is read as ROOT and pyhs3 do, as these.
_INTERPOLATIONS: dict[str, tuple[tuple[str | int, ...], dict[str, str]]] = {
    "normsys": (("code4", 4, 5), {"type": "mult", "in": "poly6", "out": "exp"}),
    "histosys": (("code4p", 4), {"type": "add", "in": "poly6", "out": "poly1"}),
}
#: The constraint of a normsys or histosys.
_UNIT_GAUSSIAN = Constraint("normal", 0.0, 1.0)


def is_hs3(content: Any) -> bool:
    """Whether JSON content is a model in HS3, and not a pyhf workspace.

    Examples:
        >>> is_hs3({"distributions": [], "likelihoods": []}), is_hs3({"channels": []})
        (True, False)
    """
    return isinstance(content, dict) and "distributions" in content and "channels" not in content


def workspace_of_hs3(content: Mapping[str, Any], measurement: str | None = None) -> dict[str, Any]:
    """The pyhf workspace with the same likelihood: a channel for each distribution, a measurement for each analysis.

    Parameters keep their names; those of a ``staterror``, ``shapesys`` or ``shapefactor`` become ``NAME[0]``, ... , and
    a ``normfactor`` with a Gaussian becomes ``lumi``.

    Args:
        content: of a file in HS3.
        measurement: name of an analysis, or of a likelihood that no analysis has. It becomes the first measurement;
            those of other likelihoods are left out. It need not be named where there is one likelihood.

    Raises:
        SpecBuilderError: naming what is missing, malformed, or nothing that a pyhf workspace can hold; if there are
            several likelihoods and none is chosen.
    """
    with _of_hs3():
        check_entries(content)
        return _workspace(content, measurement)


def workspaces_of_hs3(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The workspace of each likelihood; see :func:`workspace_of_hs3`."""
    with _of_hs3():
        check_entries(content)
        first: dict[str, str] = {}
        for name, likelihood in likelihoods_of(content).items():
            first.setdefault(likelihood, name)
        return [_workspace(content, name) for name in first.values() or [None]]


@contextmanager
def _of_hs3() -> Iterator[None]:
    """Say of content that has another form what it is not."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise SpecBuilderError(f"not a model in HS3 of binned channels: {type(error).__name__} {error}") from None


def _workspace(content: Mapping[str, Any], measurement: str | None) -> dict[str, Any]:
    analyses = chosen_measurements(content, measurement)
    likelihood = next(
        one for one in content["likelihoods"] if all(a["likelihood"] == one["name"] for a in analyses.values())
    )
    distributions = _referred(likelihood, "distributions", content["distributions"])
    _check_kinds(distributions)
    observed = _referred(likelihood, "data", content.get("data", []))
    if len(observed) != len(distributions):
        raise SpecBuilderError(
            f"likelihood '{likelihood['name']}': has {len(distributions)} distributions and {len(observed)} data"
        )
    for distribution, counts in zip(distributions, observed, strict=True):
        check_bins(distribution, counts)
    reader = _Reader.of(content, likelihood, distributions, analyses.values())
    channels = {
        distribution["name"]: reader.channel(distribution)
        for distribution in sorted(distributions, key=lambda d: str(d["name"]))  # pyhf counts the bins in this order
    }
    used = {m["name"] for channel in channels.values() for sample in channel["samples"] for m in sample["modifiers"]}
    return {
        "channels": [channels[distribution["name"]] for distribution in distributions],
        "observations": [
            {"name": distribution["name"], "data": list(counts["contents"])}
            for distribution, counts in zip(distributions, observed, strict=True)
        ],
        "measurements": [settings_of(content, analysis, used, reader.names) for analysis in analyses.values()],
        "version": "1.0.0",
    }


def _referred(likelihood: Mapping[str, Any], key: str, entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The entries that a likelihood names under a key."""
    known = {entry["name"]: entry for entry in entries}
    for name in likelihood[key]:
        if name not in known:
            raise SpecBuilderError(f"likelihood '{likelihood['name']}', {key}: there is no {shown(name)}")
    return [known[name] for name in likelihood[key]]


def _check_kinds(distributions: Sequence[Mapping[str, Any]]) -> None:
    for distribution in distributions:
        name, kind = distribution["name"], distribution["type"]
        if kind != _HISTFACTORY:
            raise SpecBuilderError(f"distribution '{name}': is a {kind}; only {_HISTFACTORY} fits into a workspace")
        if distribution.get("barlow_beeston_method", "lite") != "lite":
            raise SpecBuilderError(f"distribution '{name}': has a staterror for each sample, which pyhf cannot hold")
        of_channel = distribution.get("staterror", {})
        if of_channel.get("relThreshold"):
            raise SpecBuilderError(f"distribution '{name}': has a relThreshold of its staterror, which pyhf has not")
        word = of_channel.get("constraint_type", of_channel.get("constraint"))
        if word not in (None, *_CONSTRAINTS["staterror"]):
            raise SpecBuilderError(
                f"distribution '{name}': constraint '{word}' of a staterror has no counterpart in pyhf"
            )


def _modifiers_of_bins(
    distributions: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Channel, sample and modifier, of those with a parameter for each bin, in the order in which pyhf counts them."""
    for distribution in sorted(distributions, key=lambda d: str(d["name"])):
        for sample in distribution["samples"]:
            for modifier in sample.get("modifiers", []):
                if modifier["type"] in _OF_BINS:
                    yield distribution, sample, modifier


@dataclass(frozen=True)
class _Reader:
    """What the channels of a likelihood are read with.

    Attributes:
        names: pyhf's, of the parameters.
        constraints: distributions that modifiers name.
        held: parameters that are constant in the start of every measurement.
        mentioned: parameters that a point or a domain names.
        by_root: whether ROOT has written the file.
        absolute: whether one of those has that have absolute ``vals`` of a ``shapesys``.
    """

    names: Names
    constraints: NamedConstraints
    held: frozenset[str]
    mentioned: frozenset[str]
    by_root: bool
    absolute: bool

    @classmethod
    def of(
        cls,
        content: Mapping[str, Any],
        likelihood: Mapping[str, Any],
        distributions: Sequence[Mapping[str, Any]],
        analyses: Iterable[Mapping[str, Any]],
    ) -> _Reader:
        starts = [start_of(content, analysis) for analysis in analyses]
        points, domains = content.get("parameter_points", []), content.get("domains", [])
        held = [frozenset(p["name"] for p in start["parameters"] if p.get("const", False)) for start in starts]
        constraints = NamedConstraints(
            {d["name"]: d for d in content["distributions"]},
            {f["name"]: f["factors"] for f in content.get("functions", []) if f.get("type") == "product"},
            constants(points) | constants(starts),
        )
        packages = [package.get("name") for package in content.get("metadata", {}).get("packages") or []]
        mentioned = {p["name"] for point in points for p in point["parameters"]}
        mentioned |= {axis["name"] for domain in domains for axis in domain["axes"]}
        reader = cls(
            Names(),
            constraints,
            frozenset.intersection(*held),
            frozenset(mentioned),
            "ROOT" in packages or "ROOT_internal" in content.get("misc", {}),
            not _ABSOLUTE_VALS.isdisjoint(packages),
        )
        for where, modifier in modifiers_of(distributions):
            reader.check_word(where, modifier)
        reader.names.luminosity = reader.luminosity(likelihood, distributions)
        reader.name_bins(distributions)
        return reader

    # ------------------------------------------------------------------ names

    def parameter(self, modifier: Mapping[str, Any]) -> str:
        """The parameter of a modifier that acts on all bins; without one ROOT has ``alpha_NAME`` for most."""
        given = {modifier.get("parameter") or None, *(modifier.get("parameters") or ())} - {None}
        if len(given) > 1:
            raise SpecBuilderError(f"modifier '{modifier.get('name')}': has {len(given)} parameters, expected 1")
        if given:
            return str(given.pop())
        name = str(modifier["name"])
        usual = f"alpha_{name}"
        return usual if modifier["type"] != "normfactor" and usual in self.mentioned else name

    def parameters(self, channel: str, sample: Mapping[str, Any], modifier: Mapping[str, Any]) -> list[str]:
        """The parameters of a modifier of bins; those of a staterror have names of ROOT's or pyhs3's by default."""
        bins = len(sample["data"]["contents"])
        given = list(modifier.get("parameters") or [])
        if not given and modifier["type"] == "staterror":
            of_root = [f"gamma_stat_{channel.removeprefix('model_')}_bin_{i}" for i in range(bins)]
            given = of_root if of_root[0] in self.mentioned else [f"staterror_{channel}_bin{i}" for i in range(bins)]
        if len(given) != bins:
            where = place_of_modifier(channel, sample, modifier)
            raise SpecBuilderError(f"{where}: has {len(given)} parameters, expected {bins}")
        return given

    def luminosity(
        self, likelihood: Mapping[str, Any], distributions: Sequence[Mapping[str, Any]]
    ) -> tuple[str, Constraint] | None:
        """The normfactor with a constraint, which its modifiers name, or which the likelihood has for itself.

        Raises:
            SpecBuilderError: for a constraint that is not a Gaussian, or more than one.
        """
        scalars = {self.parameter(m): m["type"] for _, m in modifiers_of(distributions) if m["type"] in _SCALARS}
        found: dict[tuple[str, str], Constraint] = {}
        for where, modifier in modifiers_of(distributions):
            names = self.constraints.of_modifier(modifier) or [None]
            if modifier["type"] != "normfactor" or names[0] is None:
                continue
            parameter = self.parameter(modifier)
            if parameter not in self.held:
                found[parameter, names[0]] = self.constraints.constraint(where, names[0], parameter)
        for name in likelihood.get("aux_distributions") or []:
            distribution = self.constraints.distributions.get(name, {})
            ends = [str(distribution.get(end)) for end in ("mean", "x")]
            parameter = next((end for end in ends if scalars.get(end) == "normfactor"), "")
            found[parameter, name] = self.constraints.constraint(f"likelihood '{likelihood['name']}'", name, parameter)
        if not found:
            return None
        (parameter, name), constraint = next(iter(found.items()))
        if len(found) > 1 or constraint.kind != "normal" or (parameter != LUMI and LUMI in scalars):
            raise SpecBuilderError(
                f"distribution '{name}': constrains otherwise than a pyhf workspace can; "
                "expected a Gaussian of one normfactor, the luminosity"
            )
        return parameter, constraint

    def name_bins(self, distributions: Sequence[Mapping[str, Any]]) -> None:
        """Have names for the parameters of bins.

        Raises:
            SpecBuilderError: where they are shared as pyhf cannot: those of a staterror only among the samples of a
                channel, those of a shapefactor among all, those of a shapesys not at all.
        """
        users: dict[str, tuple[str, str]] = {}
        staterrors: dict[str, list[str]] = {}
        for distribution, sample, modifier in _modifiers_of_bins(distributions):
            channel = str(distribution["name"])
            parameters = self.parameters(channel, sample, modifier)
            if modifier["type"] == "staterror" and staterrors.setdefault(channel, parameters) != parameters:
                # ROOT takes the parameters of the first one for all samples
                raise SpecBuilderError(f"channel '{channel}': has staterrors of several parameters, expected one")
            kind = self._kind_of_bins(distribution, modifier)
            use = (kind, "" if kind == "shapefactor" else channel)
            known = parameters[0] in users
            if users.setdefault(parameters[0], use) != use or (known and kind == "shapesys"):
                what = "a staterror with Poisson's constraint" if kind != modifier["type"] else f"a {kind}"
                raise SpecBuilderError(
                    f"parameter '{parameters[0]}': several samples share it in {what}, which pyhf cannot hold"
                )
            self.names.add(self._stem(distribution, sample, modifier, kind), parameters)

    def _stem(
        self, distribution: Mapping[str, Any], sample: Mapping[str, Any], modifier: Mapping[str, Any], kind: str
    ) -> str:
        """Name of a modifier of bins in pyhf.

        It is NAME if the parameters are ``NAME[0]``, ... , or ``NAME_bin_0``, ... with the modifier's name, of which
        channels may have parts in a staterror; else one for the channel, since pyhf would share it.
        """
        parameters = self.parameters(distribution["name"], sample, modifier)
        if parameters[0] in self.names.bins:
            return self.names.stem(parameters[0])
        stem, form = parameters[0].removesuffix("]").rpartition("[")[0], "{}[{}]"
        if not stem:
            stem, form = str(modifier.get("name") or ""), "{}_bin_{}"
        start = self.names.lengths.get(stem, 0)
        is_plain = stem and parameters == [form.format(stem, start + i) for i in range(len(parameters))]
        if is_plain and (start == 0 or kind == "staterror"):
            return stem
        stem = f"{modifier.get('name') or modifier['type']}_{distribution['name']}"
        return f"{stem}_{sample['name']}" if stem in self.names.lengths else stem

    # ------------------------------------------------------------------ channels

    def channel(self, distribution: Mapping[str, Any]) -> dict[str, Any]:
        """A channel of a workspace."""
        name = distribution["name"]
        samples = []
        for sample in distribution["samples"]:
            modifiers = []
            for modifier in sample.get("modifiers", []):
                where = place_of_modifier(name, sample, modifier)
                _check_interpolation(where, modifier, distribution.get("default_interpolation"))
                if modifier["type"] in _SCALARS:
                    modifiers.append(self._scalar(where, modifier))
                else:
                    modifiers.append(self._of_bins(where, distribution, sample, modifier))
            samples.append({"name": sample["name"], "data": list(sample["data"]["contents"]), "modifiers": modifiers})
        return {"name": name, "samples": samples}

    def check_word(self, where: str, modifier: Mapping[str, Any]) -> None:
        """Refuse a modifier, or a word for its constraint, that is not pyhf's."""
        kind = modifier["type"]
        if kind not in (*_SCALARS, *_OF_BINS):
            raise SpecBuilderError(f"{where}: type '{kind}' has no counterpart in a pyhf workspace")
        word = modifier.get("constraint", modifier.get("constraint_type"))
        if word in self.constraints.distributions and kind in _SCALARS:
            return
        if word not in (None, *_CONSTRAINTS.get(kind, ())):
            raise SpecBuilderError(f"{where}: constraint '{word}' of a {kind} has no counterpart in a pyhf workspace")

    def _scalar(self, where: str, modifier: Mapping[str, Any]) -> dict[str, Any]:
        parameter, kind = self.parameter(modifier), modifier["type"]
        if parameter in self.names.bins:
            raise SpecBuilderError(
                f"{where}: parameter '{parameter}' acts on a bin alone elsewhere, as none of pyhf can"
            )
        name = self.names.of_scalar(parameter)
        if kind == "normfactor":
            is_luminosity = self.names.luminosity is not None and parameter == self.names.luminosity[0]
            return {"name": name, "type": "lumi" if is_luminosity else "normfactor", "data": None}
        for constraint in self.constraints.of_modifier(modifier) or ():
            found = (
                self.constraints.constraint(where, str(constraint), parameter) if parameter not in self.held else None
            )
            if found not in (None, _UNIT_GAUSSIAN):
                raise SpecBuilderError(f"{where}: constraint '{constraint}' has no counterpart in a pyhf workspace")
        data = modifier["data"]
        if kind == "normsys":
            return {"name": name, "type": kind, "data": {"hi": data["hi"], "lo": data["lo"]}}
        shapes = {f"{key}_data": list(data[key]["contents"]) for key in ("hi", "lo")}
        return {"name": name, "type": kind, "data": shapes}

    def _of_bins(
        self, where: str, distribution: Mapping[str, Any], sample: Mapping[str, Any], modifier: Mapping[str, Any]
    ) -> dict[str, Any]:
        parameters = self.parameters(distribution["name"], sample, modifier)
        kind, widths = self._kind_of_bins(distribution, modifier), None
        if modifier["type"] == "shapesys":
            widths = self._widths(where, sample, modifier, parameters)
        if modifier["type"] == "staterror":
            if modifier.get("constraints") or modifier.get("constraint_name"):
                raise SpecBuilderError(f"{where}: names constraints, expected the errors of its samples alone")
            if sample["data"].get("errors") is None:  # of which ROOT makes roots of the contents, and pyhs3 nothing
                raise SpecBuilderError(f"{where}: a staterror of a sample without errors")
            widths = list(sample["data"]["errors"])
        stem = self.names.stem(parameters[0])
        if widths is not None and not self.held.issuperset(self.names.members(stem)):
            # pyhf holds all bins of a modifier, or those that have no uncertainty
            widths = [0.0 if p in self.held else width for p, width in zip(parameters, widths, strict=True)]
        uncertain = [1.0] * len(parameters) if widths is None else widths
        self.names.uncertain.update(p for p, width in zip(parameters, uncertain, strict=True) if width > 0)
        return {"name": stem, "type": kind, "data": widths}

    def _kind_of_bins(self, distribution: Mapping[str, Any], modifier: Mapping[str, Any]) -> str:
        """The type of a modifier of bins in pyhf, whose staterror has Gaussians: Poisson's make it a shapesys."""
        if modifier["type"] != "staterror":
            return str(modifier["type"])
        of_channel = distribution.get("staterror", {})
        said = [one.get(key) for one in (modifier, of_channel) for key in ("constraint", "constraint_type")]
        word = next((word for word in said if word is not None), "Poisson" if self.by_root else None)
        if word is None:  # ROOT has Poisson's, pyhs3 a Gaussian, and the standard's text either
            where = f"channel '{distribution['name']}', modifier '{modifier.get('name')}'"
            raise SpecBuilderError(f"{where}: a staterror without its constraint, expected 'Gauss' or 'Poisson'")
        return "shapesys" if word in _POISSON else "staterror"

    def _widths(
        self, where: str, sample: Mapping[str, Any], modifier: Mapping[str, Any], parameters: Sequence[str]
    ) -> list[float]:
        """Absolute uncertainties of the bins of a shapesys, of which ROOT writes relative ones."""
        contents, names = sample["data"]["contents"], self.constraints.of_modifier(modifier)
        if names is not None:
            if len(names) != len(contents):
                raise SpecBuilderError(f"{where}: has {len(names)} constraints, expected {len(contents)}")
            places = zip(names, contents, parameters, strict=True)
            return [self._width(where, name, count, parameter) for name, count, parameter in places]
        if self.by_root and (not modifier.get("parameters") or not {"constraint", "constraint_type"} & set(modifier)):
            # without parameters ROOT's vals were once 1/sigma^2, and without a constraint it is one of its shapefactors
            raise SpecBuilderError(f"{where}: a shapesys that ROOT wrote without its parameters or its constraint")
        if self.by_root == self.absolute:
            raise SpecBuilderError(
                f"{where}: vals of a shapesys are relative uncertainties by ROOT, absolute ones by pyhs3 and by us, "
                "and neither in the standard's text: expected in metadata.packages ROOT, or else pyhs3 or spec_builder"
            )
        values = [float(value) for value in modifier["data"]["vals"]]
        if len(values) != len(contents):
            raise SpecBuilderError(f"{where}: has {len(values)} vals, expected {len(contents)}")
        if self.by_root:
            values = [value * count for value, count in zip(values, contents, strict=True)]
        rows = zip(values, contents, parameters, strict=True)
        # our own way to write none: see hs3._shape_value
        return [0.0 if parameter in self.held and width == count else width for width, count, parameter in rows]

    def _width(self, where: str, name: str | None, count: float, parameter: str) -> float:
        """The width of a bin with a Poisson constraint by name."""
        if parameter in self.held:
            return 0.0
        constraint = self.constraints.constraint(where, str(name), parameter)
        if constraint.kind != "poisson" or not math.isclose(constraint.auxiliary, constraint.scale, rel_tol=1e-9):
            raise SpecBuilderError(f"{where}: constraint '{name}' has no counterpart in a pyhf workspace")
        return count / math.sqrt(constraint.scale)


def _check_interpolation(where: str, modifier: Mapping[str, Any], default: object) -> None:
    """Refuse an interpolation that is not pyhf's.

    Args:
        where: the modifier, for the message.
        modifier: its content.
        default: interpolation of the channel's modifiers that have none of their own.
    """
    if modifier["type"] not in _INTERPOLATIONS:
        return
    codes, form = _INTERPOLATIONS[modifier["type"]]
    own = [modifier.get("interpolation"), modifier["data"].get("interpolation")]
    for given in own if any(one is not None for one in own) else [default]:
        whole = {"type": form["type"], **given} if isinstance(given, dict) else given
        known = whole is None or whole == form or (not isinstance(whole, bool | float) and whole in codes)
        if not known:
            raise SpecBuilderError(f"{where}: interpolation {given} is not pyhf's {codes[0]}")
