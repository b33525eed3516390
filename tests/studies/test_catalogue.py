"""Experiments in words and as JSON say the same."""

from __future__ import annotations

import pytest

from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.studies.catalogue import describe_experiment, list_experiments


def test_every_shipped_experiment_has_a_line() -> None:
    lines = str(list_experiments()).splitlines()
    names = [line.split()[0] for line in lines]
    assert names == list(shipped_experiments())
    assert [entry["name"] for entry in list_experiments().to_dict()["experiments"]] == names
    for line, name in zip(lines, names, strict=True):
        experiment = load_experiment(name)
        assert experiment.title in line
        assert all(variant in line for variant in experiment.variants)


def test_many_bins_are_summed_and_said_to_be() -> None:
    text = str(describe_experiment("coherent_csi"))  # 9 x 11 bins
    assert "  events per bin of PE, summed over t (JSON has every bin)\n" in text
    counts = load_experiment("coherent_csi").channels[0].observed.reshape(9, 11).sum(axis=1)
    assert " ".join(f"{count:8.4g}" for count in counts) + "   sum 1578\n" in text

    text = str(describe_experiment("lz_ws2022_er"))  # one axis of 19 bins
    assert "edges 1, 2, ..., 20 (19 bins)\n" in text
    assert "  events in 19 bins (JSON has every bin)\n    observed         sum 471\n" in text
    assert len(describe_experiment("lz_ws2022_er").to_dict()["observed"]) == 19
    assert max(len(line) for line in text.splitlines() if "events" in line) < 120


def test_few_bins_are_shown_one_by_one() -> None:
    text = str(describe_experiment("xenonnt"))
    assert "  events per bin\n    observed               16       14        7   sum 37\n" in text


@pytest.mark.parametrize("name", shipped_experiments())
def test_one_in_full_names_every_table_with_its_status(name: str) -> None:
    experiment = load_experiment(name)
    text = str(describe_experiment(name))
    assert text.startswith(f"{experiment.title}\n")
    for what, status in experiment.statuses.items():
        source = experiment.sources[what].removeprefix(f"{status}: ")
        assert f"    {what:16} {status}: {source}\n" in text
    for channel in experiment.channels:
        assert all(f"{axis.name} [{axis.unit}]" in text for axis in channel.axes)
    content = describe_experiment(name).to_dict()
    assert set(content["tables"]) == set(experiment.statuses)
    channels = content.get("channels", [content])
    assert [channel["observed"] for channel in channels] == [c.observed.tolist() for c in experiment.channels]


@pytest.mark.parametrize(
    ("name", "sample", "events", "words"),
    [
        ("pandax4t", "cevns", 48.8, "48.8 events at a flux of 5.46e6 cm-2 s-1"),
        ("texono", "eves", 414 / 1.08, "383.33 events"),
    ],
)
def test_what_the_signal_is_scaled_to_is_said(name: str, sample: str, events: float, words: str) -> None:
    described = describe_experiment(name)
    assert f"  signal        scaled to {words}\n" in str(described)
    content = described.to_dict()
    assert content["normalisation"]["events"] == pytest.approx(events, rel=1e-9)
    assert sum(content[sample]) == pytest.approx(events, rel=1e-9)


def test_of_a_signal_as_the_response_has_it_no_size_is_said() -> None:
    described = describe_experiment("coherent_csi")
    assert "  signal        scaled" not in str(described)
    assert described.to_dict()["normalisation"] is None


def test_rows_are_events_of_each_bin_and_sample() -> None:
    columns = describe_experiment("xenonnt").report().columns
    events: dict[str, list[object]] = {}
    for sample, count in zip(columns["sample"], columns["events"], strict=True):
        events.setdefault(str(sample), []).append(count)
    assert events["observed"] == [16, 14, 7]
    assert events["cevns (SM)"] == pytest.approx([3.25410, 5.10634, 2.76756], abs=1e-5)
    assert set(list_experiments().report().columns["experiment"]) == set(shipped_experiments())
