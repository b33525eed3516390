"""Results print as tables, in a terminal and in a notebook."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
import xml.etree.ElementTree as ET
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spec_builder import find_limits, fit_analysis, load_analysis, profile_analysis, scan_analysis
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import printable
from spec_builder.base.text import Described, Report, Shown
from spec_builder.physics.interactions import choose
from spec_builder.studies.spectrum import recoil_spectrum


@cache
def results() -> dict[str, Any]:
    xenonnt = load_analysis("xenonnt", "linear")
    return {
        "fit": fit_analysis(xenonnt, "flux"),
        "profile": profile_analysis(xenonnt, "flux", points=21),
        "limits": find_limits(xenonnt, choose("scalar"), np.array([1.0, 10.0])),
        "scan": scan_analysis(xenonnt, choose("scalar"), np.array([1.0, 10.0]), np.geomspace(1e-6, 1e-5, 9)),
        "spectrum": recoil_spectrum([0.5, 1.0], "scalar", 10.0, 1e-5),
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
def test_a_result_names_itself_in_one_line(kind: str) -> None:
    result = results()[kind]
    title = str(result).splitlines()[0]
    assert repr(result) == f"<{type(result).__name__} {title}>"


@pytest.mark.parametrize("kind", ["fit", "profile", "limits", "spectrum", "scan"])
def test_every_form_holds_the_same_columns(kind: str) -> None:
    result = results()[kind]
    lines = [line for line in result.to_csv().splitlines() if not line.startswith("# ")]
    names = lines[0].split(",")
    assert names == list(result.report().columns)
    first = result.report().rows[0]
    for text, value in zip(next(csv.reader(lines[1:])), first, strict=True):
        if isinstance(value, str):
            assert text == value
        elif value is not None:
            assert float(text) == value
    assert len(lines) - 1 == len(result.report().rows)
    content = json.loads(result.to_json())
    assert content == json.loads(json.dumps(result.to_dict()))
    assert content["schema"].startswith("spec_builder/")
    table = result.report().table
    for cell in table.rows[-1]:
        assert cell.replace("|", r"\|") in result.to_markdown()
        assert cell in str(result)


@pytest.mark.parametrize("kind", ["fit", "profile", "limits", "spectrum", "scan"])
def test_a_data_frame_holds_columns_and_choices(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for pandas, which is no dependency."""

    class Frame(dict[str, Any]):
        def __init__(self, content: dict[str, Any]) -> None:
            super().__init__(content)
            self.attrs: dict[str, Any] = {}

    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame))
    result = results()[kind]
    frame = result.to_dataframe()
    assert list(frame) == list(result.report().columns)
    assert [len(column) for column in frame.values()] == [len(result.report().rows)] * len(frame)
    assert frame.attrs["title"] == str(result).splitlines()[0]
    assert frame.attrs == result.report().header


def test_without_pandas_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SpecBuilderError, match=r"^a DataFrame needs pandas: pip install pandas$"):
        results()["fit"].to_dataframe()


def test_a_fit_s_table_names_choices_and_pulls() -> None:
    rows = dict(row[:2] for row in cells(results()["fit"]._repr_html_()))
    assert rows["choices"].startswith("law linear, variants default")
    assert rows["by construction"].startswith("xenonnt: ")
    assert float(rows["xenonnt_accidental"].split()[0]) == pytest.approx(
        results()["fit"].fit.pulls["xenonnt_accidental"].value, abs=6e-4
    )


def test_markup_in_a_cell_is_text() -> None:
    report = Report("t", {"a<b": "c&d"}, {"x": ["<"]})
    assert cells(report.to_html()) == [["a<b", "c&d"], ["x"], ["<"]]
    assert Report("t|u", {}, {"x|y": ["a|b"]}).to_markdown() == "**t&#124;u**\n\n| x&#124;y |\n|---|\n| a&#124;b |\n"


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    text = Report("Two", {"law": "linear"}, {"g": [1.0, 0.25], "word": ["a", "bcd"]}, notes={"of": "it"}).to_text()
    assert text == "Two\n  law  linear\n\n     g  word\n     1  a\n  0.25  bcd\n  of: it\n"


