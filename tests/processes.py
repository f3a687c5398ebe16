"""What processes do that a test has started: their children, whether they run, and the memory they take.

Processes and threads end while they are asked about. That is an answer here, never an error.
"""

from __future__ import annotations

import psutil


def children_of(pid: int) -> list[int]:
    """Process ids of a process's children, in the order of their start; none if it has ended."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def command_line(pid: int) -> str:
    """A process's arguments, separated by blanks; empty if it has ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return ""


def is_running(pid: int) -> bool:
    """Whether a process runs. A zombie, which its parent has not waited for, does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def resident_bytes(pid: int) -> int:
    """Memory that a process holds now."""
    return int(psutil.Process(pid).memory_info().rss)
