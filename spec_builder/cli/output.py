"""What verbs print: results, and how far they are."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.base.files import Content
    from spec_builder.base.text import Result

__all__ = [
    "InterruptedByUserError",
    "Progress",
    "ResumableProgress",
    "StoppedError",
    "TerminatedError",
    "bibtex_of",
    "check_output",
    "complain",
    "emit",
    "say_written",
]


class InterruptedByUserError(KeyboardInterrupt):
    """Somebody pressed Ctrl-C: a plain KeyboardInterrupt was raised by code of a user's own."""


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end, by SIGTERM or, where its terminal is gone, SIGHUP.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


class StoppedError(Exception):
    """Somebody stopped the run.

    Attributes:
        status: that the process ends with, as shells count: 128 and the signal's number.
    """

    def __init__(self, stop: BaseException, message: str = "stopped") -> None:
        super().__init__(message)
        self.status = 128 + (stop.number if isinstance(stop, TerminatedError) else signal.SIGINT)


#: Characters of a message: one may hold what a file holds.
_LONGEST = 2000


def emit(
    result: str | Result,
    output: str,
    *,
    force: bool,
    as_json: bool = False,
    as_csv: bool = False,
    beside: Mapping[Path, Content] | None = None,
) -> None:
    """Print, or write to a file; of a result the form is that of the flags, or of the file's suffix.

    Args:
        result: or its text.
        output: the file, ``-`` to print.
        force: replace files that exist.
        as_json: the form where no suffix says it.
        as_csv: likewise.
        beside: other files of the same run, such as figures: with the output they are all written, or none.
    """
    files = dict(beside or {})
    text = None
    if output != "-":
        files[Path(output)] = _content(result, output, as_json=as_json, as_csv=as_csv)
    else:
        text = _text(result, as_json=as_json, as_csv=as_csv)
    if files:
        from spec_builder.base.files import write_files  # noqa: PLC0415

        write_files(files, force=force)
    if text is not None:
        click.echo(printable(text), nl=False)


def _content(result: str | Result, output: str, *, as_json: bool, as_csv: bool) -> Content:
    from spec_builder.base.saving import has_form, result_content  # noqa: PLC0415

    if not isinstance(result, str) and has_form(output):
        return result_content(result, output)
    return _text(result, as_json=as_json, as_csv=as_csv)


def _text(result: str | Result, *, as_json: bool, as_csv: bool) -> str:
    if isinstance(result, str):
        return result
    if as_json:
        return result.to_json()
    return result.to_csv() if as_csv else str(result)


def check_output(given: Mapping[str, Any], forms: tuple[str, ...]) -> None:
    """Refuse a file before anything is computed: its suffix, one that the flags contradict, or one that is there.

    Args:
        given: parameters that stand on the command line, by name.
        forms: suffixes that the verb writes.

    Raises:
        SpecBuilderError: saying what is wrong.
    """
    output = given.get("output")
    if output in (None, "-"):
        return
    from spec_builder.base.files import refuse_existing  # noqa: PLC0415
    from spec_builder.base.saving import check_form, has_form  # noqa: PLC0415

    path = Path(str(output))
    if has_form(path) and not given.get("cite"):
        suffix = check_form(path, forms)
        for flag, own in (("as_json", ".json"), ("as_csv", ".csv")):
            if given.get(flag) and suffix != own:
                raise SpecBuilderError(f"{path}: --{flag.removeprefix('as_')} writes {own}; leave one of them out")
    refuse_existing(path, force=bool(given.get("force")))


def say_written(path: str | Path) -> None:
    """Name a file or folder that was written, in one line."""
    click.echo(printable(str(path)).replace("\n", "\\n"))


def complain(message: str) -> None:
    """Say what is wrong, in one line on stderr."""
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
    click.echo(f"spec-builder: error: {one_line(shown)}", err=True)


def bibtex_of(sources: Iterable[str], *methods: str) -> str:
    """Entries to cite with a result."""
    from spec_builder.sharing.citations import bibtex  # noqa: PLC0415

    return bibtex(sources, methods=methods)


class Progress:
    """Steps as lines on stderr; on a terminal also what is done of one and the time left, once it takes two seconds."""

    def __enter__(self) -> Self:
        self._step, self._shown = "", False
        self._start()
        return self

    def _start(self) -> None:
        self._begin, self._first = monotonic(), -1

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None:
        """Say that a step begins, or how far it is; see :class:`spec_builder.base.progress.Steps`."""
        if step != self._step:
            self._end_line()
            self._step = step
            self._start()
            click.echo(one_line(step), err=True)
        if not total:
            return
        if self._first < 0:
            self._first = done
        passed = monotonic() - self._begin
        if sys.stderr.isatty() and passed > 2 and done > self._first:
            left = passed / (done - self._first) * (total - done)
            click.echo(f"\r{100 * done // total:3d} %  {left:5.0f} s left ", nl=False, err=True)
            self._shown = True

    def _end_line(self) -> None:
        if self._shown:
            click.echo("", err=True)
            self._shown = False

    def __exit__(self, *_: object) -> None:
        self._end_line()


class ResumableProgress(Progress):
    """Progress of a run that keeps its chunks, and says that it goes on, or that it can be gone on with.

    Args:
        output: the file that the run ends in.
        before: files of parts of the same run that are done, and whose chunks are kept too.
    """

    def __init__(self, output: Path, *before: Path) -> None:
        self._output, self._before, self._told = output, before, False
        self._old = _state(output)

    @property
    def written(self) -> bool:
        """Whether the output has come meanwhile: all of it, since it gets its name last."""
        return _state(self._output) != self._old

    def chunks(self, done: int, total: int) -> None:
        """Take note of how many chunks are done."""
        if done and not self._told:
            click.echo(f"goes on where it was stopped: {done} of {total} chunks are there", err=True)
        self._told = True
        self("", done, total)

    def __exit__(self, *about: object) -> None:
        super().__exit__(*about)
        error = about[1]
        if not isinstance(error, KeyboardInterrupt):
            return
        from spec_builder.base.chunks import chunk_folder  # noqa: PLC0415

        folders = [chunk_folder(path) for path in (*self._before, self._output)]
        counts = {folder: len(list(folder.glob("chunk-*.npz"))) for folder in folders}
        kept = sum(counts.values())
        if self.written:
            message = f"stopped when {self._output} was written"
        elif kept:
            chunks = "1 chunk is" if kept == 1 else f"{kept} chunks are"
            places = " and ".join(str(folder) for folder in folders if counts[folder])
            message = f"stopped; {chunks} kept in {places}: give the same command again to go on from there"
        else:
            message = "stopped before a chunk was done: give the same command again to begin anew"
        raise StoppedError(error, message) from None


def _state(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from another one that takes its place; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_mtime_ns
