"""Jobs of the main job by what they are, and tables of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from spec_builder.paper.plane import PLANE_INTERACTIONS
from spec_builder.paper.summary import ChoiceRow, Job, limit_choices, limits_summary, run_jobs

MASSES = (1.0, 100.0)


def test_a_job_that_stands_twice_is_done_once() -> None:
    jobs = [Job("xenonnt", "axial", masses=MASSES), Job("xenonnt", "axial", masses=MASSES), Job("xenonnt", "scalar")]
    told: list[tuple[int, int]] = []
    found = run_jobs(jobs, report=lambda done, total: told.append((done, total)))
    assert list(found) == [jobs[0], jobs[2]]
    assert told == [(1, 2), (2, 2)]
    for job, result in found.items():
        assert (result.provenance.analysis, result.choice.name) == (job.analysis, job.interaction)
        assert [point.mass_MeV for point in result.exclusion.points] == list(job.masses)
        assert (result.provenance.law, result.exclusion.dof, result.exclusion.cl) == ("linear", 2, 0.9)


def test_jobs_carry_variants_and_options() -> None:
    job = Job("xenonnt", "scalar", "normsys", 1, MASSES, (("xenonnt", "charge_yield"),), (("coupling_set", "A"),))
    with ThreadPoolExecutor(1) as executor:
        (result,) = run_jobs([job], executor).values()
    assert result.provenance.variants == {"xenonnt": "charge_yield"}
    assert result.choice.options["coupling_set"] == "A"


def test_rows_of_choices_name_what_they_belong_to() -> None:
    rows = {(row.analysis, row.label): row for row in limit_choices()}
    assert set(rows["xenonnt", "law normsys"].jobs) == set(PLANE_INTERACTIONS)
    assert set(rows["combined", "coupling set A"].jobs) == {"scalar"}
    assert set(rows["combined", "longitudinal factor 4"].jobs) == {"tensor"}
    assert rows["combined", "charge_yield of both"].jobs["axial"].variants == (
        ("xenonnt", "charge_yield"),
        ("pandax4t", "charge_yield"),
    )


def test_the_table_compares_with_the_default_of_the_same_analysis() -> None:
    default, other = Job("xenonnt", "axial"), Job("xenonnt", "axial", dof=1)
    found = run_jobs([default, other])
    text = limits_summary(list(found.values()), [ChoiceRow("xenonnt", "dof 1", {"axial": other})], found)
    row = next(line for line in text.splitlines() if line.startswith("| xenonnt | dof 1 |"))
    cells = [cell.strip() for cell in row.split("|")[3:-1]]
    assert [cell for cell, name in zip(cells, PLANE_INTERACTIONS, strict=True) if name != "axial"] == ["-"] * 4
    ends = [[point.excluded[-1][0] or 0.0 for point in found[job].exclusion.points] for job in (other, default)]
    shifts = [100 * (a / b - 1) for a, b in zip(*ends, strict=True)]
    assert cells[PLANE_INTERACTIONS.index("axial")] == " / ".join(f"{shift:+.1f}" for shift in shifts)
