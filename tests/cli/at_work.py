"""Every verb at work, and signals, closed pipes, other runs and broken disks that meet it there.

A run has a folder of its own to work in and one for what is temporary, and a session of its own, whose processes all
get a signal, as a terminal sends Ctrl-C. When it comes is said in seconds of the processor, so that it does not depend
on what else the machine does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds that the processes of a run have to end after it.
PATIENCE_S = 60

#: Sends a signal to the own session after so many seconds of the processor at work; 0: as soon as a file is being
#: written, of which a part stands under its temporary name; -1: when the first of the files has got its name.
BOOTSTRAP = """
import os, signal, sys, threading, time
number, seconds = int(sys.argv.pop(1)), float(sys.argv.pop(1))
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
def send(*_):
    os.killpg(0, number)
from spec_builder.cli import main
def wait():
    end = time.process_time() + seconds
    while time.process_time() < end:
        time.sleep(0.002)
    send()
if seconds > 0:
    # a signal may be lost while a compiled module is loaded
    import importlib.metadata, iminuit, jsonschema, pyhf, scipy.optimize, scipy.special
    import spec_builder.figures.explorer, spec_builder.sharing.verification, spec_builder.studies.scans
    threading.Thread(target=wait, daemon=True).start()
else:
    from spec_builder.base import files
    fill, put = files._fill, files._put
    if seconds == 0:
        files._fill = lambda *what: fill(*what) or send() or sys.exit("the signal did not come")
    else:
        files._put = lambda *what, **how: put(*what, **how) or send()
