"""README and docs agree with the package."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

import spec_builder
from spec_builder.base import chunks, executors, grids
from spec_builder.base import reading as base_reading
from spec_builder.base import tables as base_tables
from spec_builder.cli import cli, sharing
from spec_builder.experiments import reading, sections, tables, variants
from spec_builder.histfactory import checks, patch, patchset
from spec_builder.inference import toys
from spec_builder.model import analyses
from spec_builder.paper import curves, plane
from spec_builder.physics import descriptions
from spec_builder.sharing import bundle, unpacking, verify
from spec_builder.studies import scans

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "docs/companions", "docs/howto")
PAGES = [ROOT / "README.md", *(path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md")))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_figures_of_a_page_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith("http") and "generated/" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_which_verb_when_lists_every_verb() -> None:
    cells = "\n".join(re.findall(r"^\|[^|]*\|([^|]*)\|", text("docs/verbs.md"), re.MULTILINE))
    listed = set(re.findall(r"`([a-z0-9]+)[ `]", cells))
    assert sorted(set(cli.commands) - listed) == []


def test_every_public_name_is_in_the_reference() -> None:
    page = text("docs/api.md")
    assert [name for name in spec_builder.__all__ if not name.startswith("_") and f".{name}\n" not in page] == []


def test_every_name_of_the_reference_is_there() -> None:
    page = text("docs/api.md")
    objects = {
        name: pkgutil.resolve_name(name) for name in re.findall(r":: (spec_builder\.[\w.]+)$", page, re.MULTILINE)
    }
    assert len(objects) > 100
    lists = re.findall(r":: (spec_builder\.[\w.]+)\n   :members: (.+)", page)
    members = [(name, member) for name, text in lists for member in text.split(", ")]
    assert len(members) > 50
    fields = {name: getattr(found, "__dataclass_fields__", {}) for name, found in objects.items()}
    assert [pair for pair in members if not hasattr(objects[pair[0]], pair[1]) and pair[1] not in fields[pair[0]]] == []


def test_every_public_function_stands_under_what_one_wants() -> None:
    table = [line for line in text("docs/api.md").splitlines() if line.startswith("| ")]
    named = set(re.findall(r"`~spec_builder\.([a-z_0-9]+)`", "\n".join(table)))
    functions = {name for name in spec_builder.__all__ if name.islower() and not name.startswith("_")}
    assert functions - named == set()


def numbers_of(row: str) -> list[str]:
    return re.findall(r"\d+\.\d+(?:e-\d+)?", row)


def test_the_readme_s_fits_are_those_of_the_results_page() -> None:
    results = text("docs/results.md")
    for title, name in (("XENONnT", "xenonnt"), ("PandaX-4T", "pandax4t"), ("combined", "combined")):
        row = re.search(rf"^\| {title} \* \|.*$", text("README.md"), re.MULTILINE)
        assert row
        flux = re.search(rf"^\| 8B flux [^|]*\| {name} \|.*$", results, re.MULTILINE)
        angle = re.search(rf"^\| sin2 theta_W \| {name} \|.*$", results, re.MULTILINE)
        assert flux
        assert angle
        ours = [cell for line in (flux, angle) for i in (3, 5) for cell in numbers_of(line[0].split("|")[i])]
        assert numbers_of(row[0].partition("* |")[2]) == ours


def test_the_readme_s_limits_are_those_of_the_results_page() -> None:
    pattern = r"^\| combined \* \| (\w+ \| linear \| default \| 90 %, [12]) \| (.*) \|$"
    rows = dict(re.findall(pattern, text("docs/results.md"), re.MULTILINE))
    titles = {
        "scalar (coupling set B)": "scalar",
        "universal vector": "vector_universal",
        "vector B−L": "vector_bl",
        "axial vector": "axial",
        "tensor (Eq. 8 as printed)": "tensor",
    }
    for title, name in titles.items():
        (line,) = [line for line in text("README.md").splitlines() if line.startswith(f"| {title} |")]
        cells = line.split("|")[2:6]
        for dof in (1, 2):
            light, heavy, _ = rows[f"{name} | linear | default | 90 %, {dof}"].split(" | ")
            assert [float(x) for x in numbers_of(cells[dof - 1])] == pytest.approx(
                [float(x) for x in numbers_of(light)], rel=6e-3
            )
            assert [float(x) for x in numbers_of(cells[dof + 1])] == pytest.approx(
                [float(x) for x in numbers_of(heavy)], rel=6e-3
            )


def test_there_are_eighty_tasks_each_with_something_that_is_typed() -> None:
    numbers, parts = [], re.split(r"^### ", text("docs/tasks.md"), flags=re.MULTILINE)[1:]
    for part in parts:
        number, _, rest = part.partition(". ")
        numbers.append(int(number))
        assert re.search(r"^```(sh|python)$", rest, re.MULTILINE), number
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 80


def test_the_bounds_are_those_of_the_code() -> None:
    """Each stands where it is used; the page lists them all."""
    mb = {
        "tables": base_reading.MAX_TEXT,
        "TOML": base_reading.MAX_TOML,
        "JSON": base_reading.MAX_JSON,
        "memory": base_reading.MAX_JSON_MEMORY,
    }
    mb |= {"archive": bundle.MAX_BYTES, "chunk": chunks._MOST_UNPACKED}
    size = {name: f"{count >> 20} MB" for name, count in mb.items()}
    workspace = ", ".join(f"{spaced(most)} {what}" for what, most in checks._MOST.items())
    patches = (patchset.MOST_PATCHES, patchset._MOST_LABELS, patch.MOST_OPERATIONS)
    blocks = sections._MOST_BLOCKS
    expected = {
        "tables, TOML, JSON, archives": (
            f"{size['tables']}, {size['TOML']}, {size['JSON']} ({size['memory']} in memory), {size['archive']}"
        ),
        "a workspace": workspace,
        "a patch set": "{} patches, {} labels, {} operations in a patch".format(*map(spaced, patches)),
        "a grid; a scan; a plane": (
            f"{spaced(grids.MOST_POINTS)} values; {power(scans.MOST_POINTS)} points; "
            f"{plane._MOST_POINTS} x {plane._MOST_POINTS}"
        ),
        "rows of a table; numbers in all tables of an experiment": (
            f"{spaced(base_tables._MOST_ROWS)}; {spaced(tables._MOST_NUMBERS)}"
        ),
        "an experiment": (
            f"{blocks} channels, {blocks} runs of each, {spaced(reading._MOST_BINS)} bins of a channel, "
            f"{variants._MOST_VARIANTS} variants, {short(tables.MOST_COUNTS)} events in a bin"
        ),
        "couplings and masses of a bound of one's own": (f"{short(1 / curves._FARTHEST)} to {short(curves._FARTHEST)}"),
        "letters of a name": f"{descriptions.LONGEST_NAME} in TOML, {checks._LONGEST_NAME} in a workspace",
        "events in a bin of a workspace": f"{short(checks._LARGEST)}: a fit of 1e308 did not end",
        "settings without a parameter that `verify` compares with the parameters' names": f"{verify._MOST_COMPARED}",
        "members of an archive; a chunk of a stopped scan, unpacked": (
            f"{unpacking._MOST_HEADERS} headers; {size['chunk']}"
        ),
        "experiments of an analysis; digits of a whole number in TOML": (
            f"{analyses._MOST_EXPERIMENTS}; {base_reading._MOST_BITS} bits"
        ),
        "problems of a file that `verify` prints, the others counted": f"{sharing._MOST_TOLD}",
        "values of a workspace that pyhf's slower check of the schema reads too; above, ours alone": (
            spaced(verify._MOST_VALUES)
        ),
        "toys at a value; worker processes": (
            f"{power(toys.MOST_TOYS)}; {executors._MOST_JOBS}, or {executors._MOST_PER_CORE} for each core"
        ),
    }
    table = text("docs/reliability.md").partition("\n## Bounds\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    assert {what.strip(): most.strip() for what, most in rows} == expected


def spaced(count: int) -> str:
    """As the pages write a number: 20 000, but 2000."""
    return f"{count:,}".replace(",", " ") if count >= 10_000 else str(count)


def power(count: int) -> str:
    return f"10^{len(str(count)) - 1}" if str(count).strip("0") == "1" else str(count)


def short(number: float) -> str:
    return f"{number:g}".replace("e+", "e")
