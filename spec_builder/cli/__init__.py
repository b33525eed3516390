"""The command line: parses, calls and prints. All it does can be done from Python with the same names."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from spec_builder.base.errors import ExistsError, SpecBuilderError
from spec_builder.base.names import meant
from spec_builder.base.printing import open_streams, tolerant_streams
from spec_builder.base.threads import one_thread_of_blas
from spec_builder.base.version import __version__
from spec_builder.cli.doctor import completion, doctor
from spec_builder.cli.examples import tell
from spec_builder.cli.exclusions import limits, plane, scan
from spec_builder.cli.explanations import explain
from spec_builder.cli.explore import explore
from spec_builder.cli.fits import fit, profile
from spec_builder.cli.imports import import_release
from spec_builder.cli.inputs import experiments, spectrum
from spec_builder.cli.options import OutputOption
from spec_builder.cli.output import InterruptedByUserError, StoppedError, TerminatedError, check_output, complain
from spec_builder.cli.paper import compare, reproduce
from spec_builder.cli.points import events, point
from spec_builder.cli.sharing import archive, export, hs3, verify
from spec_builder.cli.toys import coverage

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["cli", "main"]

#: Errors of the system that writing to a stream ends in.
_OF_STREAMS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF}
_NUMBERS = (click.types.IntParamType, click.types.FloatParamType)
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
#: As ``--help`` groups them.
_VERBS: dict[str, tuple[click.Command, ...]] = {
    "Look at what is there": (experiments, import_release, spectrum),
    "Fit": (fit, profile, events),
    "Limit new physics": (limits, explain, scan, plane, explore, coverage),
    "The paper's numbers and figures": (reproduce, compare),
    "Share": (export, point, archive, verify, hs3),
    "The program": (doctor, completion),
}


def main() -> None:
    """Entry point: a mistake ends in one line on stderr and exit status 2, Ctrl-C in 130, SIGTERM in 143."""
    open_streams()
    tolerant_streams()
    # numpy reads it when it is loaded, and ends where it is no number; nothing that is written depends on it
    os.environ.pop("SOURCE_DATE_EPOCH", None)
    os.environ["MPLBACKEND"] = "agg"  # figures are files
    one_thread_of_blas()
    _stops.clear()
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # numbers that are not finite are told in words
    signal.signal(signal.SIGTERM, _terminate)
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up is not None and signal.getsignal(hang_up) is signal.SIG_DFL:  # and not ignored, as under nohup
        signal.signal(hang_up, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as in the background
        signal.signal(signal.SIGINT, _interrupt)
    try:
        code = cli.main(prog_name="spec-builder", standalone_mode=False)
    except ExistsError as error:
        _fail(f"{error} or --force")
    except SpecBuilderError as error:
        _fail(str(error))
    except StoppedError as stop:
        _end(stop)
    except click.exceptions.Abort as abort:  # click's word for a signal while it parses, and for the end of a stream
        if isinstance(abort.__context__, EOFError):
            _fail("a process that was to answer has ended; run again")
        _end(StoppedError(abort.__context__ or abort))
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        verb = "spec-builder" if context is None else context.command_path
        _fail(f"{error.format_message().rstrip('.')}; see {verb} --help")
    except MemoryError:
        _fail("more memory is needed than there is: ask for fewer points, patches or toys at a time")
    except OSError as error:
        _fail(f"{error.filename or _without_name(error)}: {error.strerror or error}")
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _without_name(error: OSError) -> str:
    """What an error of the system is about that names no file."""
    if error.errno in _OF_STREAMS:
        return "standard output"
    try:
        Path.cwd()
    except OSError:
        return "the folder that this was started in"
    return "the system"


def _end(stop: StoppedError) -> NoReturn:
    """Say that the run was stopped, and end: another signal changes nothing."""
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # the terminal may be gone
        complain(str(stop))
    sys.exit(stop.status)


def _fail(message: str) -> NoReturn:
    try:
        complain(message)
        sys.stdout.flush()
    except OSError:  # nobody can be told: and nothing that is left is flushed at the end
        os._exit(2)
    sys.exit(2)


#: Signals that asked for the end.
_stops: list[KeyboardInterrupt] = []


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    _stops.append(TerminatedError(number))
    raise _stops[-1]


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    _stops.append(InterruptedByUserError())
    raise _stops[-1]


def _cite(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from spec_builder.sharing.citations import bibtex  # noqa: PLC0415

        click.echo(bibtex(), nl=False)
        context.exit()


class _Verbs(click.Group):
    """Lists its verbs in groups, tells who stopped one, and refuses an option of one value twice."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """A heading for each group."""
        longest = max(map(len, self.commands))
        for heading, verbs in _VERBS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{verb.name:{longest}}", verb.get_short_help_str(formatter.width)) for verb in verbs]
                )

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise StoppedError(stop) from None
        except StoppedError:
            raise
        except Exception:
            if not _stops:
                raise
            raise StoppedError(_stops[0]) from None  # compiled modules that are being loaded end in other errors

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, and a look at the verb's options before click takes the last of each."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"No such command '{args[0]}'{meant(args[0], self.commands)}", ctx=ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _look_ahead(click.Context(command, info_name=name, parent=ctx), rest)
        return name, command, rest


def _look_ahead(context: click.Context, args: list[str]) -> None:
    """Refuse an option that takes one value and is given more than once, and a file that cannot be written.

    Raises:
        click.UsageError: naming the option.
        SpecBuilderError: naming the file.
    """
    try:
        given, _, order = context.command.make_parser(context).parse_args(args=list(args))
    except click.UsageError:
        return  # said better where the verb parses them
    single = [p for p in order if isinstance(p, click.Option) and not (p.multiple or p.is_flag)]
    for option in single:
        if single.count(option) > 1:
            raise click.UsageError(f"Option '{option.opts[0]}' is given twice, expected once", ctx=context)
    for parameter in order:
        if isinstance(parameter, click.Option) and isinstance(parameter.type, _NUMBERS):
            _check_digits(parameter, given[str(parameter.name)], context)
    if given.get("as_json") and given.get("as_csv"):
        raise SpecBuilderError(f"{context.info_name}: give --json or --csv, not both")
    if given.get("output") == "":  # '' is the folder that one is in
        raise SpecBuilderError("output '': expected a name")
    for option in single:
        if isinstance(option, OutputOption):
            check_output(given, option.forms)


def _check_digits(option: click.Option, words: str | list[str], context: click.Context) -> None:
    """Refuse what Python takes for a number and nobody else does: 1_0, and digits of other alphabets.

    Raises:
        click.UsageError: naming the option.
    """
    for word in [words] if isinstance(words, str) else words:
        if "_" in word or not word.isascii():
            message = f"Invalid value for '{option.opts[0]}': {word!r} is not a number"
            raise click.UsageError(message, ctx=context)


@click.group(cls=_Verbs, context_settings=_CONTEXT, no_args_is_help=False, subcommand_metavar="VERB [ARGS]...")
@click.version_option(__version__, "--version", "-V", prog_name="spec-builder")
@click.option(
    "--cite", is_flag=True, is_eager=True, expose_value=False, callback=_cite, help="BibTeX to cite, and exit."
)
def cli() -> None:
    """Likelihoods of neutrino scattering on nuclei and electrons, as pyhf workspaces, fits and limits.

    Most verbs take an ANALYSIS: a name (xenonnt, pandax4t, combined, coherent_csi, eves, global, ...), the path of an
    experiment's folder, several of these joined by '+', or a TOML file of your own. The paper is arXiv:2411.11749.
    Options and examples of a verb: spec-builder VERB --help.
    """


for group in _VERBS.values():
    for verb in group:
        tell(verb)
        cli.add_command(verb)
