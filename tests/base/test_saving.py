"""Files of results: the suffix says the form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.saving import FORMATS, check_form, save_result
from spec_builder.base.text import Described, Report

if TYPE_CHECKING:
    from pathlib import Path


class Thing(Described):
    """A result of every kind of cell."""

    def report(self) -> Report:
        columns: dict[str, Any] = {"x": [1.5, None], "n": [1, 2], "ok": [True, False], "word": ["a,b", None]}
        return Report("A <thing>", {"law": "linear"}, columns)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_form_holds_the_same(suffix: str, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"thing{suffix.upper()}"
    save_result(Thing(), path)
    if suffix == ".npz":
        with np.load(path) as content:
            assert content["n"].tolist() == [1, 2]
            assert content["ok"].tolist() == [True, False]
            assert content["word"].tolist() == ["a,b", ""]
            assert np.isnan(content["x"]).tolist() == [False, True]
            assert json.loads(str(content["metadata"])) == Thing().report().header
    elif suffix == ".parquet":
        from pyarrow import parquet

        assert parquet.read_table(path).column("n").to_pylist() == [1, 2]
    else:
        text = path.read_text("utf-8")
        assert "linear" in text
        assert ("A <thing>" in text) == (suffix not in (".html", ".md"))
    with pytest.raises(SpecBuilderError, match="exists already"):
        save_result(Thing(), path)
    save_result(Thing(), path, force=True)


@pytest.mark.parametrize("name", ["x.xls", "x", "x.csv.gz", ".csv"])
def test_other_suffixes_are_refused_naming_those_that_are_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"expected a name that ends in \.txt, \.csv, .* or \.parquet$"):
        save_result(Thing(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_verb_may_know_fewer_forms() -> None:
    assert check_form("a.json", (".json",)) == ".json"
    with pytest.raises(SpecBuilderError, match=r"a\.csv: expected a name that ends in \.json$"):
        check_form("a.csv", (".json",))


def test_parquet_without_pyarrow_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    message = r"^scan\.parquet: \.parquet needs pyarrow: pip install 'spec_builder\[parquet\]'$"
    with pytest.raises(SpecBuilderError, match=message):
        check_form("scan.parquet")
