"""Signals that wait until what must not be broken off is done."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["held_back"]

#: Those that ask a process for its end, of those that the system has.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP act when the block is done; those that are ignored stay so.

    Handlers of Python run in the main thread alone: in another one there is nothing to hold.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    came: list[int] = []
    with contextlib.ExitStack() as after:  # does all of it, whatever comes meanwhile
        after.callback(_send_again, came)
        for number, handler in before.items():
            if handler is not None and handler is not signal.SIG_IGN:  # None: not set by Python
                after.callback(signal.signal, number, handler)
                signal.signal(number, lambda number, _: came.append(number))
        yield


def _send_again(numbers: list[int]) -> None:
    for number in numbers:
        signal.raise_signal(number)
