"""What a version's runs import, and importing that in another environment of it before its first run."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MODULES_MAX = 5_000
_NAME_MAX = 200


def imported(before: frozenset[str]) -> list[str]:
    """Modules that came since, in the order in which their imports ended: of packages and of Python's own, never of the author's
    files, which are code that waits for a run."""
    roots = tuple(path + "/" for path in sys.path if path.startswith("/") and not path.startswith("/tmp"))
    names = []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        origin = getattr(spec, "origin", None)
        if name in before or not isinstance(name, str) or len(name) > _NAME_MAX or not isinstance(origin, str):
            continue
        if origin.startswith(roots) or origin in ("built-in", "frozen"):
            names.append(name)
            if len(names) == _MODULES_MAX:
                break
    return names


def import_all(names: Iterable[str]) -> None:
    """Imports them as far as that is possible: what fails here fails again where the author's own line can say so."""
    failed: tuple[str, ...] = ()
    for name in names:
        # Whatever lies below a package that has failed would try that again.
        if name not in sys.modules and not f"{name}.".startswith(failed):
            try:
                __import__(name)
            except BaseException:  # SystemExit, too: an import is no reason to end.
                failed += (f"{_missing(name)}.",)


def _missing(name: str) -> str:
    """The outermost package of a module's name that is not there."""
    end = name.find(".")
    while end >= 0 and name[:end] in sys.modules:
        end = name.find(".", end + 1)
    return name if end < 0 else name[:end]
