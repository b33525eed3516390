"""What every result by toys holds."""

from __future__ import annotations

import math
from dataclasses import replace

from spec_builder.inference.critical_values import CriticalValue, PValue
from spec_builder.inference.feldman_cousins import FeldmanCousins
from spec_builder.studies.critical_content import critical_content, toys_content, toys_words

FOUND = FeldmanCousins(
    "mu", 1.0, 0.9, 50, 3, "nominal", (0.5, None), (0.1, None), (0.5,), (0.4, None), (), None,
    PValue(1.0, 0.5, 0.1, 0.0, 0.1, 50), 0, (),
)  # fmt: skip


def test_an_infinite_statistic_is_none_in_json() -> None:
    content = critical_content(CriticalValue(0.0, 2.7, 0.1, 50, math.inf, 0.0, 0.02))
    assert content["observed"] is None
    assert content["critical"] == 2.7


def test_toys_without_a_fit_are_told() -> None:
    assert toys_words(FOUND, "61 values") == "50 at each of 61 values, seed 3, nuisance parameters nominal"
    assert toys_words(replace(FOUND, lost=2), "61 values").endswith("nominal, 2 without a fit")
    content = toys_content(replace(FOUND, lost=2), {"workspace_sha256": "0"})
    assert (content["toys"], content["seed"], content["toys_without_fit"], content["workspace_sha256"]) == (
        50,
        3,
        2,
        "0",
    )
