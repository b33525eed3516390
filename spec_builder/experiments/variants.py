"""Variants of an experiment: named blocks that are laid over its description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spec_builder.base.names import meant
from spec_builder.experiments import keys
from spec_builder.experiments.sections import Section

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["choose_variant"]

#: Keys that say what an experiment is, whatever its variant.
_FIXED = ("name", "variants")
#: Each is read and checked with the experiment.
_MOST_VARIANTS = 30


def choose_variant(
    file: Path, content: dict[str, Any], chosen: str | None, *, shown: Callable[[str], str] = str
) -> tuple[dict[str, str], dict[str, Any]]:
    """Lay the block of a variant over the description, before anything of it is read.

    There is one rule: tables are laid over each other key by key, lists of blocks with a ``name`` block by block, and
    anything else takes the place of what stood there. ``false`` takes a key away.

    Args:
        file: named in messages.
        content: of the file.
        chosen: name of the variant, or names of several joined by ``+`` in their order; None for the default.
        shown: how a path is written in messages.

    Returns:
        The description of every variant, and the content without variants.

    Raises:
        SpecBuilderError: for an unknown variant, one without description, or one that changes what is not there.
    """
    laid_over = {key: value for key, value in content.items() if key != "variants"}
    section = Section(file, content.get("variants", {}), "variants", shown=shown)
    blocks = {name: section.section(name) for name in section.keys()}  # noqa: SIM118
    if len(blocks) > _MOST_VARIANTS:
        raise section.complaint(f"{len(blocks)} variants, expected at most {_MOST_VARIANTS}")
    for block in blocks.values():
        _check_keys(block)
    descriptions = {name: block.text("description") for name, block in blocks.items()}
    for name in [] if chosen is None else chosen.split("+"):
        if name not in blocks:
            known = f"{', '.join(blocks) or 'none'}{meant(name, blocks)}"
            raise section.complaint(f"variant '{name}' of {content.get('name')} is unknown, expected one of: {known}")
        block = blocks[name]
        laid_over = _over(block, block.where, laid_over, _changes(block))
    return descriptions, laid_over


def _check_keys(block: Section) -> None:
    """Refuse keys that no variant has."""
    for key in _FIXED:
        if key in block:
            raise block.complaint(f"{block.path(key)}: a variant cannot change this key")
    block.only("description", *(key for key in keys.EXPERIMENT if key not in _FIXED))


def _changes(block: Section) -> dict[str, Any]:
    """What a variant lays over the description."""
    return {key: block.take(key) for key in block.keys()}  # noqa: SIM118


def _over(block: Section, where: str, base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A table with another one laid over it."""
    result = dict(base)
    for key, change in changes.items():
        path = f"{where}.{key}"
        if change is False:
            if key not in result:
                raise block.complaint(f"{path}: there is no such key to take away")
            del result[key]
        elif isinstance(change, dict) and isinstance(result.get(key), dict):
            result[key] = _over(block, path, result[key], change)
        elif _named(change) and _named(result.get(key)):
            result[key] = _over_blocks(block, path, result[key], change)
        else:
            result[key] = change
    return result


def _over_blocks(block: Section, where: str, base: list[Any], changes: list[Any]) -> list[Any]:
    """A list of named blocks with others laid over those of the same name."""
    names = [item["name"] for item in base]
    result = list(base)
    for i, change in enumerate(changes):
        if change["name"] not in names:
            known = ", ".join(map(str, names))
            raise block.complaint(f"{where}[{i}].name must be one of {known}, found {change['name']!r}")
        place = names.index(change["name"])
        result[place] = _over(block, f"{where}[{i}]", result[place], change)
    return result


def _named(value: object) -> bool:
    """Whether a value is a list of tables that have names."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and "name" in v for v in value)
