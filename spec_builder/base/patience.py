"""Code of users: it runs within this process, and whatever it does ends in one line that says whose it is."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["PATIENCE", "call", "patience_s", "stops_are_told"]

T = TypeVar("T")

#: Environment variable: seconds that code of a user may take for one answer.
PATIENCE = "SPEC_BUILDER_PATIENCE"
_DEFAULT_S = 10.0
#: Code that catches what should end it is asked so often, once a second, before the command ends.
_MOST_ASKED = 5
#: Characters of a user's own message.
_SHOWN = 300


def patience_s() -> float:
    """Seconds that code of a user may take for one answer.

    Raises:
        SpecBuilderError: if the environment names no positive number.
    """
    text = os.environ.get(PATIENCE, "")
    try:
        seconds = float(text or _DEFAULT_S)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SpecBuilderError(f"{PATIENCE} is '{text}', expected a positive number of seconds")
    return seconds


def call(where: str, what: str, function: Callable[[], T]) -> T:
    """What a function of a user gives, within the time allowed; what it prints goes to standard error.

    Args:
        where: its file, for the message; a message of ours that names it already stays as it is.
        what: its name.
        function: calls it.

    Raises:
        SpecBuilderError: if it raises anything, ends the program, or does not answer in time.
    """
    try:
        # what is not finite is found by whoever asked
        with _time_limit(f"{where}: {what}"), contextlib.redirect_stdout(sys.stderr), np.errstate(all="ignore"):
            return function()
    except _TooLongError as error:
        raise SpecBuilderError(str(error)) from None
    except BaseException as error:
        if _is_a_stop(error):
            raise
        if isinstance(error, SpecBuilderError) and str(error).startswith(f"{where}: "):
            raise
        raise SpecBuilderError(f"{where}: {what} failed ({_described(error)})") from None


class _TooLongError(BaseException):
    """The time is over; no `except Exception` of the user's holds it back."""


def stops_are_told() -> bool:
    """Whether whoever stops this process raises a class of its own: then a plain ``KeyboardInterrupt`` is a user's."""
    return signal.getsignal(signal.SIGINT) is not signal.default_int_handler


def _is_a_stop(error: BaseException) -> bool:
    """Whether somebody stopped the run, and not the code itself."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    return type(error) is not KeyboardInterrupt or not stops_are_told()


def _described(error: BaseException) -> str:
    try:
        text = one_line(str(error))
    except BaseException:  # noqa: BLE001  # its own __str__ may do anything
        text = "without a message"
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"{type(error).__name__}: {shown}"


@contextlib.contextmanager
def _time_limit(what: str) -> Iterator[None]:
    """End what takes too long: by a signal, which the main thread of a process alone can get."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    seconds = patience_s()
    message = f"{what} has not ended after {seconds:g} s; {PATIENCE}=SECONDS allows more"
    asked = 0

    def over(_: int, __: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > _MOST_ASKED and stops_are_told():  # on the command line, or in a worker of it
            os.write(2, f"spec-builder: error: {one_line(message)}\n".encode())
            os._exit(2)
        raise _TooLongError(message)

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
