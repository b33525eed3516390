"""Limits of interactions with a mass and without, of signed parameters and of the contact limit."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.response import MatrixResponse, Selection
from spec_builder.inference.compiled import find_library
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.analysis import load_analysis
from spec_builder.model.signal import signal_kernel
from spec_builder.physics.choices import Interaction
from spec_builder.physics.constants import FERMI_CONSTANT
from spec_builder.physics.interactions import choose
from spec_builder.physics.rates import rate
from spec_builder.physics.standard_model import standard_model_terms, weak_charge
from spec_builder.physics.terms import Term
from spec_builder.studies.coverage import cover_couplings
from spec_builder.studies.expected import expect_limits
from spec_builder.studies.limits import find_limits
from spec_builder.studies.limits_by_toys import find_limits_by_toys
from spec_builder.studies.plane import profile_planes
from spec_builder.studies.scans import scan_analysis
from tests.interactions import BL, FREE

if TYPE_CHECKING:
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.targets import Target
    from spec_builder.studies.limits import LimitsResult

needs_library = pytest.mark.skipif(isinstance(find_library(), str), reason="there is no compiled engine")
ENGINES = ["numpy", pytest.param("compiled", marks=needs_library)]


@cache
def analysis_of(name: str) -> Analysis:
    return load_analysis(name)


def xenonnt() -> Analysis:
    return analysis_of("xenonnt")


def profiled(analysis: Analysis, name: str, values: FloatArray) -> FloatArray:
    """2NLL at values of a parameter without a mass, each fitted from the start."""
    problem = analysis.problem(choose(name))
    signal = problem.yields(np.array([np.nan]))
    x = values if choose(name).signed else values**2
    fits = minimise(problem.likelihood, rows=problem.rows(signal, np.zeros(values.size, dtype=np.intp), x))
    assert fits.valid.all()
    return fits.twice_nll


@pytest.mark.parametrize("analysis", ["xenonnt", "pandax4t", "combined"])
@pytest.mark.parametrize(("name", "reach"), [("nsi", 1.5), ("millicharge", 3e-7), ("magnetic_moment", 7e-9)], ids=str)
def test_intervals_are_those_of_a_brute_force_scan(analysis: str, name: str, reach: float) -> None:
    result = find_limits(analysis_of(analysis), name)
    (point,) = result.exclusion.points
    signed = choose(name).signed
    values = np.linspace(-reach if signed else 0.0, reach, 10_001)
    heights = profiled(analysis_of(analysis), name, values)
    assert point.minimum == pytest.approx(heights.min(), abs=2e-4)
    above = heights - point.minimum > threshold(0.9)
    changes = [(a + b) / 2 for (a, b), (p, q) in zip(pairwise(values), pairwise(above), strict=True) if p != q]
    ends = [end for interval in point.excluded for end in interval if end is not None]
    assert ends == pytest.approx(changes, abs=values[1] - values[0])
    assert (point.excluded[0][0] is None) == signed
    assert point.excluded[-1][1] is None
    if name == "magnetic_moment":
        assert len(changes) == 1
    else:  # the Standard Model's neighbourhood, and, apart from it or not, where Q_V has turned its sign
        assert len(changes) == (2 if analysis == "pandax4t" else 4)
        assert changes[0] < 0 < changes[-1]


def test_json_of_a_parameter_without_a_mass() -> None:
    content = json.loads(find_limits(xenonnt(), "nsi").to_json())
    assert content["schema"] == "spec_builder/limits/2"
    assert (content["parameter"], content["unit"], content["signed"]) == ("epsilon", "1", True)
    (point,) = content["points"]
    assert point["mass_MeV"] is None
    assert point["excluded"][0][0] is None
    assert content["minimum"]["mass_MeV"] is None
    assert content["minimum"]["at"] == ("sm" if content["minimum"]["g"] == 0 else "point")
    moment = json.loads(find_limits(xenonnt(), "magnetic_moment").to_json())
    assert (moment["parameter"], moment["unit"], moment["signed"]) == ("mu_nu", "mu_B", False)


def test_csv_of_a_parameter_without_a_mass() -> None:
    result = find_limits(xenonnt(), "nsi")
    columns = result.report().columns
    assert list(columns) == ["epsilon_low", "epsilon_high", "best_epsilon", "delta_chi2_sm", "valid"]
    assert columns["epsilon_low"][0] == -math.inf
    assert columns["epsilon_high"][-1] == math.inf
    assert "against the minimum over epsilon\n" in str(result)
    assert "< -" in str(result)


def test_the_contact_limit_is_the_limit_of_heavy_mediators() -> None:
    result = find_limits(xenonnt(), "vector_universal", np.array([1e6, np.inf]))
    heavy, contact = result.exclusion.points
    for (low, high), (low_c, high_c) in zip(heavy.excluded, contact.excluded, strict=True):
        for end, end_c in ((low, low_c), (high, high_c)):
            assert (end is None) == (end_c is None)
            if end is not None:
                assert end_c == pytest.approx(end / 1e3, rel=1e-4)  # g/m in 1/GeV, of 1000 GeV
    content = json.loads(result.to_json())["points"][1]
    assert content["mass_MeV"] == "inf"
    assert content["g_over_m_per_GeV"] == content["excluded"]
    first = content["excluded"][0][0]
    assert content["C_a"][0][0] == pytest.approx(math.sqrt(2) * (first / 1e3) ** 2 / FERMI_CONSTANT)
    assert "the numbers are g/m [1/GeV]" in str(result)


@pytest.mark.parametrize(("name", "charge_per_nucleon"), [("vector_universal", 3.0), ("vector_bl", -1.0)])
def test_the_coefficient_of_equation_4(name: str, charge_per_nucleon: float) -> None:
    """With G_F/sqrt(2) C_V (nu gamma P_L nu)(N gamma N) beside it, Q_V of Eq. (2) is moved by C_V / 2.

    The Standard Model's part is G_F/sqrt(2) 2 Q_V of the same operator; C_V is C_a times the nucleus' charge.
    """
    result = find_limits(xenonnt(), name, np.array([np.inf]))
    (point,) = json.loads(result.to_json())["points"]
    (kernel,) = xenonnt().kernels
    channel = kernel.channel
    for interval, coefficients in zip(point["excluded"], point["C_a"], strict=True):
        for g_over_m, coefficient in zip(interval, coefficients, strict=True):
            if g_over_m is None:
                assert coefficient is None
                continue
            moved = Interaction(
                "moved",
                "Q_V with C_V beside it",
                partial(with_coefficient, coefficient * charge_per_nucleon),
                has_mediator=False,
                standard_model=False,
            ).choose()
            T = np.linspace(0.5, 3.0, 9)
            direct = rate(channel.source, channel.target, moved, T)[0, 0, 0]
            x = (g_over_m * 1e-3) ** 2
            n0, n1, n2 = rate(channel.source, channel.target, choose(name), T, np.array([np.inf]))[0, :, 0]
            np.testing.assert_allclose(n0 + x * n1 + x**2 * n2, direct, rtol=1e-9)


def with_coefficient(
    per_nucleon: float, target: Target, recoil_energy_MeV: FloatArray, _flavour: str, _options: object
) -> tuple[Term, ...]:
    """The Standard Model's terms with another weak charge."""
    charge = weak_charge(target)
    factor = ((charge + per_nucleon * target.A / 2) / charge) ** 2
    (term,) = standard_model_terms(target, recoil_energy_MeV)
    return (replace(term, coefficients=term.coefficients * factor),)


