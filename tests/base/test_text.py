"""Results print as tables, in a terminal and in a notebook."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache
from typing import Any

import numpy as np
import pytest

from spec_builder import find_limits, fit_analysis, load_analysis, parse_new_physics, profile_analysis, scan_analysis
from spec_builder.base.text import html_table
from spec_builder.studies.spectrum import recoil_spectrum


@cache
def results() -> dict[str, Any]:
    xenonnt = load_analysis("xenonnt", "linear")
    return {
        "fit": fit_analysis(xenonnt, "flux"),
        "profile": profile_analysis(xenonnt, "flux", points=21),
        "limits": find_limits(xenonnt, parse_new_physics("scalar"), np.array([1.0, 10.0])),
        "scan": scan_analysis(xenonnt, parse_new_physics("scalar"), np.array([1.0, 10.0]), np.geomspace(1e-6, 1e-5, 9)),
        "spectrum": recoil_spectrum([0.5, 1.0], interaction="scalar", mass=10.0, coupling=1e-5),
    }


def cells(html: str) -> list[list[str]]:
    """Rows of the tables; the HTML is well-formed."""
    return [[cell.text or "" for cell in row] for row in ET.fromstring(f"<div>{html}</div>").iter("tr")]  # noqa: S314


@pytest.mark.parametrize("kind", ["fit", "profile", "limits", "spectrum", "scan"])
def test_a_notebook_s_table_holds_the_terminal_s_numbers(kind: str) -> None:
    result = results()[kind]
    shown = " ".join(" ".join(row) for row in cells(result._repr_html_()))
    numbers = re.findall(r"\d\.\d{3,}", str(result).partition("\n")[2])
    assert len(numbers) >= (1 if kind == "scan" else 4)
    assert [number for number in numbers if number not in shown] == []


@pytest.mark.parametrize("kind", ["fit", "profile", "limits", "spectrum", "scan"])
def test_a_result_is_shown_as_it_is_printed(kind: str) -> None:
    result = results()[kind]
    assert f"{result!r}\n" == str(result)


def test_a_fit_s_table_names_choices_and_pulls() -> None:
    rows = dict(row[:2] for row in cells(results()["fit"]._repr_html_()))
    assert rows["choices"].startswith("law linear, variants default")
    assert rows["by construction"].startswith("xenonnt: ")
    assert float(rows["xenonnt_accidental"]) == pytest.approx(
        results()["fit"].fit.pulls["xenonnt_accidental"].value, abs=6e-4
    )


def test_markup_in_a_cell_is_text() -> None:
    assert cells(html_table("t", {"a<b": "c&d"}, ["x"], [["<"]])) == [["a<b", "c&d"], ["x"], ["<"]]


def test_a_scan_s_table_holds_its_first_and_last_rows() -> None:
    scan = results()["scan"]
    facts = dict(row[:2] for row in cells(scan._repr_html_()) if len(row) == 2)
    assert facts["points"] == "18, none not valid, none at a bound"
    rows = [row for row in cells(scan._repr_html_()) if len(row) > 2]
    assert rows[0] == list(scan.columns)
    assert [float(row[0]) for row in rows[1:]] == [1, 1, 1, 10, 10, 10]
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(scan.columns["g"][[0, 1, 2, -3, -2, -1]], rel=1e-5)
