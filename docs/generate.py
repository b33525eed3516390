"""Pages that are made from the package: the tables behind the numbers, and what was checked against what."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf

from spec_builder.base.files import data_path
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.figures.explorer import write_explorer
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import ANALYSES, PARAMETERS, load_analysis
from spec_builder.model.signal import SignalKernel, signal_kernel
from spec_builder.paper.summary import published_results
from spec_builder.physics import constants
from spec_builder.physics.interactions import choose
from spec_builder.physics.mediators import coupling_table
from spec_builder.physics.rates import rate as recoil_rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target
from spec_builder.studies.explorer import explore
from spec_builder.studies.fits import fit_analysis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spec_builder.experiments.description import Channel, Experiment

ROOT = Path(__file__).parent.parent


def write_pages(folder: Path) -> None:
    """Write ``data.md`` and ``validation.md``."""
    folder.mkdir(exist_ok=True)
    (folder / "data.md").write_text("\n".join(data_page()) + "\n", encoding="utf-8")
    (folder / "validation.md").write_text("\n".join(validation_page()) + "\n", encoding="utf-8")


def write_explorer_page(folder: Path) -> None:
    """Write a small ``explorer.html``."""
    folder.mkdir(exist_ok=True)
    choices = [choose("vector_universal"), choose("scalar")]
    content = explore(ANALYSES[::-1], choices, laws=["normsys"], levels=[0.6827, 0.9, 0.95])
    write_explorer(content, folder / "explorer.html", force=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


def numbers(values: Iterable[float]) -> str:
    """Numbers of a row."""
    return " ".join(f"{value:.4g}" for value in values)


# ---------------------------------------------------------------------------------------------------------- data


def data_page() -> Iterator[str]:
    """Every number with its source and status."""
    yield "# Data\n"
    yield "Made from the tables when this page was built. Each table carries its own source, status and unit, in"
    yield "`data/` of a checkout and inside the installed package; `spec-builder experiments NAME` prints an"
    yield "experiment's.\n"
    yield from table(
        ["status", "meaning"],
        [
            ["measured", "released by the collaboration"],
            ["published", "a number in a paper"],
            ["computed", "calculated by this project, from what the source names"],
            ["reconstructed", "stands in for numbers that are not public"],
            ["recalled", "not confirmed against its source"],
        ],
    )
    for name in shipped_experiments():
        yield from _experiment(load_experiment(name))
    yield "## Constants\n"
    text = Path(constants.__file__).read_text(encoding="utf-8")
    rows = re.findall(r"((?:#: .*\n)+)((?:[A-Z_0-9]+: Final = .*\n)+)", text)
    cells = []
    for comment, assignments in rows:
        source = " ".join(line.removeprefix("#: ") for line in comment.splitlines())
        names = re.findall(r"^([A-Z_0-9]+): Final", assignments, flags=re.MULTILINE)
        cells += [[f"`{name}`", f"{getattr(constants, name):.10g}", source] for name in names]
    yield from table(["name", "value", "meaning, unit and source"], cells)
    yield "## Scalar coupling sets\n"
    yield "Quark-mass fractions f_Tq of proton and neutron and quark masses [MeV] behind Eq. (9), `--coupling-set`.\n"
    sets = coupling_table()
    columns = list(sets.columns)
    rows_of_sets = [
        [
            sets.labels["set"][i],
            *(f"{sets[name][i]:g}" for name in columns),
            sets.labels["status"][i],
            sets.labels["reference"][i],
        ]
        for i in range(len(sets.labels["set"]))
    ]
    yield from table(["set", *columns, "status", "reference"], rows_of_sets)
    yield "## All tables\n"
    bounds = data_path("comparison", "bounds")
    for path in sorted(data_path().rglob("*.csv")):
        if bounds not in path.parents:
            yield from _described(path)
    yield "### Existing bounds, `comparison/bounds/`\n"
    headers = [(path, _header(path)) for path in sorted(bounds.glob("*/*.csv"))]
    yield from table(
        ["interaction", "bound", "status", "source", "how"],
        [[f"`{path.parent.name}`", h["title"], h["status"], h["source"], h.get("recast", "")] for path, h in headers],
    )


def _experiment(e: Experiment) -> Iterator[str]:
    yield f"## {e.title}\n"
    yield f"{'; '.join(e.references)}.\n"
    if e.by_construction:
        yield f"By construction: {'; '.join(e.by_construction)}.\n"
    for channel in e.channels:
        yield from _channel(channel)
    yield from table(["table", "status", "source"], [[key, s, e.sources[key]] for key, s in e.statuses.items()])
    yield from table(["variant", "what it changes"], [[f"`{key}`", text] for key, text in e.variants.items()])


def _channel(channel: Channel) -> Iterator[str]:
    observables = ", ".join(f"{axis.name} [{axis.unit}]" for axis in channel.axes)
    yield f"Channel `{channel.name}`, observable {observables}.\n"
    rows = [["observed events", numbers(channel.observed), f"{channel.observed.sum():.0f}"]]
    for name, events in signal_kernel(channel).samples().items():
        rows.append([f"`{name}`, Standard Model", numbers(events), f"{events.sum():.4g}"])
    rows += [[f"`{b.name}`", numbers(b.expected), f"{b.expected.sum():.4g}"] for b in channel.backgrounds]
    yield from table(["events per bin", "values", "sum"], rows)
    cells = [
        [f"`{sample.name}`", f"`{parameter}`", f"{100 * size:.3g} %"]
        for sample in channel.samples
        for parameter, size in sample.uncertainties.items()
    ]
    yield from table(["sample", "nuisance parameter", "relative uncertainty"], cells)
    runs = [
        [run.name, f"{run.exposure:g}", "; ".join(numbers(axis.edges[run.name]) for axis in channel.axes)]
        for run in channel.runs
    ]
    yield from table(["run", f"exposure [{channel.exposure_unit}]", "bin edges"], runs)


def _header(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)


def _described(path: Path) -> Iterator[str]:
    lines, header = path.read_text(encoding="utf-8").splitlines(), _header(path)
    rows = sum(1 for line in lines if line and not line.startswith("#")) - 1
    yield f"### `{path.relative_to(data_path())}`\n"
    yield f"{header['title']}. Status **{header['status']}**, {rows} rows.\n"
    yield from table(["", ""], [[key, value] for key, value in header.items() if key not in ("title", "status")])


# ----------------------------------------------------------------------------------------------------- validation


def validation_page() -> Iterator[str]:
    """Ours beside the published, beside independent calculations and beside pyhf."""
    yield "# Validation\n"
    yield "Made by running the package when this page was built.\n"
    yield from _against_the_paper()
    yield from _against_reference_rates()
    yield from _against_pyhf()
    yield "## Predicted events\n"
    yield from _predicted_events()


def _against_the_paper() -> Iterator[str]:
    yield "## Flux and weak mixing angle against the paper\n"
    yield "Law `linear`, as Eq. (17); one standard deviation. The pull is our value less the paper's, in units of the"
    yield "paper's uncertainty on that side; both come from the same data, so it measures the reproduction and is not"
    yield "a statistical test. `*`: agrees by construction in part, see below.\n"
    paper, rows = published_results(), []
    notes: dict[str, None] = {}
    for parameter, name in itertools.product(PARAMETERS, ANALYSES):
        result = fit_analysis(load_analysis(name, "linear"), parameter, cl=ONE_SIGMA)
        value, up, down = paper[name, parameter]
        difference = result.fit.value - value
        digits = 3 if parameter == "sin2thetaw" else 2
        ours = " ".join(
            f"{sign}{size:.{digits}f}" for sign, size in (("+", result.fit.up or 0), ("−", result.fit.down or 0))
        )
        star = " *" if result.provenance.by_construction else ""
        pull = difference / (up if difference > 0 else down)
        rows.append(
            [
                parameter,
                name,
                f"{result.fit.value:.{digits}f} {ours}{star}",
                f"{value:.{digits - 1}f} +{up:.{digits - 1}f} −{down:.{digits - 1}f}",
            ]
        )
        rows[-1].append(f"{pull:+.2f}")
        notes |= dict.fromkeys(f"{name}: {text}" for name, text in result.provenance.by_construction)
    yield from table(["parameter", "analysis", "ours", "paper", "pull"], rows)
    yield from (f"- {note}." for note in notes)
    yield "\nLaw, variants and their effect on each number: [results](../results.md).\n"


def _against_reference_rates() -> Iterator[str]:
    yield "## Recoil spectra against an independent calculation\n"
    yield "The reference was made by other code from the same equations and constants"
    yield "(`tests/physics/reference_rates.json`); it is rounded to six digits.\n"
    reference = json.loads((ROOT / "tests/physics/reference_rates.json").read_text(encoding="utf-8"))
    cases: list[dict[str, Any]] = [
        {"interaction": "sm", "g": 0.0, "m_MeV": 1.0} | reference["standard_model"],
        *reference["interactions"],
    ]
    rows = []
    for case in cases:
        energy = np.array(case["T_keV"])
        choice = choose(case["interaction"])
        masses = np.array([case["m_MeV"]]) if choice.has_mediator else None
        polynomial = recoil_rate(load_source("solar_8b"), load_target("xenon"), choice, energy, masses)[0, :, 0]
        # the reference holds scalar, axial and tensor without the Standard Model
        together = case["interaction"] in ("sm", "vector_universal", "vector_bl")
        rate = np.array([float(together), case["g"] ** 2, case["g"] ** 4]) @ polynomial
        near = energy <= 2.5
        worst = float(np.max(np.abs(rate / np.array(case["dRdT"]) - 1)[near]))
        point = "" if case["interaction"] == "sm" else f"{case['m_MeV']:g} MeV, g = {case['g']:g}"
        rows.append([f"`{case['interaction']}`", point, f"{worst:.0e}"])
    yield from table(["interaction", "point", "largest relative difference up to 2.5 keV"], rows)


def _against_pyhf() -> Iterator[str]:
    yield "## Likelihood against pyhf\n"
    yield "2NLL at 200 random parameter points of each workspace (nuisance parameters normal, `mu_8b` between 0.2 and"
    yield "3), the same numbers through `pyhf.Model.logpdf`.\n"
    rows = []
    rng = np.random.default_rng(12)
    for law, name in itertools.product(LAWS, ANALYSES):
        content = load_analysis(name, law).workspace
        workspace = pyhf.Workspace(content)
        model, likelihood = workspace.model(measurement_name="b8_flux"), Likelihood.from_workspace(content, "b8_flux")
        data = workspace.data(model)
        theta = rng.normal(size=(200, len(likelihood.parameters)))
        theta[:, likelihood.index("mu_8b")] = rng.uniform(0.2, 3, 200)
        order = [likelihood.index(parameter) for parameter in model.config.par_order]
        ours = likelihood.twice_nll(theta)
        usable = np.isfinite(ours)
        theirs = np.array([-2 * float(model.logpdf(point[order].tolist(), data)[0]) for point in theta[usable]])
        rows.append([name, law, str(int(usable.sum())), f"{np.max(np.abs(ours[usable] - theirs)):.0e}"])
    yield from table(["analysis", "law", "points with positive rates", "largest difference in 2NLL"], rows)


def _kernel(name: str, variant: str | None = None) -> SignalKernel:
    """Response of an experiment with one channel."""
    return signal_kernel(load_experiment(name, variant).channels[0])


def _predicted_events() -> Iterator[str]:
    alone = _kernel("xenonnt", "absolute_normalisation").standard_model().sum() * 5.25 / 5.46
    default = _kernel("xenonnt").standard_model().sum() * 5.25 / 5.46
    pandax = _kernel("pandax4t").standard_model().sum()
    rows = [
        ["XENONnT, response alone, 5.25e6 cm⁻² s⁻¹", f"{alone:.2f}", "11.9 (arXiv:2408.02877, prediction)"],
        ["XENONnT, default, 5.25e6 cm⁻² s⁻¹", f"{default:.2f}", "10.7 (its best fit), which it is scaled to"],
        [
            "PandaX-4T US2, 5.46e6 cm⁻² s⁻¹",
            f"{pandax:.2f}",
            "48.8 (75 at 8.4e6, arXiv:2407.10892), which it is scaled to",
        ],
    ]
    yield from table(["`cevns` events", "ours", "published"], rows)
