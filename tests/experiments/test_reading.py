"""Every complaint about an experiment's folder, with the mistake that causes it."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.experiments.reading import load_experiment
from spec_builder.physics.interactions import STANDARD_MODEL
from spec_builder.physics.rates import rate
from spec_builder.physics.targets import form_factor
from tests.copies import copy_of, copy_with

if TYPE_CHECKING:
    from pathlib import Path

TOML = "experiment.toml"

#: One mistake each in the PandaX-4T description: what stands there, what stands there instead, the message.
DESCRIPTION_MISTAKES = {
    "broken TOML": ('name = "mine"\n', 'name = "mine", \n', "not valid TOML: "),
    "repeated key": ('unit = "electrons"', 'unit = "electrons"\nunit = "PE"', "not valid TOML: "),
    "integer of 5000 digits": ("exposure_t_yr = 1.04", "exposure_t_yr = " + "9" * 5000, "not valid TOML: "),
    "unknown key": ('licence = "', 'license = "x"\nlicence = "', "unknown key 'license'"),
    "unknown key in a channel": (
        'source = "solar_8b"',
        'source = "solar_8b"\nhall = 1',
        "unknown key 'channels[0].hall'",
    ),
    "more runs than any has": (
        "[[channels.axes]]",
        "[[channels.runs]]\nname = 'x'\n" * 100 + "[[channels.axes]]",
        "channels[0].runs: 101 blocks, expected at most 100",
    ),
    "more bins than any has": (
        "edges = [4.0,",
        f"edges = [{', '.join(str(i / 1e4) for i in range(10_001))}, 4.0,",
        "channels[0].axes must be edges of at most 10000 bins, found [10009]",
    ),
    "more variants than any has": (
        "[variants.ce_rich]",
        "".join(f"[variants.v{i}]\ndescription = 'x'\n" for i in range(30)) + "[variants.ce_rich]",
        "variants, expected at most 30",
    ),
    "a name that would fill a table": (
        'name = "pandax4t_us2"\nsource',
        f'name = "{"x" * 101}"\nsource',
        "channels[0].name must be a name of letters, digits and underscores, at most 100 of them, found 'xxx",
    ),
    "an absolute uncertainty that is no name": (
        "uncertainties = { pandax4t_cathode = 0.31 }",
        'uncertainties = {}\nabsolute_uncertainties = { "a b" = 3.0 }',
        "absolute_uncertainties must be a table of names of letters, digits and underscores, found 'a b'",
    ),
    "flux of an unknown component": (
        'source = "solar_8b"',
        'source = "solar_8b"\nflux = { hep = 8e3 }',
        "unknown key 'channels[0].flux.hep', expected one of 8b",
    ),
    "flux of zero": (
        'source = "solar_8b"',
        'source = "solar_8b"\nflux = { 8b = 0 }',
        "channels[0].flux.8b must be a positive number, found 0",
    ),
    "unknown form factor": (
        'target = "xenon"',
        'target = "xenon"\nform_factor = "box"',
        "channels[0].form_factor must be one of klein_nystrand, helm, found 'box'",
    ),
    "form factor of electrons": (
        'target = "xenon"',
        'target = "xenon_electrons"\nform_factor = "helm"',
        "channels[0].form_factor must be left out: target 'xenon_electrons' is of electrons, found 'helm'",
    ),
    "unknown key in a run": (
        'name = "us2"',
        'name = "us2"\nlivetime = 1',
        "unknown key 'channels[0].runs[0].livetime'",
    ),
    "unknown key in an axis": ('name = "N_e"', 'name = "N_e"\nbins = 8', "unknown key 'channels[0].axes[0].bins'"),
    "unknown key in normalisation": (
        "events = 48.8",
        "events = 48.8\nerror = 1",
        "unknown key 'channels[0].normalisation.error'",
    ),
    "unknown key in response": (
        "[channels.response]",
        '[channels.response]\nsmearing = "none"',
        "unknown key 'channels[0].response.smearing'",
    ),
    "unknown key in a signal": (
        "[channels.signals.cevns]",
        "[channels.signals.cevns]\ncolour = 1",
        "unknown key 'channels[0].signals.cevns.colour'",
    ),
    "unknown key in a background": (
        "[channels.backgrounds.cathode]",
        "[channels.backgrounds.cathode]\nrate = 1",
        "unknown key 'channels[0].backgrounds.cathode.rate'",
    ),
    "missing title": ('title = "PandaX-4T US2"\n', "", "key 'title' is missing"),
    "missing exposure": ("exposure_t_yr = 1.04\n", "", "key 'channels[0].runs[0].exposure_t_yr' is missing"),
    "exposure without years": (
        "exposure_t_yr = 1.04\n",
        "exposure_t = 1.04\n",
        "channels[0].runs[0].exposure_t: a source of this kind has exposure_t_yr in its place",
    ),
    "missing source": ('source = "solar_8b"\n', "", "key 'channels[0].source' is missing"),
    "unknown source": (
        'source = "solar_8b"',
        'source = "moon"',
        "channels[0].source must be one of reactor, sns, solar, solar_8b,",
    ),
    "unknown target": (
        'target = "xenon"',
        'target = "neon"',
        "channels[0].target must be one of argon, csi, csi_electrons,",
    ),
    "source of its own that is not there": (
        'source = "solar_8b"',
        'source = "./moon.toml"',
        "moon.toml: no such file",
    ),
    "source outside the folder": (
        'source = "solar_8b"',
        'source = "../moon.toml"',
        "source '../moon.toml' lies outside this folder, expected one inside it",
    ),
    "missing uncertainties": (
        "uncertainties = { flux_8b = 0.12, pandax4t_signal = 0.22 }\n",
        "",
        "key 'channels[0].signals.cevns.uncertainties' is missing",
    ),
    "title is a number": ('title = "PandaX-4T US2"', "title = 4", "title must be a text, found 4"),
    "name with a space": (
        'name = "mine"\n',
        'name = "panda x"\n',
        "name must be a name of letters, digits and underscores, found 'panda x'",
    ),
    "channel with a dash": (
        '[[channels]]\nname = "pandax4t_us2"',
        '[[channels]]\nname = "us-2"',
        "channels[0].name must be a name of letters, digits and underscores, found 'us-2'",
    ),
    "reference is a number": (
        'references = [\n  "arXiv:2407.10892, Phys. Rev. Lett. 133 (2024) 191001",',
        'references = [\n  1, "arXiv:2407.10892, Phys. Rev. Lett. 133 (2024) 191001",',
        "references must be a list of texts, found [1, ",
    ),
    "data set is no list": (
        'data_sets = ["pandax4t_run0_us2", "pandax4t_run1_us2"]',
        'data_sets = "us2"',
        "data_sets must be a list of texts, found 'us2'",
    ),
    "no axis": (
        '[[channels.axes]]\nname = "N_e"\nunit = "electrons"\nedges = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]',
        "",
        "key 'channels[0].axes' is missing",
    ),
    "three axes": (
        "[[channels.axes]]",
        (
            '[[channels.axes]]\nname = "x"\nunit = "1"\nedges = [0, 1]\n\n'
            '[[channels.axes]]\nname = "y"\nunit = "1"\nedges = [0, 1]\n\n[[channels.axes]]'
        ),
        "channels[0].axes must be one or two blocks, found ['3 blocks']",
    ),
    "exposure is negative": (
        "exposure_t_yr = 1.04",
        "exposure_t_yr = -1.04",
        "channels[0].runs[0].exposure_t_yr must be a positive number, found -1.04",
    ),
    "exposure is zero": ("exposure_t_yr = 1.04", "exposure_t_yr = 0", "must be a positive number, found 0"),
    "exposure is infinite": ("exposure_t_yr = 1.04", "exposure_t_yr = inf", "must be a positive number, found inf"),
    "exposure is NaN": ("exposure_t_yr = 1.04", "exposure_t_yr = nan", "must be a positive number, found nan"),
    "exposure is a text": ("exposure_t_yr = 1.04", 'exposure_t_yr = "1"', "must be a positive number, found '1'"),
    "exposure is a truth": ("exposure_t_yr = 1.04", "exposure_t_yr = true", "must be a positive number, found True"),
    "decreasing edges": (
        "edges = [4.0, 4.5, 5.0,",
        "edges = [4.0, 5.0, 4.5,",
        "channels[0].axes[0].edges must be a list of at least two increasing numbers, found [4.0, 5.0, 4.5",
    ),
    "no bins": (
        "edges = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]",
        "edges = [4.0]",
        "channels[0].axes[0].edges must be a list of at least two increasing numbers, found [4.0]",
    ),
    "edge is NaN": ("7.5, 8.0]", "7.5, nan]", "edges must be a list of at least two increasing numbers"),
    "edge is infinite": ("7.5, 8.0]", "7.5, inf]", "edges must be a list of at least two increasing numbers"),
    "edge is a text": ("7.5, 8.0]", '7.5, "8"]', "edges must be a list of at least two increasing numbers"),
    "edges of another run": (
        "edges = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]",
        "edges = { run0 = [4.0, 5.0] }",
        "unknown key 'channels[0].axes[0].edges.run0', expected one of us2",
    ),
    "one bin less than the tables": ("7.5, 8.0]", "7.5]", "unknown column 'bin7'"),
    "one bin more than the tables": ("7.5, 8.0]", "7.5, 8.0, 8.5]", "response.csv:6: column 'bin8' is missing"),
    "unknown kind of response": (
        'kind = "matrix"',
        'kind = "migration"',
        "channels[0].response.kind must be one of matrix, gaussian, charge_yield, found 'migration'",
    ),
    "charge yield without a matrix": (
        'kind = "matrix"\ntables = "response.csv"',
        'kind = "charge_yield"\ncharge_yield = "charge_yield.csv"',
        "key 'channels[0].response.tables' is missing",
    ),
    "Gaussian in electrons": (
        'kind = "matrix"\ntables = "response.csv"',
        'kind = "gaussian"\nefficiency = "response.csv"',
        "response.kind must be another one: 'gaussian' needs one axis in keV, keVnr, found 'gaussian'",
    ),
    "response for another run": (
        'tables = "response.csv"',
        'tables = { run0 = "response.csv" }',
        "unknown key 'channels[0].response.tables.run0', expected one of us2",
    ),
    "response for one run more": (
        'tables = "response.csv"',
        'tables = { us2 = "response.csv", us3 = "response.csv" }',
        "unknown key 'channels[0].response.tables.us3'",
    ),
    "variation of what has a size": (
        'tables = "response.csv"\n',
        (
            'tables = "response.csv"\n[channels.response.variations]\n'
            'flux_8b = { up = "response.csv", down = "response.csv" }\n'
        ),
        "channels[0].response.variations.flux_8b must be another name: the signal has a size of it, found 'flux_8b'",
    ),
    "variation with one side": (
        'tables = "response.csv"\n',
        'tables = "response.csv"\n[channels.response.variations]\nshape = { up = "response.csv" }\n',
        "key 'channels[0].response.variations.shape.down' is missing",
    ),
    "timing with one axis": (
        'source = "solar_8b"',
        'timing = "t.csv"\nsource = "solar_8b"',
        "channels[0].timing must be left out where there is one axis (the second one is the time), found 't.csv'",
    ),
    "table is missing": ('observed = "observed.csv"', 'observed = "obs.csv"', "obs.csv: no such file"),
    "table is a folder": ('observed = "observed.csv"', 'observed = "."', "cannot be read (Is a directory)"),
    "table outside the folder": (
        'observed = "observed.csv"',
        'observed = "../observed.csv"',
        "table '../observed.csv' lies outside this folder, expected one inside it",
    ),
    "table at the root": (
        'observed = "observed.csv"',
        'observed = "/dev/zero"',
        "table '/dev/zero' lies outside this folder, expected one inside it",
    ),
    "NUL in a table's name": (
        'observed = "observed.csv"',
        'observed = "o\\u0000.csv"',
        r"o\x00.csv: no such file",
    ),
    "normalisation is zero": (
        "events = 48.8",
        "events = 0.0",
        "channels[0].normalisation.events must be a positive number, found 0.0",
    ),
    "negative uncertainty": (
        "flux_8b = 0.12",
        "flux_8b = -0.12",
        "channels[0].signals.cevns.uncertainties.flux_8b must be a positive number, found -0.12",
    ),
    "percent": (
        "flux_8b = 0.12",
        "flux_8b = 12",
        (
            "channels[0].signals.cevns.uncertainties.flux_8b must be a relative size of at most 2 "
            "(percent? 12 % are written 0.12), found 12"
        ),
    ),
    "percent of a background": (
        "pandax4t_cathode = 0.31",
        "pandax4t_cathode = 31",
        (
            "channels[0].backgrounds.cathode.uncertainties.pandax4t_cathode must be a relative size of at most 2 "
            "(percent? 12 % are written 0.12), found 31"
        ),
    ),
    "names that differ by case": (
        "pandax4t_cathode = 0.31",
        "Flux_8b = 0.12",
        "pandax4t_us2.cathode: 'Flux_8b' differs by case alone from 'flux_8b' (",
    ),
    "two sizes of one parameter": (
        "pandax4t_cathode = 0.31",
        "flux_8b = 0.31",
        "pandax4t_us2.cathode: 'flux_8b' is one shared parameter with two sizes, 0.31 here and 0.12 (",
    ),
    "uncertainty with a dash": (
        "pandax4t_signal = 0.22",
        "pandax4t-signal = 0.22",
        (
            "channels[0].signals.cevns.uncertainties must be a table of names of letters, digits and underscores, "
            "found 'pandax4t-signal'"
        ),
    ),
    "unknown component": (
        "[channels.signals.cevns]",
        '[channels.signals.cevns]\ncomponents = ["pp"]',
        "channels[0].signals.cevns.components must be a list of components of source 'solar_8b': 8b, found ['pp']",
    ),
    "two samples of one component": (
        "[channels.signals.cevns]",
        (
            '[channels.signals.more]\ncomponents = ["8b"]\nuncertainties = {}\n\n'
            '[channels.signals.cevns]\ncomponents = ["8b"]'
        ),
        "channels[0].signals must be samples without a component in common, such as '8b', found ['more', 'cevns']",
    ),
    "several samples without components": (
        "[channels.signals.cevns]",
        "[channels.signals.more]\nuncertainties = {}\n\n[channels.signals.cevns]",
        "key 'channels[0].signals.more.components' is missing",
    ),
    "background is a number": (
        "[channels.backgrounds.cathode]\nuncertainties = { pandax4t_cathode = 0.31 }",
        "[channels.backgrounds]\ncathode = 0.31",
        "channels[0].backgrounds.cathode must be a table, found 0.31",
    ),
    "negative background uncertainty": (
        "pandax4t_cathode = 0.31",
        "pandax4t_cathode = -0.31",
        "channels[0].backgrounds.cathode.uncertainties.pandax4t_cathode must be a positive number, found -0.31",
    ),
    "free is a number": (
        "[channels.backgrounds.cathode]",
        "[channels.backgrounds.cathode]\nfree = 1",
        "channels[0].backgrounds.cathode.free must be true or false, found 1",
    ),
    "background without an uncertainty": (
        "[channels.backgrounds.cathode]\nuncertainties = { pandax4t_cathode = 0.31 }",
        "[channels.backgrounds.cathode]",
        "key 'channels[0].backgrounds.cathode.uncertainties' is missing",
    ),
    "background left out": (
        "[channels.backgrounds.cathode]\nuncertainties = { pandax4t_cathode = 0.31 }\n",
        "",
        "backgrounds.csv:6: unknown column 'cathode', expected bin, micro_discharge",
    ),
    "background that is not in the table": (
        "[channels.backgrounds.cathode]",
        "[channels.backgrounds.neutron]\nfree = true\n\n[channels.backgrounds.cathode]",
        "backgrounds.csv:6: column 'neutron' is missing",
    ),
    "background with the signal's name": (
        "[channels.backgrounds.cathode]",
        "[channels.backgrounds.cevns]",
        "channels[0].backgrounds.cevns must be another name: it is the signal's, found 'cevns'",
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
    "limits with an unknown law": (
        "[[channels]]",
        '[limits]\nlaw = "square"\nreason = "none"\n\n[[channels]]',
        "limits.law must be one of normsys, linear, found 'square'",
    ),
}

#: The table, what stands in it, what stands there instead, the message.
TABLE_MISTAKES = {
    "too many counts": ("observed.csv", "\n2,29\n", "\n2,1e300\n", "observed is 1e+300, expected at most 1e+15"),
    "too much background": ("backgrounds.csv", ",8.33006,", ",1e308,", "cathode is 1e+308, expected at most 1e+15"),
    "negative count": (
        "observed.csv",
        "\n2,29\n",
        "\n2,-29\n",
        ":9: observed is -29, expected a number >= 0",
    ),
    "fractional count": (
        "observed.csv",
        "\n2,29\n",
        "\n2,29.5\n",
        ":9: observed is 29.5, expected a whole number",
    ),
    "NaN count": ("observed.csv", "\n2,29\n", "\n2,nan\n", ":9: observed is 'nan', expected a finite number"),
    "bin left out": ("observed.csv", "\n2,29\n", "\n", "column 'bin' must count 0 to 7, one row for each bin"),
    "bins out of order": ("observed.csv", "\n1,44\n2,29\n", "\n2,29\n1,44\n", ":8: bin is 2, expected 0 to 7 in order"),
    "no status": ("observed.csv", "# status: measured\n", "", "header line '# status: ...' is missing"),
    "unknown status": ("observed.csv", "status: measured", "status: seen", "status 'seen' is unknown, expected one of"),
    "negative background": (
        "backgrounds.csv",
        "\n2,10.0243,24.4569\n",
        "\n2,-10.0243,24.4569\n",
        "backgrounds.csv:9: cathode is -10.0243, expected a number >= 0",
    ),
    "NaN background": (
        "backgrounds.csv",
        "\n2,10.0243,24.4569\n",
        "\n2,nan,24.4569\n",
        ": cathode is 'nan', expected a finite number",
    ),
    "negative probability": (
        "response.csv",
        "\n0.25,0,0,0,",
        "\n0.25,0,-1e-9,0,",
        "response.csv:7: bin1 is -1e-09, expected a probability, from 0 to 1",
    ),
    "probability above one": (
        "response.csv",
        "\n0.25,0,0,0,",
        "\n0.25,0.6,0.6,0,",
        "response.csv:7: probabilities of the bins sum to 1.2, expected at most 1",
    ),
    "recoil energies out of order": (
        "response.csv",
        "\n0.25,0,0,0,",
        "\n0.35,0,0,0,",
        "response.csv:8: recoil_energy_keV is 0.3, expected more than in the row above",
    ),
    "energies in GeV": (
        "response.csv",
        "recoil_energy_keV: keV",
        "recoil_energy_keV: GeV",
        "the unit of recoil_energy_keV is 'GeV', expected one of: keV, keVnr",
    ),
    "energies of electrons that give as much light": (
        "response.csv",
        "recoil_energy_keV: keV",
        "recoil_energy_keV: keVee",
        "the unit of recoil_energy_keV is 'keVee', expected one of: keV, keVnr",
    ),
    "energies in GeV, in other words": (
        "response.csv",
        "recoil_energy_keV: keV",
        "energy: GeV",
        "the unit of recoil_energy_keV is 'GeV', expected one of: keV, keVnr",
    ),
    "probabilities in percent": (
        "response.csv",
        "bins: probability",
        "bins: percent",
        "the unit of bin0 is 'percent', expected one of: probability, 1, fraction",
    ),
    "counts in another unit": (
        "observed.csv",
        "# unit: events",
        "# unit: keV",
        "the unit of observed is 'keV', expected one of: events, counts, 1",
    ),
    "backgrounds of a tonne and year": (
        "backgrounds.csv",
        "# unit: events",
        "# unit: events/(t yr)",
        "the unit of cathode is 'events/(t yr)', expected one of: events, counts, 1",
    ),
    "background in percent": (
        "backgrounds.csv",
        "# unit: events",
        "# unit: bin: 1; cathode: %",
        "the unit of cathode is '%', expected one of: events, counts, 1",
    ),
    "recoil energy zero": (
        "response.csv",
        "\n0.25,0,0,0,",
        "\n0,0,0,0,",
        "response.csv:7: recoil_energy_keV is 0, expected a number > 0 in the first row",
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
        "unknown key 'channels[0].response.fano', expected one of kind, tables, charge_yield, gain, ",
    ),
    "no gain": ("pandax4t", TOML, "gain = 1.0\n", "", "key 'channels[0].response.gain' is missing (variant"),
    "negative gain": ("pandax4t", TOML, "gain = 1.0", "gain = -1", "gain must be a positive number, found -1"),
    "no efficiency": (
        "pandax4t",
        TOML,
        "efficiency = 0.307\n",
        "",
        "key 'channels[0].response.efficiency_tables' is missing",
    ),
    "wrong kind": (
        "pandax4t",
        TOML,
        'kind = "charge_yield"',
        'kind = "light_yield"',
        "channels[0].response.kind must be one of matrix, gaussian, charge_yield, found 'light_yield'",
    ),
    "efficiency above one": (
        "pandax4t",
        TOML,
        "efficiency = 0.307",
        "efficiency = 1.5",
        "channels[0].response.efficiency must be a number above 0 and at most 1, found 1.5",
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
    "observable not increasing between two rows": (
        "pandax4t",
        "charge_yield.csv",
        "\n0.3,3.71235\n",
        "\n0.3,2.58\n",
        "charge_yield.csv:8: charge_yield is 2.58, expected electrons, T Q_y(T), that grow all the way from",
    ),
    "unit of the yield": (
        "pandax4t",
        "charge_yield.csv",
        "charge_yield: electrons/keV",
        "charge_yield: PE/keV",
        "the unit of charge_yield is 'PE/keV', expected one of: electrons/keV",
    ),
    "number of edges": (
        "xenonnt",
        TOML,
        "bin_edges = { sr0 = [120.0, 170.16177,",
        "bin_edges = { sr0 = [120.0,",
        "channels[0].response.bin_edges must be lists of 4 edges",
    ),
    "edges of one run": (
        "xenonnt",
        TOML,
        "bin_edges = { sr0 = [120.0, 170.16177, 249.88974, 500.0], sr1",
        "bin_edges = { sr1",
        "key 'channels[0].response.bin_edges.sr0' is missing",
    ),
    "another name": (
        "pandax4t",
        TOML,
        "[variants.charge_yield]",
        '[variants.charge_yield]\nname = "mine"',
        "variants.charge_yield.name: a variant cannot change this key",
    ),
    "another channel": (
        "pandax4t",
        TOML,
        '[[variants.charge_yield.channels]]\nname = "pandax4t_us2"',
        '[[variants.charge_yield.channels]]\nname = "us3"',
        "variants.charge_yield.channels[0].name must be one of pandax4t_us2, found 'us3'",
    ),
    "takes away what is not there": (
        "pandax4t",
        TOML,
        "[variants.charge_yield]",
        "[variants.charge_yield]\nlicense = false",
        "unknown key 'variants.charge_yield.license'; did you mean 'licence'?",
    ),
}


def test_a_flux_and_a_form_factor_of_the_channels_own(tmp_path: Path) -> None:
    own = 'source = "solar_8b"\nflux = { 8b = 2.73e6 }\nform_factor = "helm"'
    folder = copy_with(tmp_path, "pandax4t", TOML, 'source = "solar_8b"', own)
    (usual,), (changed,) = load_experiment("pandax4t").channels, load_experiment(str(folder)).channels
    assert changed.source.total == pytest.approx(2.73e6, rel=1e-12)
    assert "flux of component 8b set to 2.73e+06 by the experiment" in changed.source.components[0].references
    assert (usual.target.form_factor, changed.target.form_factor) == ("klein_nystrand", "helm")
    T = np.array([0.5, 1.0, 2.0])
    before, after = (rate(c.source, c.target, STANDARD_MODEL, T)[0, 0, 0] for c in (usual, changed))
    klein_nystrand, helm = (form_factor(c.target, T * 1e-3)[4] ** 2 for c in (usual, changed))
    np.testing.assert_allclose(after / before, 0.5 * helm / klein_nystrand, rtol=5e-4)
    assert (helm != klein_nystrand).all()


@pytest.mark.parametrize(("old", "new", "message"), DESCRIPTION_MISTAKES.values(), ids=DESCRIPTION_MISTAKES)
def test_mistakes_in_the_description(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = copy_with(tmp_path, "pandax4t", TOML, old, new)
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_experiment(str(folder))
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize(("file", "old", "new", "message"), TABLE_MISTAKES.values(), ids=TABLE_MISTAKES)
def test_mistakes_in_the_tables(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    folder = copy_with(tmp_path, "pandax4t", file, old, new)
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_experiment(str(folder))
    assert str(caught.value).startswith(str(folder / file))


@pytest.mark.parametrize(("name", "file", "old", "new", "message"), VARIANT_MISTAKES.values(), ids=VARIANT_MISTAKES)
def test_mistakes_in_a_variant(
    tmp_path: Path,
    name: str,
    file: str,
    old: str,
    new: str,
    message: str,
) -> None:
    folder = copy_with(tmp_path, name, file, old, new)
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_experiment(str(folder), "charge_yield")
    assert str(caught.value).startswith(str(folder / file))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "edges = { sr0 = [90.0, 170.16177, 249.88974, 500.0]",
            "edges = { sr0 = [90.0, 170.16177, 500.0]",
            "channels[0].axes[0].edges must be lists with the same number of bins, found [2, 3]",
        ),
        (
            '[[channels.runs]]\nname = "sr1"',
            '[[channels.runs]]\nname = "sr0"',
            "channels[0].runs must be blocks with different names, found ['sr0', 'sr0']",
        ),
    ],
)
def test_runs_that_do_not_fit_together(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = copy_with(tmp_path, "xenonnt", TOML, old, new)
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        load_experiment(str(folder))


def test_no_runs(tmp_path: Path) -> None:
    run = '[[channels.runs]]\nname = "us2"\nexposure_t_yr = 1.04\n'
    folder = copy_with(tmp_path, "pandax4t", TOML, run, "")
    with pytest.raises(SpecBuilderError, match=re.escape("key 'channels[0].runs' is missing")):
        load_experiment(str(folder))
    folder = copy_with(tmp_path / "again", "pandax4t", TOML, run, "[channels.runs]\n")
    with pytest.raises(SpecBuilderError, match=re.escape("runs must be at least one [[channels[0].runs]] block")):
        load_experiment(str(folder))


def test_links_that_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = copy_with(tmp_path, "pandax4t", TOML, 'observed = "observed.csv"', 'observed = "link.csv"')
    (tmp_path / "secret.csv").write_text("# password = x\n", encoding="utf-8")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SpecBuilderError, match=r"table 'link\.csv' lies outside this folder"):
        load_experiment(str(folder))
    (folder / "link.csv").unlink()
    (folder / "link.csv").symlink_to("observed.csv")
    assert load_experiment(str(folder)).channels[0].observed[0] == 73


def test_unknown_variant() -> None:
    message = "variant 'no_such' of xenonnt is unknown, expected one of: absolute_normalisation, charge_yield"
    with pytest.raises(SpecBuilderError, match=message):
        load_experiment("xenonnt", "no_such")


def test_variant_of_an_experiment_without_any(tmp_path: Path) -> None:
    folder = copy_of("xenonnt", tmp_path / "mine")
    text = (folder / TOML).read_text(encoding="utf-8")
    (folder / TOML).write_text(text[: text.index("[variants")], encoding="utf-8")
    with pytest.raises(SpecBuilderError, match="variant 'charge_yield' of mine is unknown, expected one of: none"):
        load_experiment(str(folder), "charge_yield")


def test_an_absolute_uncertainty_of_next_to_nothing(tmp_path: Path) -> None:
    folder = copy_of("texono", tmp_path / "mine")
    table = folder / "backgrounds.csv"
    table.write_text(re.sub(r"(?m)^0,.*$", "0,51e-320", table.read_text("utf-8")), "utf-8")
    with pytest.raises(
        SpecBuilderError, match=r"absolute_uncertainties must be sizes that compare with its 5\.09999e-319"
    ):
        load_experiment(str(folder))


def test_an_absolute_uncertainty_is_enough(tmp_path: Path) -> None:
    folder = copy_of("texono", tmp_path / "mine")
    text = (folder / TOML).read_text("utf-8").replace("uncertainties = {}\nabsolute", "absolute")
    (folder / TOML).write_text(text, "utf-8")
    jsonschema.validate(tomllib.loads(text), json.loads(data_path("experiment.schema.json").read_text("utf-8")))
    (background,) = load_experiment(str(folder)).channels[0].backgrounds
    assert (background.uncertainties, background.absolute_uncertainties) == ({}, {"texono_systematic": 61.0})


@pytest.mark.parametrize("name", ["xenonnt", "pandax4t", "combined", "eves"])
def test_a_name_that_is_shipped_is_refused(tmp_path: Path, name: str) -> None:
    folder = copy_of("pandax4t", tmp_path / "mine", called=name)
    with pytest.raises(SpecBuilderError) as caught:
        load_experiment(str(folder))
    assert str(caught.value) == (
        f"{folder / TOML}: name '{name}' is that of a shipped experiment or analysis, give it another"
    )


def test_the_shipped_folder_itself_may_be_named_by_its_path() -> None:
    assert load_experiment(str(data_path("experiments", "pandax4t"))).name == "pandax4t"


#: One slip of the finger each in the PandaX-4T description, and the key that was meant.
SLIPS = {
    "tilte": "title",
    "refrences": "references",
    "channel": "channels",
    "sourse": "source",
    "tagret": "target",
    "observd": "observed",
    "backgroundtable": "background_table",
    "exposure_tyr": "exposure_t_yr",
    "egdes": "edges",
    "uncertainity": "uncertainties",
    "tabels": "tables",
    "evnts": "events",
}


@pytest.mark.parametrize(("slip", "meant"), SLIPS.items())
def test_a_misspelt_key_is_told_with_the_one_that_was_meant(tmp_path: Path, slip: str, meant: str) -> None:
    folder = copy_of("pandax4t", tmp_path / "mine")
    text = (folder / TOML).read_text("utf-8")
    (folder / TOML).write_text(re.sub(rf"(?<=[\n {{[.]){meant}(?= =|\]|\.)", slip, text), "utf-8")
    with pytest.raises(SpecBuilderError) as caught:
        load_experiment(str(folder))
    assert re.fullmatch(
        rf"{re.escape(str(folder / TOML))}: unknown key '([\w.\[\]]+\.)?{slip}'; did you mean '{meant}'\?.*",
        str(caught.value),
    )


def test_texts_of_several_lines_are_one_and_steer_nothing(tmp_path: Path) -> None:
    folder = copy_with(tmp_path, "pandax4t", TOML, 'title = "PandaX-4T US2"', 'title = """two\nlines\\u001b[2J"""')
    assert load_experiment(folder).title == r"two lines\x1b[2J"


def test_a_table_that_is_named_again_and_again_is_read_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spec_builder.experiments.tables._MOST_NUMBERS", 100)
    with pytest.raises(SpecBuilderError, match="my_pandax4t: more than 100 numbers in its tables, which none has"):
        load_experiment(copy_of("pandax4t", tmp_path / "my_pandax4t"))
