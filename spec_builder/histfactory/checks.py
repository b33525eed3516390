"""What must hold of a workspace before any number is computed from it, beyond its schema: names, lengths, numbers.

pyhf takes some of this without a word (a modifier that stands twice in a sample: the last one counts) and refuses the
rest late, without names.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.schema import workspace_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Item = TypeVar("Item", str, tuple[str, str])

__all__ = [
    "check_parameters",
    "check_workspace",
    "missing_interests",
    "setting_problems",
    "unused_settings",
    "workspace_problems",
]

#: Settings that a parameter may have beside inits, bounds and fixed, by the type of its modifier.
_SETTINGS = {
    "histosys": ("auxdata",),
    "lumi": ("auxdata", "sigmas"),
    "normfactor": (),
    "normsys": ("auxdata",),
    "shapefactor": (),
    "shapesys": ("auxdata", "factors"),
    "staterror": ("auxdata", "sigmas"),
}
#: Modifiers with a parameter for each bin.
_VECTORS = ("shapefactor", "shapesys", "staterror")
#: Beyond these a check takes more than half a minute, and a fit does not end.
_MOST = {
    "channels": 2000,
    "measurements": 200,
    "samples": 20_000,
    "modifiers": 500_000,
    "bins": 100_000,
    "parameters": 2000,
    "settings": 20_000,
}
#: Letters of a name, which stands in every row of a table, and of one in a message.
_LONGEST_NAME, _SHOWN = 1000, 40
_LISTS = ("inits", "bounds", "auxdata", "sigmas", "factors")
#: Bounds of a normsys where the measurement gives none.
_NORMSYS_BOUNDS = (-5.0, 5.0)
#: Largest bound, of which RooFit's infinity is 1e30, and largest number of a bin.
_LARGEST = 1e100
#: Largest size of a factor: its square must still be a number.
_MOST_DIGITS = 150.0


def check_workspace(workspace: Any, name: str) -> dict[str, Any]:
    """The workspace, if it is one after pyhf's schema whose names, settings and numbers are sound.

    Args:
        workspace: content of the JSON file, patches applied.
        name: what to call it in a message.

    Raises:
        SpecBuilderError: naming the first thing that is wrong.
    """
    problem = next(iter(workspace_problems(workspace)), None)
    if problem is not None:
        raise SpecBuilderError(f"{name}: {problem}")
    content: dict[str, Any] = workspace
    return content


def workspace_problems(workspace: Any) -> list[str]:
    """All problems of a workspace that stand in its text, none if it is sound; the model itself is not built.

    Args:
        workspace: content of the JSON file.
    """
    problem = workspace_problem(workspace)
    if problem is not None:
        if isinstance(workspace, dict) and workspace.get("observations") == []:
            problem += f"; {'; '.join(_unobserved(workspace))}"
        return [f"not a pyhf workspace, not after pyhf's schema: {problem}"]
    many = _too_many(workspace)
    if many is not None:
        return [many]
    names = list(_name_problems(workspace))
    return names or [*setting_problems(workspace), *_number_problems(workspace), *_uneven_stat_errors(workspace)]


def _too_many(workspace: Mapping[str, Any]) -> str | None:
    """What there is more of than any model has that ends in a sensible time; None if there is nothing."""
    channels = workspace["channels"]
    samples = [sample for channel in channels for sample in channel["samples"]]
    modifiers = [modifier for sample in samples for modifier in sample["modifiers"]]
    vectors = {
        (channel["name"], modifier["name"]): len(sample["data"])
        for channel in channels
        for sample in channel["samples"]
        for modifier in sample["modifiers"]
        if modifier["type"] in _VECTORS
    }
    counts = {
        "channels": len(channels),
        "measurements": len(workspace["measurements"]),
        "samples": len(samples),
        "modifiers": len(modifiers),
        "bins": sum(len(observation["data"]) for observation in workspace["observations"]),
        "parameters": len({m["name"] for m in modifiers if m["type"] not in _VECTORS}) + sum(vectors.values()),
        "settings": sum(len(m["config"]["parameters"]) for m in workspace["measurements"]),
    }
    for what, count in counts.items():
        if count > _MOST[what]:
            return f"{count} {what}: expected at most {_MOST[what]}"
    return None


def unused_settings(workspace: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings whose parameter no modifier has: name of the measurement, name of the parameter."""
    used = {m["name"] for c in workspace["channels"] for s in c["samples"] for m in s["modifiers"]}
    return [
        (measurement["name"], given["name"])
        for measurement in workspace["measurements"]
        for given in measurement["config"]["parameters"]
        if given["name"] not in used
    ]


