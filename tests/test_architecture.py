"""The house: packages stand on floors, and nothing imports what lies above it, not even inside a function."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "spec_builder"

#: From the ground to the roof; packages of one floor stand side by side and do not import each other.
FLOORS = (
    {"base"},
    {"histfactory", "physics", "drawing"},
    {"inference", "experiments"},
    {"model"},
    {"studies"},
    {"sharing", "figures"},
    {"paper"},
    {"cli"},
    {"__main__"},
)
HEIGHT = {package: height for height, floor in enumerate(FLOORS) for package in floor}
#: What the inference wing never needs: anybody's workspace is enough for it.
BUILD_WING = {"physics", "experiments", "model"}


def name_of(path: Path) -> str:
    """``model.signal``; a package is its folder's name, and spec_builder itself ''."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def imported(text: str, modules: set[str]) -> set[str]:
    """Modules of ours that a text imports anywhere, also under TYPE_CHECKING, or names in a string of its own."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what they name"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found = {name for name in whole if name.partition(".")[2] in modules}
            names |= found if len(found) == len(whole) else {*found, str(node.module)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= {node.value} if re.fullmatch(r"spec_builder\.[\w.]+", node.value) else set()
    ours = {name for name in names if name.partition(".")[0] == "spec_builder"}
    return {name.removeprefix("spec_builder").removeprefix(".") for name in ours}


def read() -> dict[str, set[str]]:
    """What each module imports of ours, but for the package's own ``__init__``, which names everything."""
    paths = {name_of(path): path for path in PACKAGE.rglob("*.py")}
    return {name: imported(path.read_text("utf-8"), set(paths)) for name, path in paths.items() if name}


IMPORTS = read()


def goes_up(importer: str, name: str) -> bool:
    """Whether an import leaves its package for a higher floor, or for the neighbour on its own."""
    here, there = (module.partition(".")[0] for module in (importer, name))
    return here != there and HEIGHT[there] >= HEIGHT[here]


def reached(start: str) -> set[str]:
    """All modules that a module needs, however far away."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = IMPORTS.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def test_every_module_has_a_floor() -> None:
    packages = {name.partition(".")[0] for name in IMPORTS}
    assert packages == set(HEIGHT)
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_nothing_imports_what_lies_above_it() -> None:
    edges = [(importer, name) for importer, names in IMPORTS.items() for name in names if name]
    assert len(edges) > 300
    assert sorted(f"{importer} -> {name}" for importer, name in edges if goes_up(importer, name)) == []


def test_nothing_imports_the_package_itself() -> None:
    assert [importer for importer, names in IMPORTS.items() if "" in names] == []


@pytest.mark.parametrize("module", sorted(n for n in IMPORTS if n.partition(".")[0] in {"inference", "histfactory"}))
def test_the_inference_wing_knows_no_physics(module: str) -> None:
    assert sorted(name for name in reached(module) if name.partition(".")[0] in BUILD_WING) == []


def test_every_import_names_a_module() -> None:
    """A name that is none would be on no floor."""
    assert sorted({name for names in IMPORTS.values() for name in names if name} - set(IMPORTS)) == []


def test_every_import_of_the_tests_names_a_module() -> None:
    """Of types too, which no run looks at, and mypy may find in another installation of the package."""
    paths = Path(__file__).parent.rglob("*.py")
    found = re.compile(r"^\s*(?:from|import) spec_builder\.([\w.]+)", re.MULTILINE)
    named = {name for path in paths for name in found.findall(path.read_text("utf-8"))}
    assert len(named) > 100
    assert sorted(named - set(IMPORTS)) == []


def test_what_scripts_import_is_there() -> None:
    """No check of types reads them, and most are run by hand."""
    scripts = [path for path in (PACKAGE.parent / "scripts").iterdir() if path.is_file()]
    texts = [text for text in map(Path.read_text, scripts) if text.startswith("#!/usr/bin/env python3")]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    wanted = {(str(node.module), alias.name) for node in nodes for alias in node.names}
    ours = sorted((module, name) for module, name in wanted if module.startswith("spec_builder"))
    assert ours
    missing = [pair for pair in ours if not hasattr(importlib.import_module(pair[0]), pair[1])]
    assert [pair for pair in missing if importlib.util.find_spec(".".join(pair)) is None] == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from spec_builder.model import signal, workspace", {"model.signal", "model.workspace"}),
        ("from spec_builder.model.signal import SignalKernel", {"model.signal"}),
        ("def f():\n    from spec_builder.model.signal import SignalKernel", {"model.signal"}),
        ("if TYPE_CHECKING:\n    import spec_builder.model.signal", {"model.signal"}),
        ("from spec_builder import Analysis", {""}),
        ("import spec_builder", {""}),
        ("preload = ['spec_builder.studies.scans']", {"studies.scans"}),
        ('"""See :mod:`spec_builder.studies.scans`."""\nimport numpy', set()),
    ],
)
def test_imports_are_seen_wherever_they_stand(text: str, names: set[str]) -> None:
    assert imported(text, set(IMPORTS)) == names


@pytest.mark.parametrize(
    ("importer", "name", "wrong"),
    [
        ("base.files", "cli.output", True),
        ("histfactory.hs3", "inference.likelihood", True),
        ("physics.rates", "histfactory.patch", True),
        ("figures.plane", "sharing.export", True),
        ("inference.fit", "histfactory.specification", False),
        ("inference.fit", "inference.profile", False),
        ("cli.fits", "base.files", False),
    ],
)
def test_the_rule_of_floors(importer: str, name: str, wrong: bool) -> None:
    assert goes_up(importer, name) is wrong


def test_every_module_has_a_test_file_of_its_name() -> None:
    tests = Path(__file__).parent
    modules = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert len(modules) > 100
    missing = [str(path) for path in modules if not (tests / path.parent / f"test_{path.name}").exists()]
    assert sorted(missing) == []


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("test_*.py")), ids=lambda path: path.name)
def test_no_test_file_is_an_empty_shell(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests, "no tests"
