"""One record of choices behind every header."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec_builder.base.version import __version__
from spec_builder.model.analysis import load_analysis
from spec_builder.model.provenance import (
    Choices,
    choice_content,
    distinct_notes,
    in_words,
    option_key,
    option_texts,
    parameter_label,
    range_text,
)
from spec_builder.physics.interactions import choose, shipped_interactions


def test_choices_of_an_analysis() -> None:
    analysis = load_analysis("combined", "linear", {"pandax4t": "ce_rich"})
    about = Choices.of(analysis, choose("scalar"), cl=0.9, dof=2)
    assert (about.analysis, about.law, about.variants) == ("combined", "linear", {"pandax4t": "ce_rich"})
    assert [experiment for experiment, _ in about.by_construction] == ["xenonnt"]
    assert about.level == "90 % CL, dof 2"
    assert about.rows() == {
        "law": "linear",
        "variants": "pandax4t=ce_rich",
        "coupling_set": "B",
        "by_construction": about.built,
        "version": __version__,
    }
    assert about.line == f"law linear, variants pandax4t=ce_rich, spec_builder {__version__}"


def test_json_holds_what_version_0_2_promised() -> None:
    about = Choices.of(load_analysis("xenonnt"), choose("tensor"))
    content = about.to_dict()
    assert set(content) == {
        *("analysis", "law", "variants", "statuses", "by_construction", "version"),
        *("interaction", "coupling_set", "longitudinal_factor"),
    }
    assert content["by_construction"].startswith("xenonnt: ")
    assert (content["coupling_set"], content["longitudinal_factor"]) == (None, 1)
    assert "statuses" not in about.to_dict(statuses=False)


def test_statuses_of_spectra_and_nuclei_reach_results() -> None:
    analysis = load_analysis("coherent_csi")
    axial = Choices.of(analysis, choose("axial")).to_dict()["statuses"]
    assert axial["csi.isotopes"] == "published"
    assert axial["csi.spin_structure"] == "reconstructed"
    scalar = Choices.of(analysis, choose("scalar")).to_dict()["statuses"]
    assert set(axial) - set(scalar) == {"csi.spin_structure"}, "which nothing but spins needs"
    fit = Choices.of(load_analysis("combined")).to_dict()["statuses"]
    assert {key: fit[key] for key in ("solar_8b.8b", "xenon.isotopes", "xenonnt.observed")} == {
        "solar_8b.8b": "published",
        "xenon.isotopes": "published",
        "xenonnt.observed": "measured",
    }
    electrons = Choices.of(load_analysis("eves")).statuses
    assert electrons["xenon_electrons.binding"] == "published"


def test_a_note_with_a_semicolon_stays_whole() -> None:
    about = replace(Choices("mine"), by_construction=(("mine", "one; and more"), ("other", "two")))
    assert about.built == "mine: one; and more; other: two"
    assert distinct_notes([about, about]) == (("mine", "one; and more"), ("other", "two"))
    assert in_words([]) == ""


def test_other_notes_stand_beside() -> None:
    about = replace(Choices("mine"), notes=(("mine", "beyond the response"),))
    assert about.rows()["notes"] == "mine: beyond the response"
    assert about.to_dict()["notes"] == ["mine: beyond the response"]
    assert about.rows()["law"] == "as in the workspace"
    assert about.rows()["by_construction"] == "nothing"
    assert about.level == ""


@pytest.mark.parametrize("interaction", shipped_interactions(), ids=lambda i: i.name)
def test_a_new_option_is_written_where_it_is_not_the_default(interaction: object) -> None:
    plain = choice_content(choose(interaction))
    charges = {"charge_u", "charge_d", "charge_nu", "charge_e"} if plain["interaction"] == "vector" else set()
    assert set(plain) == {"interaction", "coupling_set", "longitudinal_factor"} | charges


def test_changed_options_are_written() -> None:
    content = choice_content(choose("vector", u=0.5))
    assert [content[f"charge_{name}"] for name in ("u", "d", "nu", "e")] == [0.5, 1.0, 1.0, 1.0]
    assert option_texts(choose("axial", axial_sign="-")) == {"axial_sign": "-"}
    assert option_key("quark") == "quark"


def test_a_users_file_is_written_by_its_digest(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("mine") / "bl.toml"
    file.write_text(
        'name = "bl"\nkind = "vector"\ncharges = { u = 0.5, d = 0.5, nu = -1.0, e = -1.0 }\nreferences = ["a note"]\n',
        "utf-8",
    )
    choice = choose(str(file))
    content = choice_content(choice)
    assert content["interaction_sha256"] == choice.digest
    assert "interaction_sha256" in option_texts(choice)


def test_labels_and_ranges() -> None:
    assert parameter_label(choose("millicharge")) == "q_nu [e]"
    assert range_text((0.001, 1000.0)) == "0.001 MeV to 1 GeV"