def missing_interests(workspace: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of interest that no modifier has, by measurement: in published workspaces patches bring them."""
    used = {m["name"] for c in workspace["channels"] for s in c["samples"] for m in s["modifiers"]}
    interests = {m["name"]: m["config"]["poi"] for m in workspace["measurements"]}
    return {
        measurement: poi
        for measurement, poi in interests.items()
        if poi and not {poi, poi.rpartition("[")[0]} & (used - {""})
    }


def check_parameters(workspace: Mapping[str, Any]) -> None:
    """Refuse a model without any parameter, as pyhf does; a workspace for patches may have none.

    Raises:
        SpecBuilderError: if no sample has a modifier.
    """
    if not any(sample["modifiers"] for channel in workspace["channels"] for sample in channel["samples"]):
        raise SpecBuilderError("no sample has a modifier: there is no parameter to fit")


def _unobserved(workspace: Mapping[str, Any]) -> list[str]:
    observed = {observation["name"] for observation in workspace["observations"]}
    channels = [channel.get("name") for channel in workspace.get("channels", []) if isinstance(channel, dict)]
    return [f"channel '{name}' has no observation" for name in channels if name not in observed]


def _twice(items: Iterable[Item]) -> list[Item]:
    return [item for item, count in Counter(items).items() if count > 1]


def _repeated(where: str, what: str, names: Sequence[str]) -> Iterator[str]:
    for name in _twice(names):
        yield f"{where}{what} '{name}' stands twice; rename or remove one"


def _names(workspace: Mapping[str, Any]) -> Iterator[str]:
    """All names that stand in results."""
    for measurement in workspace["measurements"]:
        yield measurement["name"]
        yield measurement["config"]["poi"]
        yield from (given["name"] for given in measurement["config"]["parameters"])
    for channel in workspace["channels"]:
        yield channel["name"]
        for sample in channel["samples"]:
            yield sample["name"]
            yield from (modifier["name"] for modifier in sample["modifiers"])


def _name_problems(workspace: Mapping[str, Any]) -> Iterator[str]:
    for name in _names(workspace):
        if len(name) > _LONGEST_NAME:
            yield f"name '{name[:_SHOWN]}...' has {len(name)} letters, expected at most {_LONGEST_NAME}"
            return
    yield from _repeated("", "channel", [c["name"] for c in workspace["channels"]])
    yield from _repeated("", "measurement", [m["name"] for m in workspace["measurements"]])
    yield from _repeated("", "observation", [o["name"] for o in workspace["observations"]])
    for measurement in workspace["measurements"]:
        names = [p["name"] for p in measurement["config"]["parameters"]]
        yield from _repeated(f"measurement '{measurement['name']}', ", "parameter", names)
    for channel in workspace["channels"]:
        here = f"channel '{channel['name']}', "
        yield from _repeated(here, "sample", [s["name"] for s in channel["samples"]])
        for sample in channel["samples"]:
            where = f"{here}sample '{sample['name']}', "
            for name, kind in _twice((m["name"], m["type"]) for m in sample["modifiers"]):
                yield f"{where}modifier '{name}' ({kind}) stands twice; rename or remove one"
    yield from _unobserved(workspace)


@dataclass
class _Uses:
    """The modifiers that share one parameter.

    Attributes:
        kinds: their types, in order of appearance.
        bins: bins of each channel that one of them is in.
    """

    kinds: dict[str, None]
    bins: dict[str, int]

    @property
    def length(self) -> int:
        """How many values the parameter has."""
        if "staterror" in self.kinds:
            return sum(self.bins.values())
        if "shapesys" in self.kinds or "shapefactor" in self.kinds:
            return max(self.bins.values())
        return 1


def _uses(workspace: Mapping[str, Any]) -> dict[str, _Uses]:
    uses: dict[str, _Uses] = defaultdict(lambda: _Uses({}, {}))
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                use = uses[modifier["name"]]
                use.kinds[modifier["type"]] = None
                use.bins[channel["name"]] = len(sample["data"])
    return uses


def setting_problems(workspace: Mapping[str, Any]) -> Iterator[str]:
    """Settings of the wrong length, or that the parameter's modifiers do not have: pyhf refuses both."""
    uses = _uses(workspace)
    for measurement in workspace["measurements"]:
        for given in measurement["config"]["parameters"]:
            where = f"measurement '{measurement['name']}', parameter '{given['name']}'"
            yield from _bound_problems(where, given)
            if given["name"] not in uses:
                continue
            use = uses[given["name"]]
            for key in _LISTS:
                if key not in given:
                    continue
                without = [kind for kind in use.kinds if key not in ("inits", "bounds", *_SETTINGS[kind])]
                if without:
                    yield f"{where}: has {key}, which a {without[0]} does not have; remove them"
                elif len(given[key]) != use.length:
                    yield f"{where}: has {len(given[key])} {key}, expected {use.length}"


def _bound_problems(where: str, given: Mapping[str, Any]) -> Iterator[str]:
    for bound in given.get("bounds", []):
        if len(bound) != 2:
            yield f"{where}: bounds {bound} have {len(bound)} numbers, expected 2"
        elif not bound[0] <= bound[1]:
            yield f"{where}: bounds {bound} are the wrong way round"
        elif max(abs(bound[0]), abs(bound[1])) > _LARGEST:
            yield f"{where}: bounds {bound}: expected at most {_LARGEST:g}, beyond which rates are no numbers"


def _uneven_stat_errors(workspace: Mapping[str, Any]) -> Iterator[str]:
    """Each ``staterror`` whose samples have it in different channels: pyhf stops there at an assertion."""
    places: dict[str, dict[str, list[str]]] = {}
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["type"] == "staterror":
                    places.setdefault(modifier["name"], {}).setdefault(sample["name"], []).append(channel["name"])
    for name, samples in places.items():
        (first, expected), *others = samples.items()
        for sample, found in others:
            if found != expected:
                here, there = (", ".join(f"'{channel}'" for channel in names) for names in (expected, found))
                yield (
                    f"modifier '{name}': sample '{first}' has it in channel {here} and sample '{sample}' in channel "
                    f"{there}, which pyhf does not take; expected the same channels, or another name"
                )


def _number_problems(workspace: Mapping[str, Any]) -> Iterator[str]:
    reach = _normsys_reach(workspace)
    for observation in workspace["observations"]:
        yield from _numbers(f"observation '{observation['name']}'", observation["data"])
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            where = f"channel '{channel['name']}', sample '{sample['name']}'"
            yield from _numbers(where, sample["data"], negative=True)
            for modifier in sample["modifiers"]:
                data = modifier["data"]
                here = f"{where}, modifier '{modifier['name']}'"
                if modifier["type"] == "histosys":
                    for key in ("hi_data", "lo_data"):
                        yield from _numbers(f"{here}, {key}", data[key], negative=True)
                elif modifier["type"] in ("shapesys", "staterror"):
                    yield from _numbers(here, data)
                elif modifier["type"] == "normsys":
                    yield from _normsys_problems(here, data, reach.get(modifier["name"], _NORMSYS_BOUNDS))


def _numbers(where: str, data: Sequence[float], *, negative: bool = False) -> Iterator[str]:
    for i, value in enumerate(data):
        if not math.isfinite(value):
            yield f"{where}, bin {i}: {value} is not finite; give a number"
        elif abs(value) > _LARGEST:
            yield f"{where}, bin {i}: {value:g}: expected at most {_LARGEST:g}, beyond which rates are no numbers"
        elif value < 0 and not negative:
            yield f"{where}, bin {i}: {value:g} is negative; give a number >= 0"


def _normsys_reach(workspace: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The widest bounds that any measurement gives a parameter of one value."""
    reach: dict[str, tuple[float, float]] = {}
    for measurement in workspace["measurements"]:
        for given in measurement["config"]["parameters"]:
            for bound in given.get("bounds", [])[:1]:
                if len(bound) == 2:
                    low, high = reach.get(given["name"], (math.inf, -math.inf))
                    reach[given["name"]] = (min(low, bound[0]), max(high, bound[1]))
    return reach


def _normsys_problems(here: str, data: Mapping[str, float], bounds: tuple[float, float]) -> Iterator[str]:
    """A factor that is no number any more within the parameter's bounds: hi^alpha above, lo^-alpha below."""
    for key, distance in (("hi", bounds[1]), ("lo", -bounds[0])):
        if data[key] > 0:
            digits = math.log10(data[key]) * max(distance, 1.0)
            if digits > _MOST_DIGITS:
                yield (
                    f"{here}: normsys {key} = {data[key]:g}: the rate grows by a factor of 1e{digits:.0f} within the "
                    "parameter's bounds, which no fit survives; expected a number near 1"
                )
