"""A time limit for one call of code that does not ask for the time: ``within``.

Most of veilog's loops ask between two pieces of work whether their time is used up (``budget``). Plugins do not ask,
nor do parsers, whose loops are too many and too short for that. So they are interrupted: ``Interrupted`` is raised
inside of the call, in whatever line it is at.

* In the main thread by a timer's signal (``SIGALRM``). That ends loops in Python, ``re`` and ``regex`` (which look for
  signals while they match), ``time.sleep``, and waiting for locks, files and sockets.
* In other threads by ``PyThreadState_SetAsyncExc``, which ends nothing but loops in Python. A pipeline runs in another
  thread only while a reload tests it.

A call is over its limit when it has used up the limit in processor time, as any record is: a process that waits for a
busy machine is not to blame. One that waits by itself is over it after ``WAITING`` limits on the wall.

``Interrupted`` is no ``Exception``, so ``except Exception`` lets it pass. It comes again every ``_AGAIN_SECS`` until
the call ends. A call that has swallowed it ``MAX_INTERRUPTS`` times cannot be ended from inside the process: the
process says on standard error what it called and exits with 1. Code in C that never looks for signals is not reached at
all: the sidecar's supervisor kills a worker that is silent for too long, and ``veilog filter`` hangs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from time import perf_counter, thread_time
from types import FrameType
from typing import Any, Final, TypeVar

from veilog_filters import clock

T = TypeVar("T")

WAITING: Final = 5
"""How many limits a call may take on the wall, if it does not use up the processor's time."""
MAX_INTERRUPTS: Final = 40
"""How often a call is interrupted before the process is ended."""
_AGAIN_SECS: Final = 0.05
_EXIT_FAILED: Final = 1
_OWN_FILE: Final = (lambda: None).__code__.co_filename
_NEVER_IN: Final = frozenset((_OWN_FILE, clock.secs.__code__.co_filename))


class Interrupted(BaseException):
    """The call was over its limit. Raised inside of it; the caller of ``within`` catches it."""


def within(limit_secs: float, name: str, function: Callable[..., T], *arguments: Any, waits: bool = True) -> T:
    """Call a function, and interrupt it when it takes too long. A call may be inside of another, whose limit stays.

    Args:
        limit_secs: what the call may take, in seconds.
        name: what is called, for the last words of a process that cannot interrupt it.
        function: what to call.
        arguments: what it is given.
        waits: whether it may wait (a plugin may); else only the processor's time counts, in the main thread.

    Raises:
        Interrupted: it took longer.
    """
    if threading.get_ident() == threading.main_thread().ident:
        return _ALARM.call(limit_secs, name, function, arguments, waits=waits)
    return _call_in_thread(limit_secs, name, function, arguments)


class _Ended(BaseException):
    """Replaces an interrupt that was raised and has not arrived yet."""


class _Interrupts:
    """How often a call was interrupted.

    Attributes:
        count: how often.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.count = 0

    def add(self) -> bool:
        """Count an interrupt; False if it is not to be raised. Ends the process after ``MAX_INTERRUPTS`` in vain."""
        self.count += 1
        if self.count == MAX_INTERRUPTS + 1:
            words = f"veilog: {self._name} hangs and cannot be interrupted; nothing more leaves.\n"
            os.write(2, words.encode())
            os._exit(_EXIT_FAILED)
        return self.count <= MAX_INTERRUPTS


def _enter(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """The outermost frame of a call that may be interrupted."""
    return function(*arguments)


class _Alarm:
    """The main thread's timer."""

    def __init__(self) -> None:
        self._is_installed = False
        self._waits = True
        self._interrupts: _Interrupts | None = None
        self._limit_secs = self._began = self._processor_began = 0.0

    def call(
        self, limit_secs: float, name: str, function: Callable[..., T], arguments: tuple[Any, ...], *, waits: bool
    ) -> T:
        if not self._is_installed:
            signal.signal(signal.SIGALRM, self._ring)
            self._is_installed = True
        outer = self._interrupts, self._limit_secs, self._began, self._processor_began, self._waits
        self._limit_secs, self._began, self._processor_began = limit_secs, perf_counter(), thread_time()
        self._interrupts, self._waits = _Interrupts(name), waits
        try:
            signal.setitimer(signal.ITIMER_REAL, limit_secs, _AGAIN_SECS)
            return _enter(function, arguments)
        finally:
            # In this order: the handler of a signal that has come already may run until the timer is stopped.
            self._interrupts = None
            signal.setitimer(signal.ITIMER_REAL, 0)
            if outer[0] is not None:
                self._interrupts, self._limit_secs, self._began, self._processor_began, self._waits = outer
                signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECS, _AGAIN_SECS)
                # Calls that come quickly one after the other would put the timer off for ever.
                self._interrupt_if_over()

    def _ring(self, _number: int, frame: FrameType | None) -> None:
        # In frames of this module the call is about to begin or over: raised there, it would leave the timer on. Raised
        # in a callback of the garbage collector (``clock``) it would be ignored, with words on standard error.
        if frame is not None and frame.f_code.co_filename not in _NEVER_IN:
            self._interrupt_if_over()

    def _interrupt_if_over(self) -> None:
        if self._interrupts is None:
            return
        is_used_up = thread_time() - self._processor_began >= self._limit_secs
        is_over = is_used_up or (self._waits and perf_counter() - self._began >= WAITING * self._limit_secs)
        if is_over and self._interrupts.add():
            raise Interrupted


_ALARM: Final = _Alarm()


def _call_in_thread(limit_secs: float, name: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    thread, interrupts = threading.get_ident(), _Interrupts(name)
    # Reentrant: an interrupt may arrive before the lock is released, and the same thread then acquires it again.
    done, lock = threading.Event(), threading.RLock()

    def watch() -> None:
        wait_secs = WAITING * limit_secs
        while not done.wait(wait_secs):
            with lock:
                if not done.is_set() and interrupts.add():
                    _raise_in(thread, ctypes.py_object(Interrupted))
            wait_secs = _AGAIN_SECS

    threading.Thread(target=watch, name="plugin-limit", daemon=True).start()
    end = partial(_end_in_thread, thread, done, lock, interrupts)
    try:
        try:
            return function(*arguments)
        finally:
            end()
    except Interrupted:
        end()  # it came on the way to the line above
        raise


def _end_in_thread(thread: int, done: threading.Event, lock: threading.RLock, interrupts: _Interrupts) -> None:
    """Stop interrupting the thread.

    One that was raised and has not come yet is replaced by ``_Ended``, which is waited for. To replace it by nothing
    would leave CPython 3.11's pending flag set: every thread would check for it at every jump from then on.
    """
    while True:
        try:
            with lock:
                done.set()
            if not interrupts.count:
                return
            _raise_in(thread, ctypes.py_object(_Ended))
            while True:
                time.sleep(0)
        except Interrupted:
            continue
        except _Ended:
            return


def _raise_in(thread: int, kind: ctypes.py_object[type[BaseException]]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), kind)
