"""Code of users ends in one line, whatever it does."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.patience import PATIENCE, call, patience_s

if TYPE_CHECKING:
    from collections.abc import Callable


class _MuteError(Exception):
    def __str__(self) -> str:
        raise SystemExit


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def function() -> NoReturn:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SystemExit(0), "SystemExit: 0"),
        (RecursionError("deep"), "RecursionError: deep"),
        (MemoryError(), "MemoryError: "),
        (GeneratorExit(), "GeneratorExit: "),
        (ValueError("two\nlines\x1b[31m"), r"ValueError: two lines\x1b[31m"),
        (SpecBuilderError("of another"), "SpecBuilderError: of another"),
        (_MuteError(), "_MuteError: without a message"),
    ],
)
def test_whatever_is_raised_is_one_line(error: BaseException, words: str) -> None:
    with pytest.raises(SpecBuilderError) as caught:
        call("mine.py", "terms", _raising(error))
    assert str(caught.value) == f"mine.py: terms failed ({words})"


def test_a_message_that_names_the_file_stays() -> None:
    with pytest.raises(SpecBuilderError, match=r"^mine\.py: order must be 1$"):
        call("mine.py", "terms", _raising(SpecBuilderError("mine.py: order must be 1")))


def test_ctrl_c_stays_ctrl_c_unless_the_code_raises_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        call("mine.py", "terms", _raising(KeyboardInterrupt()))
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)  # as in a worker, or on the command line
    with pytest.raises(SpecBuilderError, match="KeyboardInterrupt"):
        call("mine.py", "terms", _raising(KeyboardInterrupt()))

    class StopError(KeyboardInterrupt):
        pass

    with pytest.raises(StopError):
        call("mine.py", "terms", _raising(StopError()))


def _endless() -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001  # a user's own
            time.sleep(0.01)


def test_code_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATIENCE, "0.05")
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(SpecBuilderError, match=r"^mine\.py: terms has not ended after 0\.05 s"):
        call("mine.py", "terms", _endless)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_code_that_catches_everything_ends_the_command() -> None:
    program = (
        "import signal, time\nfrom spec_builder.base.patience import call\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "def stubborn():\n while True:\n  try: time.sleep(9)\n  except BaseException: pass\n"
        "call('mine.py', 'terms', stubborn)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], env={PATIENCE: "0.05"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("spec-builder: error: mine.py: terms has not ended")
    assert run.stderr.count("\n") == 1


def test_threads_have_no_limit_and_the_same_answer() -> None:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(call("mine.py", "terms", lambda: 3)))
    thread.start()
    thread.join()
    assert answers == [3]


def test_what_is_printed_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    call("mine.py", "terms", lambda: print("hello"))  # noqa: T201
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_patience_is_a_positive_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(PATIENCE, text)
    with pytest.raises(SpecBuilderError, match=f"SPEC_BUILDER_PATIENCE is '{text}'"):
        patience_s()
