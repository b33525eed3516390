"""What stands beside a workspace."""

from __future__ import annotations

from spec_builder.base.files import digest
from spec_builder.model.analysis import load_analysis
from spec_builder.model.metadata import workspace_metadata
from spec_builder.model.provenance import Choices


def test_the_record_of_choices_stands_in_it() -> None:
    analysis = load_analysis("combined", "linear", {"xenonnt": "charge_yield"})
    about = workspace_metadata(analysis)
    assert about == about | Choices.of(analysis).to_dict(statuses=False)
    assert about["sha256"] == digest(analysis.workspace)
    assert about["reference"]["meaning"] == "mu_8b = 1"
    for experiment in analysis.experiments:
        tables = about["experiments"][experiment.name]["tables"]
        assert {what: table["status"] for what, table in tables.items()} == dict(experiment.statuses)


def test_a_source_of_pulses_has_a_fluence() -> None:
    reference = workspace_metadata(load_analysis("coherent_csi"))["reference"]
    assert "fluence_1e6_cm2" in reference
    assert "flux_1e6_cm2_s1" not in reference
