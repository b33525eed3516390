"""Number tables: what is read, and every complaint with the mistake that causes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.base.reading import read_text
from spec_builder.base.tables import STATUSES, Table, packaged_table, read_table

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# title: A table\n# source: nobody\n# status: measured\n# unit: events\n"
GOOD = HEADER + "bin,events,name\n0,1.5,first\n1,2.5e3,second\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> Table:
    return read_table(path, columns=("bin", "events"), labels=("name",))


def test_good_table(tmp_path: Path) -> None:
    table = read(write(tmp_path, GOOD))
    assert table["events"].tolist() == [1.5, 2500.0]
    assert table.labels["name"] == ("first", "second")
    assert table.metadata == {"title": "A table", "source": "nobody", "status": "measured", "unit": "events"}
    assert table.status == "measured"


def test_column_order_and_empty_lines_do_not_matter(tmp_path: Path) -> None:
    text = HEADER + "name,events,bin\nfirst,1.5,0\n\nsecond,2.5e3,1\n\n"
    np.testing.assert_array_equal(read(write(tmp_path, text))["events"], [1.5, 2500.0])


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_accepted(tmp_path: Path, status: str) -> None:
    assert read(write(tmp_path, GOOD.replace("measured", status))).status == status


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("# unit: events\n", "", "header line '# unit: ...' is missing", id="no unit"),
        pytest.param("# source: nobody\n", "# source:\n", "header line '# source: ...' is missing", id="empty source"),
        pytest.param("# title: A table", "# A table", ":1: expected '# key: value'", id="no colon"),
        pytest.param(
            "status: measured",
            "status: guessed",
            "status 'guessed' is unknown, expected one of measured, published, computed, reconstructed, recalled",
            id="unknown status",
        ),
        pytest.param(
            "bin,events,name\n0,1.5,first\n1,2.5e3,second\n",
            "",
            "expected a line of column names (bin, events)",
            id="header alone",
        ),
        pytest.param("0,1.5,first\n1,2.5e3,second\n", "", "the table has no rows", id="no rows"),
        pytest.param(
            "bin,events,name", "bin,evts,name", "unknown column 'evts'; did you mean 'events'?", id="missing column"
        ),
        pytest.param(
            "bin,events,name",
            "bin,events,label",
            "unknown column 'label', expected bin, events, name",
            id="missing label",
        ),
        pytest.param(
            "bin,events,name\n0,1.5,first\n1,2.5e3,second",
            "bin,events,name,x\n0,1.5,first,0\n1,2.5e3,second,0",
            "unknown column 'x', expected bin, events, name",
            id="unknown column",
        ),
        pytest.param(
            "bin,events,name\n0,1.5,first\n1,2.5e3,second",
            "bin,events,name,bin\n0,1.5,first,0\n1,2.5e3,second,0",
            "column 'bin' stands twice",
            id="repeated column",
        ),
        pytest.param("1,2.5e3,second", "1,2.5e3", ":7: 2 values, expected 3", id="short row"),
        pytest.param("1,2.5e3,second", "1,2.5e3,second,3", ":7: 4 values, expected 3", id="long row"),
        pytest.param("1,2.5e3", "1,nan", ":7: events is 'nan', expected a finite number", id="NaN"),
        pytest.param("0,1.5", "0,inf", ":6: events is 'inf', expected a finite number", id="infinity"),
        pytest.param("0,1.5", "zero,1.5", ":6: bin is 'zero', expected a finite number", id="a word"),
        pytest.param("0,1.5", "0,", ":6: events is '', expected a finite number", id="nothing"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_an_endless_column_may_be_empty_or_inf(tmp_path: Path) -> None:
    text = HEADER + "low,high\n1,2\n2,\n3,inf\n"
    table = read_table(write(tmp_path, text), columns=("low", "high"), endless=("high",))
    assert table["high"].tolist() == [2.0, np.inf, np.inf]
    with pytest.raises(SpecBuilderError, match=r":6: low is '', expected a finite number$"):
        read_table(write(tmp_path, text.replace("1,2", ",2")), columns=("low", "high"), endless=("high",))
    with pytest.raises(SpecBuilderError, match=r":6: high is 'nan', expected a finite number, inf or nothing$"):
        read_table(write(tmp_path, text.replace("1,2", "1,nan")), columns=("low", "high"), endless=("high",))


def test_line_numbers_count_empty_lines(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("\n1,2.5e3", "\n\n1,many"))
    with pytest.raises(SpecBuilderError, match=":8: events is 'many'"):
        read(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"nothing\.csv: no such file"):
        read(tmp_path / "nothing.csv")


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"cannot be read \(Is a directory\)"):
        read(tmp_path)


def test_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecBuilderError, match=r"table\.csv: not a UTF-8 text file"):
        read_text(path)


@pytest.mark.parametrize(("value", "found"), [("", "nothing"), ("# size: big\n", "big")])
def test_metadata_that_is_not_a_number(tmp_path: Path, value: str, found: str) -> None:
    table = read(write(tmp_path, value + GOOD))
    with pytest.raises(SpecBuilderError, match=f"header line '# size: ...' must be a number, found {found}"):
        table.number("size")


def test_metadata_number(tmp_path: Path) -> None:
    assert read(write(tmp_path, "# size: 5.46e6\n" + GOOD)).number("size") == 5.46e6


def test_packaged_tables_are_read_once() -> None:
    first = packaged_table("solar/b8_spectrum", ("E_MeV", "spectrum"))
    assert packaged_table("solar/b8_spectrum", ("E_MeV", "spectrum")) is first
    assert first.path == data_path("solar", "b8_spectrum.csv")


@pytest.mark.parametrize("path", sorted(data_path().rglob("*.csv")), ids=lambda p: str(p.relative_to(data_path())))
def test_shipped_tables_name_source_status_and_unit(path: Path) -> None:
    header = [line for line in read_text(path).splitlines() if line.startswith("#")]
    metadata = dict(line.lstrip("# ").split(": ", 1) for line in header)
    assert {"title", "source", "status", "unit"} <= set(metadata)
    assert metadata["status"] in STATUSES
