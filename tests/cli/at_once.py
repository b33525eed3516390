"""Two runs of a verb at once on one output: who gets it, what the other is told, and what is there afterwards.

Runs are forks of one process that has everything loaded. They begin some time apart, or they meet: both have written
all that they write under temporary names, and give the names in turn.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from spec_builder.base.files import canonical_json
from spec_builder.model.analysis import load_analysis
from tests.cli.at_work import WORKS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Reads pairs of runs, one in a line of JSON, and answers with how they ended. A run that has written all its files
#: waits for the other to have done so too, or to end; and a little before each name that it gives.
PROGRAM = """
import atexit, contextlib, json, os, resource, select, signal, sys, tempfile, time
import iminuit, jsonschema, matplotlib.backends.backend_agg, matplotlib.backends.backend_pdf
import matplotlib.backends.backend_svg, matplotlib.figure, pyhf, scipy.optimize, scipy.special
from spec_builder.base import files
from spec_builder.cli import main
import spec_builder.figures.explorer, spec_builder.figures.pages, spec_builder.figures.bins, spec_builder.paper.plane
import spec_builder.paper.reproduce, spec_builder.sharing.verification, spec_builder.studies.scans
import spec_builder.studies.fits_by_toys, spec_builder.studies.limits_by_toys

def run(words, pause, scratch, name, meets):
    tempfile.tempdir, os.environ["TMPDIR"] = None, scratch + "/tmp"
    for number, stream in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{scratch}/{stream}{name}", os.O_WRONLY | os.O_CREAT), number)
    time.sleep(pause)
    if meets is not None:
        here, there = meets
        def meet(patience):
            with contextlib.suppress(BrokenPipeError):  # the other has ended
                os.write(here, b".")
            if select.select([there], [], [], patience)[0]:
                os.read(there, 1)
        alone, put = files._alone_in, files._put
        files._alone_in = lambda folders: meet(20) or alone(folders)
        files._put = lambda *what, **how: meet(0.02) or put(*what, **how)
    sys.argv = ["spec-builder", *words]
    try:
        main()
    except SystemExit as end:
        return end.code or 0

signal.signal(signal.SIGPIPE, signal.SIG_IGN)
for line in sys.stdin:
    case = json.loads(line)
    os.chdir(case["folder"])
    ends = [os.pipe() for _ in case["runs"]]
    numbers = []
    for i, words in enumerate(case["runs"]):
        number = os.fork()
        if number:
            numbers.append(number)
            continue
        status = 99
        try:
            os.close(ends[i][0])
            for end in ends[:i] + ends[i + 1:]:
                os.close(end[1])
            meets = (ends[i][1], ends[1 - i][0]) if case["meet"] else None
            resource.setrlimit(resource.RLIMIT_FSIZE, (case["most"], resource.RLIM_INFINITY))
            status = run(words, case["pauses"][i], case["scratch"], i, meets)
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(status)
    for end in ends:
        os.close(end[0])
        os.close(end[1])
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in numbers]), flush=True)
"""


def prepare_rivals(folder: Path) -> None:
    """Make what both runs of a pair read, in ``folder/in``."""
    (folder / "in").mkdir()
    for name, law in (("BkgOnly", "normsys"), ("linear", "linear")):
        text = canonical_json(load_analysis("combined", law).workspace)
        (folder / f"in/{name}.json").write_text(text, "utf-8")


def rivals(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two command lines that write other content under the same names."""
    words = WORKS[name].words
    if "2e-5" in words or "1e-5" in words:
        return words, tuple("2e-5" if word == "1e-5" else word for word in words)
    if "in/BkgOnly.json" in words:
        return words, tuple("in/linear.json" if word == "in/BkgOnly.json" else word for word in words)
    if words[0] == "reproduce":  # has one form alone
        return words, words
    return (*words, "--law", "normsys"), (*words, "--law", "linear")


@dataclass(frozen=True)
class Outcome:
    """How runs ended, and what they left.

    Attributes:
        statuses: of each run.
        errors: what each said on standard error.
        files: content by name.
        temporary: names in the folder for what is temporary.
    """

    statuses: tuple[int, ...]
    errors: tuple[str, ...]
    files: Mapping[str, bytes]
    temporary: tuple[str, ...]

    def problem(self, alone: tuple[Outcome, ...], *, force: bool) -> str | None:
        """What is wrong with how two runs ended.

        Args:
            alone: what each leaves that runs alone.
            force: whether they replace what is there.
        """
        if self.temporary:
            return f"left behind: {', '.join(self.temporary)}"
        won = [i for i, status in enumerate(self.statuses) if status == 0]
        for status, error in zip(self.statuses, self.errors, strict=True):
            told = [line for line in error.splitlines() if line.startswith("spec-builder: error: ")]
            if status not in (0, 2) or len(told) != (status == 2) or "Traceback" in error:
                return f"status {status}: {error[-1500:]}"
        if not won or (len(won) == 2 and not force and alone[0].files != alone[1].files):
            return f"{len(won)} runs got the output"
        if not any(self.files == alone[i].files for i in won):
            return f"the output is of neither: {', '.join(_mixture(self.files, alone))}"
        return None


def _mixture(found: Mapping[str, bytes], alone: tuple[Outcome, ...]) -> list[str]:
    """Whose each file is."""
    names = sorted({*found, *alone[0].files, *alone[1].files})
    owners = {
        name: [str(i) for i in (0, 1) if name in found and alone[i].files.get(name) == found[name]] for name in names
    }
    return [f"{name} of {'both' if len(who) == 2 else who[0] if who else 'none'}" for name, who in owners.items()]


class Races:
    """The process that forks the runs.

    Args:
        inputs: the folder ``in`` of what they read.
    """

    def __init__(self, inputs: Path) -> None:
        self._inputs = inputs

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", PROGRAM]
        self._process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self,
        *runs: tuple[str, ...],
        pauses: tuple[float, ...] = (0, 0),
        meet: bool = False,
        most: int = -1,
        there: Mapping[str, bytes] | None = None,
    ) -> Outcome:
        """Run in an empty folder.

        Args:
            runs: command lines.
            pauses: before each [s].
            meet: whether they wait for each other when they give files their names.
            most: bytes that a file may have, as on a disk that is full; -1 for any number.
            there: what is in the folder before, by name.
        """
        with tempfile.TemporaryDirectory() as made:
            folder, scratch = Path(made, "work"), Path(made, "scratch")
            for path in (folder, scratch, scratch / "tmp"):
                path.mkdir()
            (folder / "in").symlink_to(self._inputs)
            for name, content in (there or {}).items():
                (folder / name).write_bytes(content)
            case: dict[str, object] = {"folder": str(folder), "scratch": str(scratch), "runs": runs}
            case |= {"pauses": pauses, "meet": meet, "most": most}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(case) + "\n")
            self._process.stdin.flush()
            statuses = json.loads(self._process.stdout.readline())
            errors = tuple(Path(scratch, f"err{i}").read_text("utf-8") for i in range(len(runs)))
            temporary = tuple(path.name for path in (scratch / "tmp").iterdir())
            files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file() and path.relative_to(folder).parts[0] != "in"
            }
        return Outcome(tuple(statuses), errors, files, temporary)