@pytest.mark.parametrize("dof", [1, 2])
@pytest.mark.parametrize(("file", "text", "tolerance"), [("bl.toml", BL, 1e-8), ("free.py", FREE, 1e-5)])
def test_limits_on_the_same_model_from_a_file(tmp_path: Path, file: str, text: str, tolerance: float, dof: int) -> None:
    (tmp_path / file).write_text(text, "utf-8")
    masses = np.array([0.01, 10.0, 1000.0])
    for analysis in ("pandax4t", "combined"):
        if analysis == "combined" and (file, dof) == ("free.py", 2):
            continue  # it takes long, and is the same code
        mine = find_limits(analysis_of(analysis), tmp_path / file, masses, dof=dof).exclusion
        shipped = find_limits(analysis_of(analysis), "vector_bl", masses, dof=dof).exclusion
        assert mine.minimum.twice_nll == pytest.approx(shipped.minimum.twice_nll, abs=1e-6)
        for one, other in zip(mine.points, shipped.points, strict=True):
            assert len(one.excluded) == len(other.excluded)
            for found, expected in zip(one.excluded, other.excluded, strict=True):
                numbers, known = ([np.nan if end is None else end for end in ends_] for ends_ in (found, expected))
                np.testing.assert_allclose(numbers, known, rtol=tolerance)


def test_one_degree_of_freedom_is_the_default() -> None:
    masses = np.array([1.0, 100.0])
    plain = find_limits(xenonnt(), "axial", masses)
    one, two = (find_limits(xenonnt(), "axial", masses, dof=dof) for dof in (1, 2))
    assert plain.to_dict() == one.to_dict()
    assert ends(two) > ends(one)


