"""The form that ``experiment.toml`` had until version 0.2, brought into today's.

It holds one channel of 8B neutrinos on xenon: ``channel``, ``[observable]``, ``[[runs]]`` with ``bin_edges``,
``[observed]``, ``[signal]`` and ``[backgrounds]`` at the top.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from spec_builder.experiments import keys
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.experiments.sections import Section

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["former_path", "is_former", "translate"]

_SOURCE, _TARGET = "solar_8b", "xenon"
#: Keys that only the former form has at the top.
_KEYS = ("channel", "observable", "observed", "signal", "backgrounds", "runs")
#: All keys that it had there.
_TOP = (*_KEYS, *(key for key in keys.EXPERIMENT if key != "channels"))

#: Where a key of today's form stood: pattern and replacement, tried in this order.
_PATHS = (
    (r"channels\[0\]\.name", "channel"),
    (r"channels\[0\]\.observed", "observed.table"),
    (r"channels\[0\]\.background_table", "backgrounds.table"),
    (r"channels\[0\]\.axes\[0\]", "observable"),
    (r"channels\[0\]\.runs", "runs"),
    (rf"channels\[0\]\.signals\.{SIGNAL_SAMPLE}\.uncertainties", "signal.uncertainties"),
    (r"channels\[0\]\.backgrounds\.(\w+)\.uncertainties", r"backgrounds.uncertainties.\1"),
    (r"channels\[0\]\.backgrounds", "backgrounds.uncertainties"),
    (r"channels\[0\]\.response\.charge_yield", "signal.response.table"),
    (r"channels\[0\]", "signal"),
)


def is_former(content: dict[str, Any]) -> bool:
    """Whether a description has the form of version 0.2."""
    if "channels" in content or isinstance(content.get("channel"), list):  # [[channel]] is a slip of today's form
        return False
    return any(key in content for key in _KEYS)


def former_path(path: str) -> str:
    """Where a key of today's form stood in the former one, for messages.

    Examples:
        >>> former_path("channels[0].signals.cevns.uncertainties.flux_8b")
        'signal.uncertainties.flux_8b'
    """
    for pattern, replacement in _PATHS:
        if re.match(pattern, path):
            return re.sub("^" + pattern, replacement, path)
    return path


def translate(file: Path, content: dict[str, Any]) -> dict[str, Any]:
    """A description in the former form, in today's.

    Args:
        file: named in messages.
        content: of the file.

    Raises:
        SpecBuilderError: for a key that is missing or unknown here; values are checked when today's form is read.
    """
    root = Section(file, content)
    root.only(*_TOP)
    runs, edges = _runs(root)
    axis = {**_all(root, "observable", ("name", "unit")), "edges": edges}
    observed = _all(root, "observed", ("table",))
    signal = _all(root, "signal", ("response", "uncertainties"), ("normalisation",))
    backgrounds = _all(root, "backgrounds", ("table", "uncertainties"))
    channel = {
        "name": root.take("channel"),
        "source": _SOURCE,
        "target": _TARGET,
        "axes": [axis],
        "runs": runs,
        "observed": observed["table"],
        "response": _response(signal["response"]),
        "signals": {SIGNAL_SAMPLE: {"uncertainties": signal["uncertainties"]}},
        "background_table": backgrounds["table"],
        "backgrounds": _nested(backgrounds["uncertainties"]),
    }
    if "normalisation" in signal:
        channel["normalisation"] = signal["normalisation"]
    translated = {key: root.take(key) for key in root.keys()}  # noqa: SIM118
    translated["channels"] = [channel]
    if "by_construction" in translated:
        translated["by_construction"] = _listed(translated["by_construction"])
    if isinstance(translated.get("variants"), dict):
        translated["variants"] = {
            name: _variant(block, channel["name"]) for name, block in translated["variants"].items()
        }
    return translated


def _all(root: Section, key: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of a table all of whose keys are named."""
    section = root.section(key)
    section.only(*needed, *optional)
    values = {name: section.take(name) for name in needed}
    values |= {name: section.take(name) for name in optional if name in section}
    section.finish()
    return values


def _runs(root: Section) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Runs without their edges, and the edges by run."""
    runs: list[dict[str, Any]] = []
    edges: dict[str, list[float]] = {}
    for section in root.sections("runs"):
        section.only("name", "exposure_t_yr", "bin_edges")
        name = section.identifier("name")
        if name in edges:
            raise root.error("runs", "blocks with different names", [run["name"] for run in runs] + [name])
        edges[name] = section.increasing("bin_edges").tolist()
        runs.append({"name": name, **{key: section.take(key) for key in section.keys()}})  # noqa: SIM118
    if len({len(values) for values in edges.values()}) > 1:
        raise root.error("runs", "blocks with the same number of bins", [len(values) - 1 for values in edges.values()])
    return runs, edges


def _nested(uncertainties: object) -> object:
    """``name = sizes`` as a table with the sizes inside it."""
    if not isinstance(uncertainties, dict):
        return uncertainties
    return {name: {"uncertainties": sizes} for name, sizes in uncertainties.items()}


def _listed(by_construction: object) -> object:
    """One text as a list of texts; '' is none."""
    if isinstance(by_construction, str):
        return [by_construction] if by_construction else []
    return by_construction


def _variant(block: object, channel: object) -> object:
    """A variant's block: what it says of the signal and the backgrounds belongs to the channel."""
    if not isinstance(block, dict):
        return block
    rest = dict(block)
    changes: dict[str, Any] = {"name": channel}
    if "normalisation" in rest:
        changes["normalisation"] = rest.pop("normalisation")
    if "backgrounds" in rest:
        changes["background_table"] = rest.pop("backgrounds")
    if "response" in rest:
        changes["response"] = _response(rest.pop("response"))
    if "by_construction" in rest:
        rest["by_construction"] = _listed(rest["by_construction"])
    return {**rest, "channels": [changes]} if len(changes) > 1 else rest


def _response(response: object) -> object:
    """The charge yield's table has a key of its own today."""
    if not isinstance(response, dict) or response.get("kind") != "charge_yield" or "table" not in response:
        return response
    rest = {key: value for key, value in response.items() if key != "table"}
    return {**rest, "charge_yield": response["table"]}