def test_csv_is_exact_and_quoted_where_it_must_be() -> None:
    report = Report("One\ntwo", {}, {"x": [1 / 3, None, math.inf], "ok": [True, False, True], "s": ['a,"b"', "c", "d"]})
    head, *rows = csv.reader(line for line in report.to_csv().splitlines() if not line.startswith("#"))
    assert report.to_csv().startswith("# title: One two\n")
    assert head == ["x", "ok", "s"]
    assert rows == [[repr(1 / 3), "1", 'a,"b"'], ["", "0", "c"], ["inf", "1", "d"]]
    assert json.loads(report.to_json())["rows"] == [[1 / 3, True, 'a,"b"'], [None, False, "c"], [None, True, "d"]]


def test_a_scan_s_table_holds_its_first_and_last_rows() -> None:
    scan = results()["scan"]
    facts = dict(row[:2] for row in cells(scan._repr_html_()) if len(row) == 2)
    assert facts["points"] == "18, all valid, none at a bound"
    rows = [row for row in cells(scan._repr_html_()) if len(row) > 2]
    assert rows[0] == list(scan.columns)
    assert [float(row[0]) for row in rows[1:]] == [1, 1, 1, 10, 10, 10]
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(scan.columns["g"][[0, 1, 2, -3, -2, -1]], rel=1e-5)


def test_a_name_in_markdown_is_text_in_one_cell() -> None:
    text = Report("<script>", {"law": "a\nb"}, {"x": ["<img onerror=x>\r| 1 |"]}).to_markdown()
    assert "**&lt;script>**" in text
    assert "| law | a b |" in text
    assert "| &lt;img onerror=x> &#124; 1 &#124; |" in text
    link = Report("t", {}, {"x": ["[a](javascript:x) \\| `b`"]}).to_markdown()
    assert "| [a]&#40;javascript:x) &#92;&#124; &#96;b&#96; |" in link


@pytest.mark.parametrize("form", ["to_text", "to_html", "to_markdown", "to_csv", "to_json"])
def test_no_name_steers_a_terminal_or_makes_a_line_of_its_own(form: str) -> None:
    name = "a\x1b[2J\u202e\nother.json: ok\r\u2028\x9b31m"
    reports = [Report(name, {name: name}, {name: [name]}, notes={name: name}, details={name: name})]
    reports.append(Report("t", {}, {"n": [1.0]}, shown=Shown((name,), ((name,),))))
    for report in reports:
        text = getattr(report, form)()
        assert printable(text) == text
        assert not any(line.startswith("other.json: ok") for line in text.splitlines())


def test_a_notebook_sets_no_formula_of_a_stranger() -> None:
    html = Report("t", {"a": r"$\href{javascript:x}{y}$"}).to_html()
    assert html.startswith('<div class="tex2jax_ignore mathjax_ignore">')
    assert html.endswith("</div>")
    assert repr(Named()) == "<Named a b>"


class Named(Described):
    def report(self) -> Report:
        return Report("a\nb")


@pytest.mark.parametrize("count", [0, 39, 40, 41, 300])
def test_a_notebook_shows_the_ends_of_a_long_table(count: int) -> None:
    class Long(Described):
        def report(self) -> Report:
            return Report("long", {}, {"n": list(range(count)), "m": list(range(count))})

    shown, whole = Long()._repr_html_(), Long().to_html()
    assert whole.count("<tr>") == count + 1
    if count <= 40:
        assert shown == whole
        return
    assert shown.count("<tr>") == 42
    assert f'<td colspan="2">{count - 40} rows are left out</td>' in shown
    assert "<tr><td>19</td><td>19</td></tr>" in shown
    assert f"<tr><td>{count - 20}</td>" in shown
    assert f"<tr><td>{count - 21}</td>" not in shown
    assert f"<tr><td>{count - 1}</td>" in shown