main()
"""


@dataclass(frozen=True)
class Work:
    """What a verb does long enough to be met at it.

    Attributes:
        words: its command line.
        made: what it writes, files or folders; none where it prints.
        resumes: whether it keeps what is done.
        slow: whether it takes more than a few seconds.
    """

    words: tuple[str, ...]
    made: tuple[str, ...] = ()
    resumes: bool = False
    slow: bool = False


_SCALAR = ("--interaction", "scalar")
_GRID = ("--masses", "0.1:100:150", "--couplings", "1e-6:1e-4:150")
_FIGURE = ("f.png", "f.txt")
_FLUX = ("--parameter", "flux")
_TOYS = ("--method", "feldman-cousins", "--toys", "60", "--jobs")
_MANY_TOYS = ("--method", "feldman-cousins", "--toys", "20000", "--jobs")

#: By name, which begins with that of a verb. What they read is made by :func:`prepare`.
WORKS: Mapping[str, Work] = {
    "experiments": Work(("experiments",)),
    "spectrum": Work(("spectrum", *_SCALAR, "--mass", "1", "--coupling", "1e-5", "--energies", "0.1:5:4000")),
    "spectrum to a file": Work(
        ("spectrum", *_SCALAR, "--mass", "1", "--coupling", "1e-5", "--energies", "0.1:5:4000", "-o", "out.csv"),
        ("out.csv",),
    ),
    "fit": Work(("fit", "combined", *_FLUX, "--plot", "f.png", "-o", "out.json"), ("f.png", "f.txt", "out.json")),
    "fit by toys": Work(("fit", "xenonnt", *_FLUX, *_TOYS, "1", "-o", "out.json"), ("out.json",), resumes=True),
    "profile": Work(
        ("profile", "combined", *_FLUX, "--plot", "f.pdf", "-o", "out.csv"),
        ("f.pdf", "f.txt", "out.csv"),
    ),
    "events": Work(("events", "combined", *_FLUX, "-o", "out.md"), ("out.md",)),
    "limits": Work(
        ("limits", "combined", *_SCALAR, "--plot", "f.svg", "-o", "out.json"), ("f.svg", "f.txt", "out.json")
    ),
    "limits by toys": Work(
        ("limits", "xenonnt", *_SCALAR, "--masses", "1,10", *_TOYS, "2", "-o", "out.json"), ("out.json",), resumes=True
    ),
    "limits by many toys": Work(
        ("limits", "xenonnt", *_SCALAR, "--masses", "1,10", *_MANY_TOYS, "1", "-o", "out.json"),
        ("out.json",),
        resumes=True,
        slow=True,
    ),
    "explain": Work(
        ("explain", "combined", *_SCALAR, "--mass", "1", "--coupling", "1e-5", "--plot", "f.png", "-o", "out.txt"),
        ("f.png", "f.txt", "out.txt"),
    ),
    "scan": Work(
        (
            "scan",
            "combined",
            *_SCALAR,
            "--masses",
            "0.1:100:150",
            "--couplings",
            "1e-6:1e-4:150",
            "--jobs",
            "1",
            "-o",
            "s.npz",
        ),
        ("s.npz",),
        resumes=True,
    ),
    "scan with workers": Work(
        (
            "scan",
            "combined",
            *_SCALAR,
            "--masses",
            "0.1:100:150",
            "--couplings",
            "1e-6:1e-4:150",
            "--jobs",
            "2",
            "-o",
            "s.csv",
        ),
        ("s.csv",),
        resumes=True,
    ),
    "plane": Work(("plane", "combined", *_SCALAR, "--points", "41", "-o", "out"), ("out",)),
    "plane by toys": Work(
        ("plane", "xenonnt", *_SCALAR, "--points", "5", *_TOYS, "1", "-o", "out"), ("out",), resumes=True
    ),
    "explore": Work(("explore", "xenonnt", *_SCALAR, "--points", "21", "-o", "e.html"), ("e.html",)),
    "coverage": Work(
        (
            "coverage",
            "xenonnt",
            "--parameter",
            "flux",
            "--values",
            "1",
            "--toys",
            "300",
            "--jobs",
            "1",
            "-o",
            "out.json",
        ),
        ("out.json",),
        resumes=True,
    ),
    "reproduce": Work(("reproduce", "--jobs", "1", "-o", "out"), ("out",), slow=True),
    "compare": Work(("compare", "-o", "out"), ("out",), slow=True),
    "compare one": Work(("compare", "combined", *_SCALAR, "-o", "out"), ("out",)),
    "export": Work(("export", "combined", "xenonnt", *_SCALAR, "--masses", "1:10:20", "-o", "out"), ("out",)),
    "point": Work(
        ("point", "combined", *_SCALAR, "--mass", "1", "--coupling", "1e-5", "-o", "p.json"), ("p.json", "p.meta.json")
    ),
    "verify": Work(("verify", "in/xenonnt.tar.gz")),
    "verify toys": Work(("verify", "in/toys.json", "--toys", "--jobs", "2")),
    "archive": Work(("archive", "xenonnt", *_SCALAR, "--masses", "1,10", "-o", "out"), ("out",), slow=True),
    "archive alone": Work(
        ("archive", "xenonnt", *_SCALAR, "--masses", "1,10", "--no-submission", "-o", "out"), ("out",)
    ),
    "hs3": Work(("hs3", "in/BkgOnly.json", "-o", "h.json"), ("h.json",)),
    "doctor": Work(("doctor",)),
    "completion": Work(("completion", "bash")),
}


def prepare(folder: Path) -> None:
    """Make what the works read, in ``folder/in``."""

    place = folder / "in"
    place.mkdir()
    commands = (
        ("archive", "xenonnt", *_SCALAR, "--masses", "1,10", "--no-submission", "-o", str(place), "--force"),
        ("export", "combined", "-o", str(place / "exported")),
        ("fit", "xenonnt", *_FLUX, *_TOYS, "1", "-o", str(place / "toys.json")),
    )
    for words in commands:
        subprocess.run([sys.executable, "-m", "spec_builder", *words], check=True, capture_output=True)
    (place / "exported/combined/BkgOnly.json").rename(place / "BkgOnly.json")


@dataclass(frozen=True)
class Ended:
    """How a run ended, and what it left."""

    status: int
    out: str
    err: str
    files: Mapping[str, bytes] = field(repr=False)
    temporary: tuple[str, ...] = ()
    alive: bool = False


def run(
    words: tuple[str, ...],
    folder: Path,
    *,
    number: int = 0,
    seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
    shell: str = 'exec "$@"',
    program: str | None = None,
) -> Ended:
    """Run a verb in a folder, and look at what is there afterwards.

    Args:
        words: its command line.
        folder: to work in.
        number: of a signal.
        seconds: when it comes; None for never.
        environment: what is different.
        shell: how bash runs it.
        program: in the place of the command's own.
    """
    start = ["-m", "spec_builder"] if program is None else ["-c", program]
    if seconds is not None:
        start = ["-c", BOOTSTRAP, str(int(number)), str(seconds)]
    command = ["bash", "-c", shell, "bash", sys.executable, *start, *words]
    with tempfile.TemporaryDirectory() as scratch:
        settings = os.environ | {"TMPDIR": scratch} | dict(environment or {})
        with subprocess.Popen(
            command, cwd=folder, env=settings, stdout=-1, stderr=-1, start_new_session=True, stdin=subprocess.DEVNULL
        ) as process:
            out, err = process.communicate(timeout=20 * PATIENCE_S)
        alive = _outlived(process.pid)
        temporary = tuple(sorted(str(path.relative_to(scratch)) for path in Path(scratch).rglob("*")))
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(folder / "in")
    }
    return Ended(process.returncode, out.decode(), err.decode(), files, temporary, alive)


def _outlived(session: int) -> bool:
    """Whether a process of a session is still there after a while."""
    end = monotonic() + PATIENCE_S
    while monotonic() < end:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return False
        sleep(0.05)
    os.killpg(session, signal.SIGKILL)
    return True