def ends(result: LimitsResult) -> list[float]:
    return [point.excluded[-1][0] or 0.0 for point in result.exclusion.points]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nsi", {"masses": np.array([1.0])}, "interaction 'nsi' has no mediator: masses do not apply"),
        ("nsi", {"dof": 2}, "dof 2: interaction 'nsi' has no mass and so no plane, expected 1"),
        ("scalar", {"masses": []}, "masses: the list is empty, expected at least one number"),
        ("scalar", {"masses": np.array([1.0]), "dof": 3}, "dof 3: expected 1 or 2"),
        ("scalar", {"masses": np.array([1e60])}, "mass 1e+60 is beyond floating range"),
        ("scalar", {"masses": np.array([1e40]), "cl": 2.0}, "confidence level 2"),
        ("sm", {}, "interaction 'sm' is the Standard Model, expected one of scalar, "),
        ("lefthanded", {}, "interaction 'lefthanded' is unknown"),
    ],
)
def test_mistakes(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecBuilderError) as error:
        find_limits(xenonnt(), name, **options)
    assert message in str(error.value)
    assert "--" not in str(error.value)


def test_an_interaction_that_changes_nothing_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'vector' changes no yield of this analysis"):
        find_limits(xenonnt(), choose("vector", u=0, d=0), np.array([1.0]))


@pytest.mark.parametrize("signed", [False, True])
def test_an_interference_without_its_square_is_refused(signed: bool) -> None:
    def terms(_scatterers: object, recoil_energy_MeV: FloatArray, _flavour: str) -> list[Term]:
        return [Term(1, 1, (-1e-8 / recoil_energy_MeV, 0.0, 0.0))]  # type: ignore[arg-type]

    model = SimpleNamespace(name="half", title="t", references=["a note"], parameter="k", signed=signed, terms=terms)
    with pytest.raises(SpecBuilderError, match="interaction 'half' makes the signal negative in bin 0 from") as error:
        find_limits(xenonnt(), model, np.array([1.0]))
    symbol, value = ("|k|" if signed else "k"), float(str(error.value).split(" = ")[1].split()[0])
    assert f"from {symbol} = " in str(error.value)
    assert "at a mass of 1 MeV" in str(error.value)
    signal = xenonnt().problem(choose(model)).yields(np.array([1.0]))["cevns"].nominal[:, 0, 0]
    x = value if signed else value**2
    assert signal[0] + signal[1] * x == pytest.approx(0.0, abs=1e-3 * signal[0])
    for study in (find_limits_by_toys, expect_limits):
        with pytest.raises(SpecBuilderError, match="makes the signal negative in bin 0 from"):
            study(xenonnt(), model, np.array([1.0]))
    with pytest.raises(SpecBuilderError, match="makes the signal negative in bin 0 from"):
        cover_couplings(xenonnt(), model, 1.0, [0.0])


def test_destructive_interference_with_its_square_is_not_refused() -> None:
    for name in ("vector_universal", "vector", "vector_bl"):
        find_limits(xenonnt(), name, np.array([0.01, 1000.0, np.inf]))


def without_data(name: str, law: str) -> Analysis:
    """An analysis that has counted nothing and expects no background."""
    analysis = load_analysis(name, law)
    (channel,) = analysis.experiments[0].channels
    nothing = replace(channel, observed=np.zeros_like(channel.observed), backgrounds=())
    return replace(analysis, experiments=(replace(analysis.experiments[0], channels=(nothing,)),))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("law", ["linear", "normsys"])
@pytest.mark.parametrize("name", ["xenonnt", "pandax4t", "coherent_csi"])
def test_without_counts_and_background_limits_are_valid(
    monkeypatch: pytest.MonkeyPatch, engine: str, law: str, name: str
) -> None:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    nothing = without_data(name, law)
    universal = find_limits(nothing, "vector_universal", np.array([0.01, 1.0, 30.0, 1000.0])).exclusion
    assert all(point.valid for point in universal.points)
    for point in universal.points:
        (first, low), (high, last) = point.excluded
        assert (first, last) == (0.0, None)  # an allowed band where the signal vanishes
        assert low is not None
        assert high is not None
        assert low < point.best_g < high
    scalar = find_limits(nothing, "scalar", np.array([1.0, 100.0])).exclusion
    assert all(point.valid for point in scalar.points)
    # a signal that is not there is the best one, but for a law that lets uncertainties take any signal to zero
    if law == "normsys":
        assert scalar.minimum.g == 0.0


