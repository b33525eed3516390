"""Mistakes with masses, couplings, patch sets and executors: one line, exit status 2, nothing written."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.runs import check, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = Callable[..., subprocess.CompletedProcess[str]]

PUBLISHED = Path(__file__).parents[2] / "workspaces" / "normsys"

#: The beginning of a command that lacks nothing.
LIMITS = "limits xenonnt --interaction scalar"
SCAN = "scan xenonnt --interaction scalar --jobs 1 --output out.npz"
PATCHES = "scan BkgOnly.json --jobs 1 --output out.npz --patchset"
EXPORT = "export xenonnt --output out --interaction scalar"
PLANE = "plane --jobs 1 --output out --points 3"


@dataclass(frozen=True)
class Mistake:
    """What is typed after what, and the words that the answer must hold."""

    verb: str
    typed: str
    words: str

    @property
    def arguments(self) -> list[str]:
        return [*self.verb.split(), *self.typed.split()]


MISTAKES: dict[str, Mistake] = {
    # ------------------------------------------------------------ masses and couplings
    "negative mass": Mistake(LIMITS, "--masses=-1,2", "masses -1 positive"),
    "no mass": Mistake(LIMITS, "--masses 0", "masses '0' positive"),
    "no masses": Mistake(LIMITS, "--masses ,", "masses ',' positive"),
    "mass is not a number": Mistake(LIMITS, "--masses 1,heavy", "masses 'heavy' positive"),
    "mass NaN": Mistake(LIMITS, "--masses nan", "masses 'nan' positive"),
    "mass infinite of a scan": Mistake(SCAN, "--masses inf", "mass inf finite"),
    "masses without a mediator": Mistake(
        "limits xenonnt --interaction nsi", "--masses 1", "'nsi' no mediator masses do not apply"
    ),
    "two degrees of freedom without a plane": Mistake(
        "limits xenonnt --interaction nsi", "--dof 2", "dof 2 'nsi' no plane"
    ),
    "a plane without a mass of two degrees": Mistake(
        "plane xenonnt --interaction nsi --output out", "--dof 2", "dof 2 'nsi' no plane"
    ),
    "negative coupling without a sign": Mistake(SCAN, "--couplings=-1,1", "couplings '-1' positive number"),
    "an option of nobody": Mistake(
        LIMITS, "--option colour=red", "option 'colour' unknown 'scalar' one of coupling_set, scalar_form"
    ),
    "half an option": Mistake(LIMITS, "--option colour", "--option 'colour' NAME=VALUE"),
    "an option of a plane without an interaction": Mistake(
        "plane --output out", "--coupling-set A", "--coupling-set --interaction only"
    ),
    "limits of one mass drawn": Mistake(LIMITS, "--masses 1 --plot one.png", "at least two finite masses"),
    "no such interaction file": Mistake("limits xenonnt", "--interaction ./nowhere.toml", "nowhere.toml no such file"),
    "mass out of range": Mistake(LIMITS, "--masses 1e200", "mass floating range"),
    "mass of a scan out of range": Mistake(SCAN, "--masses 1e200", "mass floating range"),
    "mass of an export out of range": Mistake(EXPORT, "--masses 1e200 --couplings 1e-5", "mass floating range"),
    "negative coupling": Mistake(SCAN, "--couplings=-1e-5,1e-4", "couplings -1e-5 positive"),
    "no coupling": Mistake(SCAN, "--couplings 0,1e-4", "couplings '0' positive"),
    "coupling out of range": Mistake(SCAN, "--couplings 1e200", "coupling floating range"),
    "coupling of an export out of range": Mistake(EXPORT, "--masses 1 --couplings 1e200", "coupling floating range"),
    "coupling of a spectrum out of range": Mistake(
        "spectrum --interaction scalar --energies 1", "--mass 1 --coupling 1e200", "coupling 1e+200"
    ),
    "reversed grid of masses": Mistake(LIMITS, "--masses 10:1:5", "masses '10:1:5' LO below HI"),
    "reversed grid of couplings": Mistake(SCAN, "--couplings 1e-3:1e-5:9", "couplings '1e-3:1e-5:9' LO below HI"),
    "grid of one value": Mistake(LIMITS, "--masses 3:3:5", "masses '3:3:5' LO below HI"),
    "grid of one point": Mistake(LIMITS, "--masses 1:10:1", "masses '1:10:1' N at least 2"),
    "grid of no point": Mistake(SCAN, "--couplings 1e-6:1e-4:0", "couplings N at least 2"),
    "grid of half a point": Mistake(LIMITS, "--masses 1:10:2.5", "masses '1:10:2.5' N whole number"),
    "grid from zero": Mistake(LIMITS, "--masses 0:10:5", "masses '0' positive"),
    "grid through zero": Mistake(SCAN, "--couplings=-1e-5:1e-5:5", "couplings -1e-5 positive"),
    "grid with a step": Mistake(LIMITS, "--masses 1:10", "masses '1:10' LO:HI:N comma list"),
    # ------------------------------------------------------------ interactions and their choices
    "unknown interaction": Mistake("limits xenonnt", "--interaction sterile", "'sterile' unknown scalar tensor"),
    "unknown interaction of a scan": Mistake(
        "scan xenonnt --output out.npz", "--interaction Scalar", "'Scalar' unknown scalar tensor"
    ),
    "unknown interaction of an export": Mistake(
        "export xenonnt --output out", "--interaction scalars", "'scalars' unknown scalar tensor"
    ),
    "the Standard Model": Mistake("limits xenonnt", "--interaction sm", "'sm' Standard Model scalar vector_universal"),
    "a scan of the Standard Model": Mistake("scan xenonnt --output out.npz", "--interaction sm", "'sm' Standard Model"),
    "patches of the Standard Model": Mistake("export xenonnt --output out", "--interaction sm", "'sm' Standard Model"),
    "no interaction": Mistake("limits xenonnt", "", "--interaction scalar tensor"),
    "no interaction of a scan": Mistake("scan xenonnt --output out.npz", "", "--interaction scalar tensor"),
    "interaction twice": Mistake(EXPORT, "--interaction scalar", "'scalar' twice"),
    "coupling set of a vector": Mistake(
        "limits xenonnt --interaction vector_bl", "--coupling-set A", "coupling set 'A' 'scalar' 'vector_bl'"
    ),
    "unknown coupling set": Mistake(LIMITS, "--coupling-set F", "coupling set 'F' unknown A, B, C, D, E"),
    "longitudinal factor 3": Mistake(
        "limits xenonnt --interaction tensor", "--longitudinal-factor 3", "longitudinal factor 3 1 or 4"
    ),
    "longitudinal factor of a scalar": Mistake(LIMITS, "--longitudinal-factor 4", "longitudinal factor 4 'tensor'"),
    "a choice that belongs to none": Mistake(
        "export xenonnt --output out --interaction axial --interaction tensor",
        "--masses 1,2 --coupling-set A",
        "coupling set 'A' 'scalar'",
    ),
    "unknown style": Mistake(EXPORT, "--style both", "style 'both' total, signal"),
    "unknown analysis": Mistake("limits lux --interaction scalar", "", "'lux' unknown xenonnt, pandax4t, combined"),
    "unknown law": Mistake(LIMITS, "--law lognormal", "law 'lognormal' normsys, linear"),
    "variant of another experiment": Mistake(LIMITS, "--variant pandax4t=ce_rich", "'pandax4t' xenonnt"),
    "short HEPData record": Mistake(
        EXPORT, "--masses 1,2 --couplings 1e-5 --hepdata ins12", "hepdata 'ins12' seven digits"
    ),
    "equal points": Mistake(EXPORT, "--masses 1,1.0000001 --couplings 1e-5", "masses couplings same to 6 digits"),
    # ------------------------------------------------------------ confidence
    "dof 3": Mistake(LIMITS, "--dof 3", "dof 3 1 or 2"),
    "dof 0 of a plane": Mistake(PLANE, "--dof 0", "dof 0 1 or 2"),
    "cl 1.5": Mistake(LIMITS, "--cl 1.5", "confidence level 1.5 between 0 and 1"),
    "cl 90 of a plane": Mistake(PLANE, "--cl 90", "confidence level 90 between 0 and 1"),
    "cl 1": Mistake(LIMITS, "--cl 1", "confidence level 1 between 0 and 1"),
    "cl NaN": Mistake(LIMITS, "--cl nan", "confidence level nan between 0 and 1"),
    "plane of one point": Mistake("plane --output out", "--points 1", "points 1 at least 2"),
    "plane of many points": Mistake("plane --output out", "--points 1000000", "points 1000000 at most 2000"),
    "variant that no plane holds": Mistake("plane --output out", "--variant xenon=x", "variant of 'xenon' given"),
    "a mass twice": Mistake(SCAN, "--masses 1,1", "masses '1,1' 1 stands twice"),
    "two kinds of output": Mistake(LIMITS, "--json --csv", "--json or --csv"),
    # ------------------------------------------------------------ executors and files
    "no job": Mistake("scan xenonnt --interaction scalar --output out.npz", "--jobs 0", "jobs 0 at least 1"),
    "fewer than no job": Mistake("plane --output out", "--jobs=-1", "jobs -1 at least 1"),
    "output of no kind": Mistake("scan xenonnt --interaction scalar", "--output out", "out: .npz or .csv"),
    "output of another kind": Mistake(
        "scan xenonnt --interaction scalar", "--output out.root", "out.root: .npz or .csv"
    ),
    "scan exists": Mistake("scan xenonnt --interaction scalar --jobs 1", "--output old.npz", "old.npz: exists --force"),
    "limits exist": Mistake(LIMITS, "--masses 1 --output old.npz", "old.npz: exists --force"),
    "plane exists": Mistake("plane --jobs 1 --points 3", "--output old", "old/ exists --force"),
    "patch set exists": Mistake(
        "export xenonnt --interaction scalar --masses 1,2", "--output old", "patchset_scalar.json: exists --force"
    ),
    "patch sets to nowhere": Mistake("export xenonnt --interaction scalar", "", "--output"),
    # ------------------------------------------------------------ patch sets
    "no patch set": Mistake("scan BkgOnly.json --output out.npz", "", "--patchset"),
    "no such patch set": Mistake(PATCHES, "missing.json", "missing.json: no such file"),
    "a workspace for a patch set": Mistake(PATCHES, "BkgOnly.json", "BkgOnly.json: schema"),
    "a patch set for a workspace": Mistake(
        "scan set.json --jobs 1 --output out.npz", "--patchset set.json", "set.json"
    ),
    "patch set of an analysis": Mistake(SCAN, "--patchset set.json", "--patchset does not apply"),
    "interaction of a workspace": Mistake(PATCHES, "set.json --interaction scalar", "--interaction does not apply"),
    "masses of a workspace": Mistake(PATCHES, "set.json --masses 1", "--masses does not apply"),
    "unknown measurement": Mistake(
        PATCHES, "set.json --measurement flux", "measurement 'flux' unknown b8_flux, new_physics"
    ),
    "digest of another workspace": Mistake(
        "scan combined.json --jobs 1 --output out.npz", "--patchset set.json", "set.json: made for sha256"
    ),
    "a patch that does not apply": Mistake(PATCHES, "lost.json", "lost.json: {patch} does not apply"),
    "a bin too few": Mistake(PATCHES, "short.json", "short.json: {patch} 'cevns' 2 bins, expected 3"),
    "NaN in a patch": Mistake(PATCHES, "nan.json", "nan.json: NaN"),
    "null in a patch": Mistake(PATCHES, "null.json", "null.json: {patch}"),
    "a modifier that is not supported": Mistake(PATCHES, "shapewarp.json", "shapewarp.json: {patch} 'shapewarp'"),
    "a name twice": Mistake(PATCHES, "twice.json", "twice.json: stands twice"),
    "too few values": Mistake(PATCHES, "values.json", "values.json: {patch} 1 values expected 2"),
    "no digest": Mistake(PATCHES, "digest.json", "digest.json: digests"),
}


def third(content: Any) -> Any:
    return content["patches"][2]


def operation(content: Any) -> Any:
    return third(content)["patch"][0]


UNKNOWN_MODIFIER = {
    "op": "add",
    "path": "/channels/0/samples/0/modifiers/-",
    "value": {"name": "free", "type": "shapewarp", "data": None},
}
#: Patch sets with a mistake in the third patch.
SETS: dict[str, Callable[[Any], object]] = {
    "set": lambda _: None,
    "lost": lambda s: operation(s).update(path="/channels/3/samples/0/data"),
    "short": lambda s: operation(s)["value"].pop(),
    "nan": lambda s: operation(s)["value"].__setitem__(0, float("nan")),
    "null": lambda s: operation(s).update(value=None),
    "shapewarp": lambda s: third(s)["patch"].append(UNKNOWN_MODIFIER),
    "twice": lambda s: third(s)["metadata"].update(name=s["patches"][0]["metadata"]["name"]),
    "values": lambda s: third(s)["metadata"]["values"].pop(),
    "digest": lambda s: s["metadata"].pop("digests"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copy(PUBLISHED / "xenonnt" / "BkgOnly.json", folder)
    shutil.copy(PUBLISHED / "combined" / "BkgOnly.json", folder / "combined.json")
    original = json.loads((PUBLISHED / "xenonnt" / "patchset_scalar.json").read_text("utf-8"))
    original["patches"] = original["patches"][:4]
    for name, spoil in SETS.items():
        content = json.loads(json.dumps(original))
        spoil(content)
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    (folder / "old.npz").write_bytes(b"mine")
    (folder / "old" / "xenonnt").mkdir(parents=True)
    for name in ("fig4_plane.png", "xenonnt/patchset_scalar.json"):
        (folder / "old" / name).write_bytes(b"mine")
    return folder


@pytest.fixture
def desk(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the user types."""
    shutil.copytree(prepared, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.mark.parametrize("name", MISTAKES)
def test_one_line_on_stderr_and_nothing_written(spec_builder: Command, desk: Path, name: str) -> None:
    mistake = MISTAKES[name]
    patch = json.loads((desk / "set.json").read_text("utf-8"))["patches"][2]["metadata"]["name"]
    before = tree(desk)
    check(spec_builder(*mistake.arguments), [word.format(patch=patch) for word in mistake.words.split()])
    assert tree(desk) == before


@pytest.mark.parametrize(
    "name",
    ["mass out of range", "coupling out of range", "coupling of an export out of range", "null in a patch"],
)
def test_the_same_in_a_process_of_its_own(shell: Command, desk: Path, name: str) -> None:
    """Where a warning would be a line more on stderr, and a traceback exit status 1."""
    before = tree(desk)
    check(shell("spec-builder", *MISTAKES[name].arguments, cwd=desk), [])
    assert tree(desk) == before


# ---------------------------------------------------------------- Dask


@pytest.fixture(scope="module", autouse=True)
def calls_to_dask(
    prepared: Path, others_that_listen: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Scans on schedulers that are not there, which take seconds to give up: they run beside the other tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    executable = str(Path(sys.executable).with_name("spec-builder"))
    calls = {}
    for address in (f"127.0.0.1:{port}", "nonsense://here", *others_that_listen):
        folder = tmp_path_factory.mktemp("dask") / "desk"
        shutil.copytree(prepared, folder)
        calls[address] = subprocess.Popen(
            [executable, *SCAN.split(), "--dask", address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
    yield calls
    for call in calls.values():
        call.kill()
        call.communicate()


@pytest.fixture(scope="module")
def others_that_listen() -> Iterator[list[str]]:
    """Addresses at which one says nothing, one greets as SSH does and one answers as HTTP does."""
    greetings = (b"", b"SSH-2.0-OpenSSH_9.2p1\r\n", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with contextlib.ExitStack() as stack:
        addresses = []
        for greeting in greetings:
            server = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(_Greeter, greeting)))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            addresses.append("tcp://{}:{}".format(*server.server_address))
        yield addresses


class _Greeter(socketserver.BaseRequestHandler):
    """Greets, and listens until the other side leaves."""

    def __init__(self, greeting: bytes, *arguments: Any) -> None:
        self._greeting = greeting
        super().__init__(*arguments)

    def handle(self) -> None:
        self.request.sendall(self._greeting)
        with contextlib.suppress(ConnectionError):
            while self.request.recv(1024):
                pass


def test_a_dask_scheduler_that_does_not_answer(calls_to_dask: dict[str, subprocess.Popen[str]]) -> None:
    for address, call in calls_to_dask.items():
        out, err = call.communicate(timeout=60)
        check(
            subprocess.CompletedProcess([], call.returncode, out, err), [f"dask scheduler {address}", "not reachable"]
        )
