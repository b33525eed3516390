"""Cells of CSV: in one line, and never a formula of a spreadsheet."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.cells import csv_line, header_line

FORMULA = "=+-@＝＋－＠"  # the wide ones are what is looked for


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", " '=1"),
        ("\t=1", " '=1"),
        ("\r=1", " '=1"),
        ("＝1", "'＝1"),
        ('"=1', '"""\'=1"'),
        ("a,=1", '"a,\'=1"'),
        ("a;=1", '"a;\'=1"'),
        ('a"\n=1', '"a"" =1"'),
        ("a=1", "a=1"),
        ("b-jet", "b-jet"),
        ("-1.5", "-1.5"),
        ("+1e-3", "+1e-3"),
        ("-inf", "-inf"),
        ("-1.5; -2", '"-1.5; -2"'),
        ("-1.5; -2x", '"-1.5; \'-2x"'),
        ("left\u202eright\x1b[2J", r"left\u202eright\x1b[2J"),
    ],
)
def test_a_text_that_would_be_a_formula_is_a_text(cell: str, written: str) -> None:
    assert csv_line([cell]) == written


@given(st.lists(st.text(st.characters() | st.sampled_from("=+-@,;\"'\t\r\n 1eE.")), max_size=4))
def test_no_cell_begins_a_formula_wherever_cells_are_parted(cells: list[str]) -> None:
    line = csv_line(["x", *cells])
    assert len(line.splitlines()) == 1
    (row,) = csv.reader([line])
    assert len(row) == 1 + len(cells)
    inner = [part for cell in row for part in cell.replace(",", ";").split(";")]
    for cell in (*row, *inner):
        begins = cell.strip().lstrip('"').lstrip()
        assert begins[:1] not in tuple(FORMULA) or _is_number(cell)


def _is_number(text: str) -> bool:
    try:
        float(text.strip(" \"'"))
    except ValueError:
        return False
    return True


def test_numbers_are_numbers() -> None:
    assert csv_line([-1.5, -(10**20), True, None, float("-inf"), 1 / 3]) == (
        "-1.5,-100000000000000000000,1,,-inf,0.3333333333333333"
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("g in two, -1, +2e3", "# a: g in two, -1, +2e3"),
        ("two,=HYPERLINK(A1)", "# a: two,'=HYPERLINK(A1)"),
        ("two\n=1", "# a: two =1"),
        ("[-1.0, -2.0]", "# a: [-1.0, -2.0]"),
        ("\x1b[2J\u2028;@x", "# a: \\x1b[2J ;'@x"),
    ],
)
def test_a_line_above_a_table_stays_one_and_holds_no_formula(value: str, line: str) -> None:
    assert header_line("a", value) == line