@pytest.mark.parametrize("engine", ENGINES)
def test_shapes_that_follow_the_coupling_converge_at_any_signal(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    analysis = load_analysis("coherent_csi", "normsys", variants={"coherent_csi": "response_shapes"})
    found = find_limits(analysis, "scalar", np.array([0.01, 30.0, 1000.0])).exclusion
    assert all(point.valid for point in found.points)


@needs_library
def test_engines_agree_on_the_place_of_minima(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where 2NLL is flat: at large masses, and in masses where a limit is that of a contact interaction."""
    for name, law in (("xenonnt", "linear"), ("coherent_csi", "normsys")):
        for interaction, dof in (("scalar", 1), ("vector_universal", 1), ("vector_universal", 2)):
            found = []
            for engine in ("compiled", "numpy"):
                monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
                axis = np.geomspace(0.01, 1000, 9)
                found.append(find_limits(load_analysis(name, law), interaction, axis, dof=dof).exclusion)
            ours, theirs = found
            assert ours.minimum.mass_MeV == theirs.minimum.mass_MeV
            assert ours.minimum.g == pytest.approx(theirs.minimum.g, rel=1e-6)
            assert ours.minimum.twice_nll == pytest.approx(theirs.minimum.twice_nll, abs=1e-9)
            for mine, other in zip(ours.points, theirs.points, strict=True):
                assert mine.valid
                assert other.valid
                assert mine.best_g == pytest.approx(other.best_g, rel=1e-5)


@needs_library
@pytest.mark.parametrize("law", ["linear", "normsys"])
def test_engines_agree_on_scans_and_planes(monkeypatch: pytest.MonkeyPatch, law: str) -> None:
    scans, planes = [], []
    for engine in ("compiled", "numpy"):
        monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
        analysis = load_analysis("combined", law)
        # up to 1e10 times the Standard Model: beyond 1e11 rounding hides the minimum (docs/limitations.md)
        masses, couplings = np.geomspace(0.01, 1000, 11), np.geomspace(1e-7, 5e-3, 31)
        scan = scan_analysis(analysis, choose("vector_universal"), masses, couplings)
        assert scan is not None
        scans.append(scan.columns)
        (plane,) = profile_planes([(analysis, choose("vector_universal"))], points=13)
        planes.append(plane)
    ours, theirs = scans
    for verdict in ("valid", "reason", "at_bound"):
        np.testing.assert_array_equal(ours[verdict], theirs[verdict])
    height = np.asarray(theirs["twice_nll"])
    np.testing.assert_allclose(ours["twice_nll"], height, rtol=1e-13, atol=1e-9)
    np.testing.assert_array_equal(planes[0].reason, planes[1].reason)
    np.testing.assert_allclose(planes[0].twice_nll, planes[1].twice_nll, rtol=1e-13, atol=1e-9)


def test_where_all_is_excluded_the_text_says_everything() -> None:
    zero = replace(xenonnt().experiments[0].channels[0], observed=np.array([0.0, 0.0, 0.0]), backgrounds=())
    experiment = replace(xenonnt().experiments[0], channels=(zero,))
    result = find_limits(replace(xenonnt(), experiments=(experiment,)), "vector", np.array([1e-3]), cl=0.5, dof=2)
    assert result.exclusion.points[0].excluded == ((0.0, None),)
    assert "  everything\n" in str(result)


def test_what_the_release_of_xenonnt_leaves_out_below_half_a_keV() -> None:
    """Its response continued as a power of the energy: what docs/limitations.md says of light mediators."""

    def continued(run: Selection) -> Selection:
        T, probability = run.recoil_energy_keV, run.probability
        below = np.geomspace(T[0] / 25, T[0], 150)[:-1]
        power = np.log(probability[:, 1] / probability[:, 0]) / np.log(T[1] / T[0])
        tail = probability[:, :1] * (below / T[0]) ** power[:, None]
        return Selection(np.concatenate([below, T]), np.concatenate([tail, probability], axis=1))

    (experiment,) = xenonnt().experiments
    (channel,) = experiment.channels
    assert isinstance(channel.response, MatrixResponse)
    reaching = replace(channel, response=MatrixResponse(tuple(map(continued, channel.response.selections))))
    events = [
        signal_kernel(replace(of, normalisation=None)).yields(choose("vector_bl"), np.array([0.01]))["cevns"].nominal
        for of in (channel, reaching)
    ]
    left_out = 1 - events[0].sum(axis=-1) / events[1].sum(axis=-1)
    assert left_out[0, 0] == pytest.approx(0.024, abs=0.001)
    assert left_out[2, 0] == pytest.approx(0.21, abs=0.005)
    analysis = replace(xenonnt(), experiments=(replace(experiment, channels=(reaching,)),))
    for name, ratio in {"vector_universal": 0.929, "vector_bl": 0.979, "scalar": 0.997, "axial": 0.993}.items():
        found, ours = (find_limits(of, name, 0.01).upper[0] for of in (analysis, xenonnt()))
        assert found / ours == pytest.approx(ratio, abs=0.002)


def test_the_caption_says_where_an_allowed_band_makes_an_upright_edge() -> None:
    opened = find_limits("coherent_csi", "vector_universal", [20, 200])
    assert [len(row) for row in opened.excluded] == [1, 2]
    assert opened.drawn.endswith("begins or ends: coherent_csi, vector_universal at 63.2 MeV.")
    assert "upright" not in find_limits("xenonnt", "vector_bl", [20, 200]).drawn
