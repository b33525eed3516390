"""What the files of an archive say of themselves: texts of one line where texts belong, numbers, and plain names.

Nothing is computed from most of it, and a README repeats it: a text of several lines could add a chapter there, and a
measurement's name a command.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from spec_builder.base.printing import in_line
from spec_builder.sharing.critical import is_json_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Kind = tuple[str, Callable[[Any], bool]]

__all__ = ["metadata_problems", "name_problems", "patch_set_problems"]

#: Letters of a text: the longest of ours has some hundred.
_LONGEST = 20_000
#: Letters of a wrong value in a message.
_SHOWN = 40
#: Of a measurement, which README and shell repeat.
_WORD = re.compile(r"[A-Za-z0-9_]+")
#: Of a channel or a sample: what ends neither a cell of a table nor the code in it.
_NAME = re.compile(r"[^\s`|<>]+")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_json_number, value))


def _are_edges(value: Any) -> bool:
    """Numbers, or of two axes two lists of them."""
    return _are_numbers(value) or (isinstance(value, list) and bool(value) and all(map(_are_numbers, value)))


_TEXT: Kind = ("a text", _is_text)
_TEXTS: Kind = ("a list of texts", _are_texts)
_NUMBER: Kind = ("a number", is_json_number)
_NUMBERS: Kind = ("a list of numbers", _are_numbers)
_EDGES: Kind = ("a list of numbers", _are_edges)
_OPTION: Kind = ("a text, a number or null", lambda value: value is None or _is_text(value) or is_json_number(value))
#: In the place of a key: every key, such as names of experiments.
_EACH = ""

_CHOICES: Mapping[str, Any] = {
    "analysis": _TEXT,
    "law": _TEXT,
    "variants": {_EACH: _TEXT},
    "by_construction": _TEXT,
    "version": _TEXT,
    "notes": _TEXTS,
    "paper": _TEXT,
    "licence": _TEXT,
    "attribution": _TEXT,
    "interaction": _TEXT,
    "interaction_sha256": _TEXT,
}
_AXIS = {"name": _TEXT, "unit": _TEXT}
_CHANNEL: Mapping[str, Any] = {
    "observable": _AXIS,
    "runs": {_EACH: {"exposure_t_yr": _NUMBER, "exposure_t": _NUMBER, "bin_edges": _EDGES}},
    "response": _TEXT,
    "response_correction": _NUMBERS,
}
_SIZE = {"flux_1e6_cm2_s1": _NUMBER, "fluence_1e6_cm2": _NUMBER, "meaning": _TEXT, "sin2_theta_w": _NUMBER}
_EXPERIMENT: Mapping[str, Any] = {
    **_CHANNEL,
    "title": _TEXT,
    "references": _TEXTS,
    "channel": _TEXT,
    "channels": {_EACH: _CHANNEL},
    "tables": {_EACH: {"status": _TEXT, "source": _TEXT}},
}
_METADATA: Mapping[str, Any] = {
    **_CHOICES,
    "schema": ("spec_builder/workspace/1", lambda value: value == "spec_builder/workspace/1"),
    "reference": _SIZE,
    "experiments": {_EACH: _EXPERIMENT},
    "sha256": _TEXT,
    "patch_sets": {_EACH: _TEXT},
}
_PATCH_SET: Mapping[str, Any] = {
    **_CHOICES,
    "description": _TEXT,
    "style": ("total or signal", lambda value: value in ("total", "signal")),
    "measurement": _TEXT,
    "delta_chi2": _TEXT,
    "excluded_90": _TEXT,
    "coupling_set": _OPTION,
    "longitudinal_factor": _OPTION,
}


def metadata_problems(metadata: Any) -> Iterator[str]:
    """What is of another kind than it should be in the metadata of a workspace; keys of other versions may be missing.

    Args:
        metadata: content of ``BkgOnly.meta.json``.

    Yields:
        Where, what was expected and what was found.
    """
    yield from _of_kind(metadata, _METADATA, "")
    yield from _texts_of_lines(metadata, "")


def patch_set_problems(metadata: Any) -> Iterator[str]:
    """The same of the metadata of a patch set.

    Args:
        metadata: of its file.
    """
    yield from _of_kind(metadata, _PATCH_SET, "metadata")
    yield from _texts_of_lines(metadata, "metadata")


def name_problems(workspace: Mapping[str, Any]) -> Iterator[str]:
    """Names in a sound workspace that a README could not repeat.

    Args:
        workspace: content of ``BkgOnly.json``.
    """
    for measurement in workspace["measurements"]:
        if not _WORD.fullmatch(measurement["name"]):
            yield f"measurement {_shown(measurement['name'])}: expected a name of letters, digits and underscores"
    names = [channel["name"] for channel in workspace["channels"]]
    names += [sample["name"] for channel in workspace["channels"] for sample in channel["samples"]]
    for name in dict.fromkeys(names):
        if not _NAME.fullmatch(name):
            yield f"name {_shown(name)}: expected one without blanks, bars and quotes"


def _of_kind(content: Any, wanted: Any, where: str) -> Iterator[str]:
    """Values that are not of their kind; what is not named is free."""
    if not isinstance(wanted, dict):
        expected, is_one = wanted
        if not is_one(content):
            yield f"{where}: expected {expected}, found {_shown(content)}"
    elif not isinstance(content, dict):
        yield f"{where or 'the file'}: expected an object, found {_shown(content)}"
    else:
        for key, value in content.items():
            kind = wanted.get(key, wanted.get(_EACH)) if key else None
            if kind is not None:
                yield from _of_kind(value, kind, f"{where}.{key}" if where else key)


def _texts_of_lines(content: Any, where: str) -> Iterator[str]:
    """Keys and texts of several lines, with control characters, or longer than any of ours."""
    waiting = [(where, content)]
    while waiting:
        place, value = waiting.pop()
        texts = [value] if isinstance(value, str) else []
        if isinstance(value, dict):
            texts = list(value)
            waiting += [(f"{place}.{in_line(key)[:_SHOWN]}" if place else key, item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(place, item) for item in value]
        for text in texts:
            if in_line(text) != text or len(text) > _LONGEST:
                yield f"{place or 'the file'}: expected texts of one line, found {_shown(text)}"


def _shown(content: Any) -> str:
    if isinstance(content, dict | list):
        return "an object" if isinstance(content, dict) else "a list"
    text = repr(content)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
