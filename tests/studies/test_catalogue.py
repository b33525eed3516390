"""Experiments in words and as JSON say the same."""

from __future__ import annotations

import json

import pytest

from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.studies.catalogue import describe_experiment, list_experiments


def test_every_shipped_experiment_has_a_line() -> None:
    lines = list_experiments().splitlines()
    names = [line.split()[0] for line in lines]
    assert names == list(shipped_experiments())
    assert [entry["name"] for entry in json.loads(list_experiments(as_json=True))] == names
    for line, name in zip(lines, names, strict=True):
        experiment = load_experiment(name)
        assert experiment.title in line
        assert all(variant in line for variant in experiment.variants)


@pytest.mark.parametrize("name", shipped_experiments())
def test_one_in_full_names_every_table_with_its_status(name: str) -> None:
    experiment = load_experiment(name)
    text = describe_experiment(name)
    assert text.startswith(f"{experiment.title}\n")
    for what, status in experiment.statuses.items():
        assert f"{status}: {experiment.sources[what]}" in text
        assert what in text
    for channel in experiment.channels:
        assert all(f"{axis.name} [{axis.unit}]" in text for axis in channel.axes)
    content = json.loads(describe_experiment(name, as_json=True))
    assert set(content["tables"]) == set(experiment.statuses)
    channels = content.get("channels", [content])
    assert [channel["observed"] for channel in channels] == [c.observed.tolist() for c in experiment.channels]
