"""The HEPData submission: valid, marked as HistFactory, reproducible, and with our limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.sharing import archive as build
from spec_builder.sharing import submission
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import read_archive
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.submission import submission_problems, write_submission
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from pathlib import Path

VECTOR = choose("vector_universal")
REQUEST = PatchRequest([VECTOR], [10.0], [2e-5, 4e-5], hepdata="ins1234567")
ANALYSES = ["xenonnt", "pandax4t"]
ARCHIVES = [f"{name}.tar.gz" for name in ANALYSES]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("record"))


def write(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "CONTOUR_POINTS", 5)
        written = write_archives(["xenonnt", "pandax4t"], folder, REQUEST)
    assert [path.name for path in written[:2]] == sorted(ARCHIVES)
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in written)
    return folder


def documents(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((folder / "submission.yaml").read_text(encoding="utf-8")))


def test_hepdata_accepts_it(record: Path) -> None:
    assert submission_problems(record) == []


def test_archives_are_marked_as_histfactory(record: Path) -> None:
    resources = documents(record)[0]["additional_resources"]
    marked = [resource for resource in resources if resource.get("type") == "HistFactory"]
    assert [resource["location"] for resource in marked] == ARCHIVES
    assert {resource["license"]["name"] for resource in marked} == {"CC-BY-4.0"}


def test_data_of_one_experiment_alone_are_found_in_inspire(record: Path) -> None:
    links = {item["location"]: item["description"] for item in documents(record)[0]["additional_resources"]}
    there = {link.rpartition("/")[2]: text for link, text in links.items() if "inspirehep.net" in link}
    assert there == {
        "2815689": "Data of xenonnt: arXiv:2408.02877, INSPIRE 2815689",
        "2841348": "Data of xenonnt: arXiv:2409.17868, INSPIRE 2841348",
        "2807699": "Data of pandax4t: arXiv:2407.10892, INSPIRE 2807699",
    }


def test_a_joint_analysis_claims_no_record() -> None:
    assert build.data_records([load_analysis("combined")]) == {}
    assert build.data_records([load_analysis("texono")]) == {"texono": {}}


def test_hs3_files_are_marked_as_such_and_are_those_of_the_archives(record: Path) -> None:
    resources = documents(record)[0]["additional_resources"]
    marked = [resource["location"] for resource in resources if resource.get("type") == "HS3"]
    assert marked == [f"{name}.hs3.json" for name in ANALYSES]
    for name in ANALYSES:
        inside = read_archive(record / f"{name}.tar.gz")["BkgOnly.hs3.json"]
        assert (record / f"{name}.hs3.json").read_bytes() == inside


def test_the_record_says_what_it_is(record: Path) -> None:
    first, *tables = documents(record)
    assert first["data_license"]["name"] == "CC-BY-4.0"
    assert "By construction: pandax4t" in first["comment"]
    assert "ins1234567" in first["comment"]
    assert [table["name"] for table in tables] == [f"Exclusion {a} vector_universal" for a in ("xenonnt", "pandax4t")]
    assert all(len(table["name"]) <= 64 for table in tables)
    assert "90 % CL" in tables[0]["description"]
    text = (record / "submission.yaml").read_text(encoding="utf-8")
    assert "0.21" not in text, "nothing depends on the version of hepdata_lib"


def test_tables_hold_our_limits(record: Path) -> None:
    masses = np.geomspace(0.01, 1000, 5)
    limits = find_limits(load_analysis("xenonnt"), VECTOR, masses, dof=2)
    table = yaml.safe_load((record / "exclusion_xenonnt_vector_universal.yaml").read_text(encoding="utf-8"))
    assert table["independent_variables"][0]["header"] == {"name": "Mediator mass", "units": "MEV"}
    assert [row["value"] for row in table["independent_variables"][0]["values"]] == pytest.approx(masses)
    columns = {
        column["header"]["name"]: [row["value"] for row in column["values"]] for column in table["dependent_variables"]
    }
    names = ["g excluded above, interval 1", "g excluded up to, interval 1", "g excluded above, interval 2"]
    assert list(columns) == names
    for i, point in enumerate(limits.exclusion.points):
        (low, high), (again, _) = point.excluded
        assert high is not None
        assert [columns[name][i] for name in names] == pytest.approx([low, high, again], rel=1e-5)


def test_one_interval_has_one_column(record: Path) -> None:
    table = yaml.safe_load((record / "exclusion_pandax4t_vector_universal.yaml").read_text(encoding="utf-8"))
    assert [column["header"]["name"] for column in table["dependent_variables"]] == ["g excluded above"]


def test_the_same_bytes_again(record: Path, tmp_path: Path) -> None:
    for path in write(tmp_path).iterdir():
        assert path.read_bytes() == (record / path.name).read_bytes(), path.name


def test_what_hepdata_refuses_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "stray.txt").write_text("not referenced", encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"refused by hepdata-validator: stray\.txt is not referenced"):
        write_submission(tmp_path, [], [find_limits(load_analysis("xenonnt"), VECTOR, np.array([1.0]))], None, [""])


def test_no_licence_and_no_figure_are_claimed_that_are_not_so(tmp_path: Path) -> None:
    moment = choose("magnetic_moment")
    results = [find_limits(load_analysis(name), moment) for name in ("xenonnt", "texono")]
    write_submission(tmp_path, [], results, None, ["CC-BY-4.0", ""])
    first, *tables = documents(tmp_path)
    assert "data_license" not in first, "hepdata_lib would grant CC0"
    assert ". Licence of the experiments' tables: not stated and CC-BY-4.0." in first["comment"]
    assert not any("Figure" in table["location"] or "data_license" in table for table in tables)


def test_limits_of_the_paper_name_their_figure(record: Path) -> None:
    assert {"Figure 4" in table["location"] for table in documents(record)[1:]} == {True}


@pytest.mark.parametrize("name", ["xenonnt.tar.gz", "exclusion_pandax4t_axial.yaml", "notes.txt"])
def test_a_folder_with_other_files_is_refused(tmp_path: Path, name: str) -> None:
    """HEPData accepts nothing that the submission does not name."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=f"holds {name}, which is not of this submission"):
        write_archives(["pandax4t"], tmp_path, REQUEST, force=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_without_the_extra_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "find_spec", lambda _: None)
    with pytest.raises(SpecBuilderError, match=r"pip install 'spec_builder\[hepdata\]'; or write the archives alone"):
        write_archives(["xenonnt"], tmp_path, REQUEST)
    assert list(tmp_path.iterdir()) == []
