"""What a result cites follows from the sources of the tables that it used."""

from __future__ import annotations

import re

import pytest

from spec_builder.base.files import data_path
from spec_builder.base.reading import read_text
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.physics.mediators import coupling_table
from spec_builder.sharing.citations import bibtex, identifiers
from spec_builder.studies.spectrum import recoil_spectrum


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,\s]+),$", text, flags=re.MULTILINE)


def test_every_source_of_the_shipped_tables_has_an_entry() -> None:
    known = bibtex()
    named = set()
    for path in data_path().rglob("*.csv"):
        if "comparison" in path.parts:
            continue  # each of its rows carries a reference of its own
        header = [line for line in read_text(path).splitlines() if re.match(r"# (\w+_)?source:", line)]
        assert header, path
        named |= {found for line in header for found in identifiers(line)}
    named |= {found for text in coupling_table().labels["reference"] for found in identifiers(text)}
    assert len(named) > 10
    assert [identifier for identifier in sorted(named) if identifier not in known] == []


def test_an_analysis_cites_its_own_experiment_and_not_the_other() -> None:
    xenonnt, pandax4t = (keys(bibtex(load_analysis(name).sources())) for name in ("xenonnt", "pandax4t"))
    assert {"XENON:2024ijk", "XENON:cevns_data_release", "Bahcall:1996qv"} <= set(xenonnt)
    assert not [key for key in xenonnt if key.startswith("PandaX")]
    assert "PandaX:2024muv" in pandax4t
    assert not [key for key in pandax4t if key.startswith("XENON")]


COMPANIONS = {
    "coherent_csi": {"COHERENT:2021xmm", "DeRomeri:2022twg"},
    "xenonnt_er": {"XENON:2022ltv", "Chen:2016eab", "Vinyoles:2016djt"},
    "lz_ws2022_er": {"LZ:2025er"},
    "lz_ws2024_er": {"LZ:2025er"},
    "pandax4t_run0_er": {"PandaX:2022ood"},
    "pandax4t_run1_er": {"PandaX:2024cic"},
    "texono": {"TEXONO:2009knm", "Huber:2011wv", "Mueller:2011nm"},
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_a_companion_cites_its_own_papers(name: str) -> None:
    cited = set(keys(bibtex(load_analysis(name).sources())))
    assert COMPANIONS[name] <= cited
    data = {key for papers in COMPANIONS.values() for key in papers if re.match("COHERENT|XENON|LZ|PandaX|TEXONO", key)}
    assert cited & data == COMPANIONS[name] & data


def test_the_joint_likelihood_cites_all_of_its_parts() -> None:
    parts = ("combined", "coherent_csi", "eves", "texono")
    scalar = choose("scalar")
    each = set[str]().union(*(keys(bibtex(load_analysis(name).sources(scalar))) for name in parts))
    assert set(keys(bibtex(load_analysis("global").sources(scalar)))) == each


def test_a_variant_cites_what_it_uses() -> None:
    assert "Szydagis:2022ikv" not in keys(bibtex(load_analysis("xenonnt").sources()))
    variant = load_analysis("xenonnt", variants={"xenonnt": "charge_yield"})
    assert "Szydagis:2022ikv" in keys(bibtex(variant.sources()))


@pytest.mark.parametrize(
    ("interaction", "options", "key"),
    [
        ("axial", {}, "Klos:2013rwa"),
        ("axial", {}, "HERMES:2006jyl"),
        ("tensor", {}, "Hoferichter:2020osn"),
        ("tensor", {}, "Gupta:2018lvp"),
        ("scalar", {"coupling_set": "B"}, "Hoferichter:2015dsa"),
        ("scalar", {"coupling_set": "C"}, "Bishara:2017nnn"),
    ],
)
def test_an_interaction_cites_its_nuclear_input(interaction: str, options: dict[str, str], key: str) -> None:
    analysis = load_analysis("pandax4t")
    choice = choose(interaction, **options)
    assert key in keys(bibtex(analysis.sources(choice)))
    assert key not in keys(bibtex(analysis.sources(choose("vector_bl"))))


def test_hep_neutrinos_are_cited_where_they_were_added() -> None:
    assert "Bahcall:1987jc" not in keys(bibtex(recoil_spectrum([1.0]).sources))
    assert "Bahcall:1987jc" in keys(bibtex(recoil_spectrum([1.0], hep=True).sources))


def test_a_method_is_cited_when_it_is_named() -> None:
    assert "iminuit" not in keys(bibtex([]))
    assert "iminuit" in keys(bibtex([], methods=["iminuit"]))


def test_a_source_without_an_entry_gets_one() -> None:
    text = bibtex(["our own release, doi:10.1234/abc.5 and arXiv:2599.00001"])
    assert "@misc{10.1234:abc.5,\n  doi = {10.1234/abc.5},\n}" in text
    assert "@misc{2599.00001,\n  eprint = {2599.00001},\n}" in text


def test_the_version_stands_in_the_software_s_entry() -> None:
    import spec_builder

    assert f"version = {{{spec_builder.__version__}}}" in bibtex([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doi:10.5281/zenodo.123.", ["10.5281/zenodo.123"]),
        ("(doi:10.1016/0370-2693(85)90400-9)", ["10.1016/0370-2693(85)90400-9"]),
        ("https://doi.org/10.1234/abc; arxiv:2411.11749v2", ["10.1234/abc", "2411.11749"]),
        ("https://arxiv.org/abs/nucl-th/9601044", ["nucl-th/9601044"]),
        ("JCAP 05 (2025) 012", []),
    ],
)
def test_identifiers(text: str, expected: list[str]) -> None:
    assert identifiers(text) == expected
