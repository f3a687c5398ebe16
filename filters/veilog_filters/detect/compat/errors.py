"""What is said when the installed libraries are not what veilog was written for: names, versions and what to do."""

from __future__ import annotations

from veilog_filters.detect.compat.internals import MISSING, Mismatch, version_of
from veilog_filters.detect.compat.listed import TRIED, Part
from veilog_filters.yaml_file import InvalidError


class CompatError(InvalidError):
    """A library does not do what a guard needs, or fails altogether: veilog must not start.

    Args:
        library: the distribution at fault.
        problem: what it does, as a verb and what belongs to it.
        expected: what veilog needs instead.
    """

    def __init__(self, library: str, problem: str, expected: str) -> None:
        tried = f"install {library}=={TRIED[library]}, " if library in TRIED else "install the libraries "
        super().__init__(
            f"the installed {library} {version_of(library)} {problem}; veilog needs {expected}",
            f"{tried}with which this veilog was tried, or a newer veilog",
        )


class UnsupportedError(Exception):
    """A fast path could find something else than the installed Presidio does. Use its engine itself.

    Args:
        part: the fast path.
        library: the distribution that is not what it was written for.
        reason: what shows it: names and constants.
    """

    def __init__(self, part: Part, library: str, reason: str) -> None:
        super().__init__(f"{part}: {library} {version_of(library)}: {reason}")
        self.part = part
        self.library = library
        self.version = version_of(library)
        self.reason = reason

    @classmethod
    def of(cls, mismatch: Mismatch) -> UnsupportedError:
        """The error for an internal that is not what it was."""
        internal = mismatch.internal
        verb = "is" if mismatch.found == MISSING else "has"
        return cls(internal.part, internal.library, f"{internal} {verb} {mismatch.found}")

    def as_refusal(self) -> CompatError:
        """The error where it is too late to use the engine."""
        return CompatError(
            self.library,
            f"has changed since this start ({self.reason})",
            "the libraries to stay as they are: restart it",
        )
