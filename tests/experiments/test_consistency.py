"""What experiments have to agree on before they are analysed together."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.experiments.consistency import (
    check_channels,
    check_data_sets,
    check_parameters,
    check_relative,
    check_samples,
    shared_parameters,
)
from spec_builder.experiments.reading import load_experiment
from spec_builder.model.analysis import load_analysis
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path

    from spec_builder.experiments.description import Experiment


def mine(tmp_path: Path, *changes: tuple[str, str], name: str = "pandax4t") -> str:
    """A changed copy of a shipped experiment under names of its own, by its path."""
    folder = shutil.copytree(data_path("experiments", name), tmp_path / "mine")
    text = (folder / "experiment.toml").read_text("utf-8")
    for old, new in ((f'name = "{name}"\n', 'name = "mine"\n'), ('"pandax4t_us2"', '"mine_us2"'), *changes):
        assert old in text
        text = text.replace(old, new)
    (folder / "experiment.toml").write_text(text, "utf-8")
    return str(folder)


OTHER_DATA = ("pandax4t_run0_us2", "mine_run0_us2"), ("pandax4t_run1_us2", "mine_run1_us2")


def test_shipped_experiments_agree() -> None:
    both = [load_experiment("xenonnt"), load_experiment("pandax4t")]
    check_channels(both)
    check_data_sets(both)
    check_parameters(both)
    assert set(both[0].data_sets).isdisjoint(both[1].data_sets)


def test_the_same_data_count_once(tmp_path: Path) -> None:
    message = r"pandax4t and mine hold the same data \(pandax4t_run0_us2\)"
    with pytest.raises(SpecBuilderError, match=message):
        load_analysis(f"combined+{mine(tmp_path)}")


def test_other_data_of_the_same_form_may_be_added(tmp_path: Path) -> None:
    analysis = load_analysis(f"combined+{mine(tmp_path, *OTHER_DATA)}")
    assert analysis.name == "combined+mine"
    assert [channel.name for channel in analysis.channels] == ["xenonnt_cs2", "pandax4t_us2", "mine_us2"]
    assert len(analysis.workspace["channels"]) == 3


def test_one_parameter_has_one_size(tmp_path: Path) -> None:
    path = mine(tmp_path, *OTHER_DATA, ("flux_8b = 0.12", "flux_8b = 0.10"))
    with pytest.raises(
        SpecBuilderError, match=r"'flux_8b' is one shared parameter with two sizes, 0\.1 here and 0\.12"
    ):
        load_analysis(f"xenonnt+{path}")
    assert load_analysis(path).experiments[0].channels[0].signals[0].uncertainties["flux_8b"] == 0.10


def test_names_do_not_differ_by_case_alone(tmp_path: Path) -> None:
    path = mine(tmp_path, *OTHER_DATA, ("flux_8b = 0.12", "flux_8B = 0.12"))
    with pytest.raises(SpecBuilderError, match="'flux_8B' differs by case alone from 'flux_8b'"):
        load_analysis(f"xenonnt+{path}")


def test_no_background_has_the_name_of_another_channels_signal() -> None:
    """An interaction, or a fit of the weak mixing angle, would take such a background away."""
    near, far = load_experiment("pandax4t"), load_experiment("xenonnt")
    (channel,) = near.channels
    signal, background = replace(channel.signals[0], name="solar"), replace(channel.backgrounds[0], name="cevns")
    alone = replace(near, channels=(replace(channel, signals=(signal,), backgrounds=(background,)),))
    check_samples([alone])
    message = "background 'cevns' of pandax4t_us2 has the name of a signal of xenonnt_cs2, expected another name"
    with pytest.raises(SpecBuilderError, match=message):
        check_samples([far, alone])


def test_both_checks_hold_for_one_experiment_and_for_several(tmp_path: Path) -> None:
    """A second channel whose background is the first one's signal."""
    folder = copy_of("pandax4t", tmp_path / "mine")
    file = folder / "experiment.toml"
    text = file.read_text("utf-8").split("[variants")[0]
    (folder / "other.csv").write_text((folder / "backgrounds.csv").read_text("utf-8").replace("cathode", "cevns"))
    first, second = (text[text.index("[[channels]]") :].replace("pandax4t_us2", name) for name in ("one", "two"))
    second = second.replace("backgrounds.csv", "other.csv").replace("signals.cevns", "signals.solar")
    second = second.replace("backgrounds.cathode", "backgrounds.cevns")
    file.write_text(text[: text.index("[[channels]]")] + first + second)
    with pytest.raises(SpecBuilderError, match="background 'cevns' of two has the name of a signal of one"):
        load_experiment(folder)


def with_absolute(experiment: Experiment, name: str) -> Experiment:
    (channel,) = experiment.channels
    background = replace(channel.backgrounds[0], absolute_uncertainties={name: 3.0})
    return replace(experiment, channels=(replace(channel, backgrounds=(background, *channel.backgrounds[1:])),))


def test_sizes_in_events_are_compared_by_name_alone() -> None:
    check_parameters([with_absolute(load_experiment("pandax4t"), "flux_8b")])
    with pytest.raises(SpecBuilderError, match="'FLUX_8b' differs by case alone"):
        check_parameters([with_absolute(load_experiment("pandax4t"), "FLUX_8b")])


def test_what_is_a_shape_somewhere_gets_no_new_size() -> None:
    """The shape would stay, while the result says that the uncertainty has another size."""
    (experiment,) = load_analysis("coherent_csi", variants={"coherent_csi": "response_shapes"}).experiments
    shape = "coherent_csi_efficiency"
    (channel,) = experiment.channels
    first, *others = channel.backgrounds
    sized = replace(first, uncertainties={shape: 0.2})
    both = replace(experiment, channels=(replace(channel, backgrounds=(sized, *others)),))
    check_relative([both], ["flux_sns"])
    with pytest.raises(SpecBuilderError, match=f"uncertainty {shape}: a shape or a size in events in .*response"):
        check_relative([both], [shape])


def test_what_two_experiments_share_is_noted_but_for_fluxes(tmp_path: Path) -> None:
    """Two detectors whose backgrounds are called the same would have one background."""
    path = mine(tmp_path, *OTHER_DATA)
    both = load_analysis(f"pandax4t+{path}")
    names = ("pandax4t_cathode", "pandax4t_micro_discharge", "pandax4t_signal")
    assert shared_parameters(both.experiments) == dict.fromkeys(names, ("pandax4t", "mine"))
    assert [text for _, text in both.notes()] == [
        f"{name} is one parameter that pandax4t and mine share" for name in shared_parameters(both.experiments)
    ]
    for shipped in ("combined", "eves_all", "global"):
        assert shared_parameters(load_analysis(shipped).experiments) == {}
