"""What every result by toys holds: a file of critical values to share, which can be computed again."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spec_builder.inference.compiled import describe_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.inference.critical_values import CriticalValue
    from spec_builder.inference.exclusion_by_toys import ToyExclusion
    from spec_builder.inference.feldman_cousins import FeldmanCousins

__all__ = ["CRITICAL_SCHEMA", "METHOD", "critical_content", "toys_content", "toys_words"]

#: What ``method`` says in JSON.
METHOD = "feldman-cousins"
#: A result by toys is a file of critical values to share, whose schema this is.
CRITICAL_SCHEMA = "spec_builder/critical/1"


def toys_content(found: FeldmanCousins | ToyExclusion, origin: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a result a file of critical values that can be computed again.

    Args:
        found: the numbers.
        origin: what tells the model from others.
    """
    return {
        "critical_schema": CRITICAL_SCHEMA,
        "engine": describe_engine(),
        **origin,
        "method": METHOD,
        "toys": found.toys,
        "seed": found.seed,
        "ensemble": found.ensemble,
        "toys_without_fit": found.lost,
    }


def toys_words(found: FeldmanCousins | ToyExclusion, values: str) -> str:
    """How many toys, and where they were thrown.

    Args:
        found: the numbers.
        values: how many values of the parameter.
    """
    words = f"{found.toys} at each of {values}, seed {found.seed}, nuisance parameters {found.ensemble}"
    return f"{words}, {found.lost} without a fit" if found.lost else words


def critical_content(point: CriticalValue) -> dict[str, Any]:
    """A critical value for JSON; numbers that are not finite are None."""
    content = asdict(point)
    return {
        name: None if isinstance(number, float) and not math.isfinite(number) else number
        for name, number in content.items()
    }
