"""What veilog uses of other libraries that they do not promise: how to get it, and whether it is still the same.

No module outside this package may name an internal, and ``take`` knows only what is listed (``listed``). An internal
that is missing or has another fingerprint is a *mismatch*: nobody has read the new one, so the fast path that depends
on it is not used.

Nothing here imports a library before somebody asks for one of its internals.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import platform
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, Final

from veilog_filters.detect.compat.listed import CYTHON, INTERNALS, PYTHON, Internal, Part

_BY_NAME: Final = {(internal.module, internal.path): internal for internal in INTERNALS}


@dataclasses.dataclass(frozen=True, slots=True)
class Mismatch:
    """An internal that is not what veilog was written for.

    Attributes:
        internal: which.
        found: ``missing`` or ``changed``.
    """

    internal: Internal
    found: str


MISSING: Final = "missing"
CHANGED: Final = "changed"


def find(internal: Internal) -> Any:
    """The internal itself; of a Cython function, its source.

    Raises:
        LookupError: it is not there.
    """
    if internal.module.endswith(CYTHON):
        return _cython_source(internal.module, internal.path)
    try:
        found: Any = importlib.import_module(internal.module)
        for name in internal.path.split("."):
            if name.startswith("__") and not name.endswith("__") and inspect.isclass(found):
                name = f"_{found.__name__.lstrip('_')}{name}"
            found = getattr(found, name)
    except (ImportError, AttributeError):
        raise LookupError(f"{internal.module} has no {internal.path}") from None
    return found


def take(module: str, path: str) -> Any:
    """An internal that is listed; None if the library does not have it, which ``mismatches`` tells before it is used.

    Args:
        module: as listed.
        path: as listed.
    """
    try:
        return find(_BY_NAME[module, path])
    except LookupError:
        if (module, path) not in _BY_NAME:
            raise
        return None


def mismatches(parts: Iterable[Part]) -> Iterator[Mismatch]:
    """Internals on which some parts depend and which are not what veilog was written for."""
    wanted = frozenset(parts)
    for internal in INTERNALS:
        if internal.part not in wanted:
            continue
        try:
            found = find(internal)
        except LookupError:
            yield Mismatch(internal, MISSING)
            continue
        if internal.fingerprints and fingerprint(found) not in internal.fingerprints:
            yield Mismatch(internal, CHANGED)


def fingerprint(value: Any) -> str:
    """A digest of what an internal is: a function's source, a value; empty if it has neither."""
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    value = getattr(value, "__func__", value)
    if isinstance(value, FunctionType):
        return _of_function(value)
    described = _described(value)
    return _digest(described) if described is not None else ""


@functools.cache
def _of_function(function: FunctionType) -> str:
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return ""
    return _digest(_normal(source))


def _normal(source: str) -> str:
    return "\n".join(line.rstrip() for line in textwrap.dedent(source).strip().splitlines())


def _described(value: Any) -> str | None:
    """A value in words, if it is of a type whose words say all."""
    if isinstance(value, re.Pattern):
        return f"pattern {value.pattern!r} {value.flags}"
    if isinstance(value, tuple):
        parts = [_described(part) for part in value]
        return None if None in parts else f"({', '.join(map(str, parts))})"
    return repr(value) if type(value) in (int, str) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _cython_source(file: str, name: str) -> str:
    """The source of a function of a Cython module.

    Raises:
        LookupError: the file or the function is not there.
    """
    text = _text_beside(file)
    found = re.search(rf"^( *)(?:cdef|cpdef|def) [^\n]*\b{name}\(.*?(?=^\1[^\s)]|\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f"{file} has no {name}")
    return _normal(found[0])


@functools.cache
def _text_beside(file: str) -> str:
    try:
        return _path_of(file).read_text(encoding="utf-8")
    except OSError:
        return ""


def _path_of(file: str) -> Path:
    """Where a file of a package is, without importing the package."""
    package, _, rest = file.partition("/")
    spec = importlib.util.find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        return Path(folder) / rest
    return Path(file)


def version_of(library: str) -> str:
    """The installed version of a library."""
    if library == PYTHON:
        return platform.python_version()
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def files_digest() -> str:
    """A digest of the files that have the internals, without importing any: what was tried with them still holds.

    Takes a few milliseconds. A file that is not there, such as in an archive, counts by its name.
    """
    digest = hashlib.sha256()
    for module in sorted({internal.module for internal in INTERNALS if internal.library != PYTHON}):
        file = module if module.endswith(CYTHON) else module.replace(".", "/") + ".py"
        digest.update(f"{file}\0".encode())
        try:
            data = _path_of(file).read_bytes()
        except OSError:
            data = b""
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:32]
