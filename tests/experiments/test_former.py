"""The form of version 0.2: it is read as before, and what is wrong is said with its own keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.reading import load_experiment
from tests.copies import copy_with

TOML = "experiment.toml"
FORMER = Path(__file__).parent / "former"

#: One mistake each in the PandaX-4T description: what stands there, what stands there instead, the message.
DESCRIPTION_MISTAKES = {
    "broken TOML": ('name = "mine"', 'name = "pandax4t', "not valid TOML: "),
    "repeated key": ('unit = "electrons"', 'unit = "electrons"\nunit = "PE"', "not valid TOML: "),
    "unknown key": ('channel = "', 'chanel = "x"\nchannel = "', "unknown key 'chanel'"),
    "unknown key in a run": ('name = "us2"', 'name = "us2"\nlivetime = 1', "unknown key 'runs[0].livetime'"),
    "unknown key in observable": ('name = "N_e"', 'name = "N_e"\nbins = 8', "unknown key 'observable.bins'"),
    "unknown key in normalisation": (
        "events = 48.8",
        "events = 48.8\nerror = 1",
        "unknown key 'signal.normalisation.error'",
    ),
    "unknown key in response": (
        "[signal.response]",
        '[signal.response]\nsmearing = "none"',
        "unknown key 'signal.response.smearing'",
    ),
    "missing title": ('title = "PandaX-4T US2"\n', "", "key 'title' is missing"),
    "missing exposure": ("exposure_t_yr = 1.04\n", "", "key 'runs[0].exposure_t_yr' is missing"),
    "missing uncertainties": (
        "[signal.uncertainties]\nflux_8b = 0.12\npandax4t_signal = 0.22\n",
        "",
        "key 'signal.uncertainties' is missing",
    ),
    "title is a number": ('title = "PandaX-4T US2"', "title = 4", "title must be a text, found 4"),
    "name with a space": (
        'name = "mine"',
        'name = "panda x"',
        "name must be a name of letters, digits and underscores, found 'panda x'",
    ),
    "channel with a dash": (
        'channel = "pandax4t_us2"',
        'channel = "us-2"',
        "channel must be a name of letters, digits and underscores, found 'us-2'",
    ),
    "reference is a number": (
        'references = [\n  "arXiv:2407.10892, Phys. Rev. Lett. 133 (2024) 191001",',
        'references = [\n  1, "arXiv:2407.10892, Phys. Rev. Lett. 133 (2024) 191001",',
        "references must be a list of texts, found [1, ",
    ),
    "no observable": (
        '[observable]\nname = "N_e"\nunit = "electrons"',
        "",
        "key 'observable' is missing",
    ),
    "exposure is negative": (
        "exposure_t_yr = 1.04",
        "exposure_t_yr = -1.04",
        "runs[0].exposure_t_yr must be a positive number, found -1.04",
    ),
    "exposure is zero": ("exposure_t_yr = 1.04", "exposure_t_yr = 0", "must be a positive number, found 0"),
    "exposure is infinite": ("exposure_t_yr = 1.04", "exposure_t_yr = inf", "must be a positive number, found inf"),
    "exposure is NaN": ("exposure_t_yr = 1.04", "exposure_t_yr = nan", "must be a positive number, found nan"),
    "exposure is a text": ("exposure_t_yr = 1.04", 'exposure_t_yr = "1"', "must be a positive number, found '1'"),
    "exposure is a truth": ("exposure_t_yr = 1.04", "exposure_t_yr = true", "must be a positive number, found True"),
    "decreasing edges": (
        "bin_edges = [4.0, 4.5, 5.0,",
        "bin_edges = [4.0, 5.0, 4.5,",
        "runs[0].bin_edges must be a list of at least two increasing numbers, found [4.0, 5.0, 4.5",
    ),
    "no bins": (
        "bin_edges = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]",
        "bin_edges = [4.0]",
        "runs[0].bin_edges must be a list of at least two increasing numbers, found [4.0]",
    ),
    "edge is NaN": ("7.5, 8.0]", "7.5, nan]", "bin_edges must be a list of at least two increasing numbers"),
    "edge is infinite": ("7.5, 8.0]", "7.5, inf]", "bin_edges must be a list of at least two increasing numbers"),
    "edge is a text": ("7.5, 8.0]", '7.5, "8"]', "bin_edges must be a list of at least two increasing numbers"),
    "one bin less than the tables": (
        "7.5, 8.0]",
        "7.5]",
        "unknown column 'bin7'",
    ),
    "one bin more than the tables": ("7.5, 8.0]", "7.5, 8.0, 8.5]", "response.csv:6: column 'bin8' is missing"),
    "unknown kind of response": (
        'kind = "matrix"\ntables = { us2 = "response.csv" }',
        'kind = "migration"\ntables = { us2 = "response.csv" }',
        "signal.response.kind must be one of matrix, gaussian, charge_yield, found 'migration'",
    ),
    "charge yield by default": (
        'kind = "matrix"\ntables = { us2 = "response.csv" }',
        'kind = "charge_yield"\ntable = "charge_yield.csv"',
        "key 'signal.response.tables' is missing",
    ),
    "response for another run": (
        'tables = { us2 = "response.csv" }',
        'tables = { run0 = "response.csv" }',
        "unknown key 'signal.response.tables.run0', expected one of us2",
    ),
    "response for one run more": (
        'tables = { us2 = "response.csv" }',
        'tables = { us2 = "response.csv", us3 = "response.csv" }',
        "unknown key 'signal.response.tables.us3'",
    ),
    "table is missing": ('table = "observed.csv"', 'table = "obs.csv"', "obs.csv: no such file"),
    "table is a folder": ('table = "observed.csv"', 'table = "."', "cannot be read (Is a directory)"),
    "normalisation is a word": (
        "[signal.normalisation]\nevents = 48.8\nflux_1e6_cm2_s1 = 5.46\n",
        '[signal]\nnormalisation = "relative"\n',
        "signal.normalisation must be 'absolute' or a table of events and flux_1e6_cm2_s1, found 'relative'",
    ),
    "normalisation is zero": (
        "events = 48.8",
        "events = 0.0",
        "signal.normalisation.events must be a positive number, found 0.0",
    ),
    "negative uncertainty": (
        "flux_8b = 0.12",
        "flux_8b = -0.12",
        "signal.uncertainties.flux_8b must be a positive number, found -0.12",
    ),
    "uncertainty with a dash": (
        "pandax4t_signal = 0.22",
        "pandax4t-signal = 0.22",
        "signal.uncertainties must be a table of names of letters, digits and underscores, found 'pandax4t-signal'",
    ),
    "background uncertainty is a number": (
        "cathode = { pandax4t_cathode = 0.31 }",
        "cathode = 0.31",
        "backgrounds.uncertainties.cathode must be a table, found 0.31",
    ),
    "negative background uncertainty": (
        "cathode = { pandax4t_cathode = 0.31 }",
        "cathode = { pandax4t_cathode = -0.31 }",
        "backgrounds.uncertainties.cathode.pandax4t_cathode must be a positive number, found -0.31",
    ),
    "background without an uncertainty": (
        "cathode = { pandax4t_cathode = 0.31 }\n",
        "",
        "backgrounds.csv:6: unknown column 'cathode', expected bin, micro_discharge",
    ),
    "background that is not in the table": (
        "cathode = { pandax4t_cathode = 0.31 }",
        "cathode = { pandax4t_cathode = 0.31 }\nneutron = { n = 0.5 }",
        "backgrounds.csv:6: column 'neutron' is missing",
    ),
    "background with the signal's name": (
        "cathode = { pandax4t_cathode = 0.31 }",
        "cevns = { pandax4t_cathode = 0.31 }",
        "backgrounds.uncertainties.cevns must be another name: it is the signal's, found 'cevns'",
    ),
    "variant without a description": (
        'description = "reconstructed backgrounds with 70 % cathode events (default: 36 %)"\n',
        "",
        "key 'variants.ce_rich.description' is missing",
    ),
    "variant is a text": (
        "[variants.ce_rich]",
        '[variants]\nnew = "x"\n\n[variants.ce_rich]',
        "variants.new must be a table, found 'x'",
    ),
}

#: Mistakes in the charge_yield variants, seen when the variant is chosen: experiment, file, old, new, message.
VARIANT_MISTAKES = {
    "unknown key": (
        "pandax4t",
        TOML,
        "[variants.charge_yield]",
        "[variants.charge_yield]\nresolution = 0.1",
        "unknown key 'variants.charge_yield.resolution', expected one of description, ",
    ),
    "unknown key in response": (
        "pandax4t",
        TOML,
        "gain = 1.0",
        "gain = 1.0\nfano = 0.1",
        "unknown key 'signal.response.fano'",
    ),
    "no gain": ("pandax4t", TOML, "gain = 1.0\n", "", "key 'signal.response.gain' is missing"),
    "negative gain": ("pandax4t", TOML, "gain = 1.0", "gain = -1", "gain must be a positive number, found -1"),
    "no efficiency": (
        "pandax4t",
        TOML,
        "efficiency = 0.307\n",
        "",
        "key 'signal.response.efficiency_tables' is missing",
    ),
    "wrong kind": (
        "pandax4t",
        TOML,
        'kind = "charge_yield"',
        'kind = "light_yield"',
        "signal.response.kind must be one of matrix, gaussian, charge_yield, found 'light_yield'",
    ),
    "efficiency above one": (
        "pandax4t",
        TOML,
        "efficiency = 0.307",
        "efficiency = 1.5",
        "signal.response.efficiency must be a number above 0 and at most 1, found 1.5",
    ),
    "negative yield": (
        "pandax4t",
        "charge_yield.csv",
        "\n0.3,3.71235\n",
        "\n0.3,-3.71235\n",
        "charge_yield.csv:8: charge_yield is -3.71235, expected a number > 0",
    ),
    "observable not increasing": (
        "pandax4t",
        "charge_yield.csv",
        "\n0.3,3.71235\n",
        "\n0.3,0.1\n",
        "charge_yield.csv:8: charge_yield is 0.1, expected more electrons, T Q_y(T), than",
    ),
    "number of edges": (
        "xenonnt",
        TOML,
        "bin_edges = { sr0 = [120.0, 170.16177,",
        "bin_edges = { sr0 = [120.0,",
        "signal.response.bin_edges must be lists of 4 edges",
    ),
    "edges of one run": (
        "xenonnt",
        TOML,
        "bin_edges = { sr0 = [120.0, 170.16177, 249.88974, 500.0], sr1",
        "bin_edges = { sr1",
        "key 'signal.response.bin_edges.sr0' is missing",
    ),
}


def former_with(tmp_path: Path, name: str, file: str, old: str, new: str) -> Path:
    return copy_with(tmp_path, name, file, old, new, description=FORMER / f"{name}.toml")


@pytest.mark.parametrize(("old", "new", "message"), DESCRIPTION_MISTAKES.values(), ids=DESCRIPTION_MISTAKES)
def test_mistakes_in_the_description(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = former_with(tmp_path, "pandax4t", TOML, old, new)
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_experiment(str(folder))
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize(("name", "file", "old", "new", "message"), VARIANT_MISTAKES.values(), ids=VARIANT_MISTAKES)
def test_mistakes_in_a_variant(
    tmp_path: Path,
    name: str,
    file: str,
    old: str,
    new: str,
    message: str,
) -> None:
    folder = former_with(tmp_path, name, file, old, new)
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_experiment(str(folder), "charge_yield")
    assert str(caught.value).startswith(str(folder / file))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ('name = "sr1"\nexposure_t_yr = 1\nbin_edges = [1, 2]', "runs must be blocks with the same number of bins"),
        (
            'name = "us2"\nexposure_t_yr = 1\nbin_edges = [1, 2, 3, 4, 5, 6, 7, 8, 9]',
            "runs must be blocks with different names, found ['us2', 'us2']",
        ),
    ],
)
def test_runs_that_do_not_fit_together(tmp_path: Path, run: str, message: str) -> None:
    folder = former_with(tmp_path, "pandax4t", TOML, "[observed]", f"[[runs]]\n{run}\n\n[observed]")
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        load_experiment(str(folder))


def test_no_runs(tmp_path: Path) -> None:
    folder = former_with(tmp_path, "pandax4t", TOML, "[[runs]]", "[runs]")
    with pytest.raises(SpecBuilderError, match=r"runs must be at least one \[\[runs\]\] block"):
        load_experiment(str(folder))
