"""`pd.steps`: the trigger and what earlier steps exported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


_ABSENT: Any = object()


class Attributes(dict):  # type: ignore[type-arg]
    """A dict whose keys can be read as attributes too, where they do not hide a method of dict."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here; there are: {', '.join(map(str, self)) or 'none'}") from None


class Steps(Attributes):
    """Earlier steps by name, `trigger` among them."""

    def __missing__(self, name: Any) -> NoReturn:
        error = KeyError(name)
        error.add_note(f"Only steps that ran before this one are here: {', '.join(map(str, self))}.")
        raise error


class Event(Attributes):
    """A request; a key that it lacks is looked up in its JSON body. Iterating, `len` and dumping show the request."""

    def _body(self) -> dict[str, Any]:
        body = dict.get(self, "body")
        return body if isinstance(body, dict) else {}

    def __missing__(self, key: str) -> Any:
        return self._body()[key]

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or key in self._body()

    def get(self, key: str, default: Any = None) -> Any:
        """The request's own value, else the body's, else `default`."""
        found = dict.get(self, key, _ABSENT)
        return self._body().get(key, default) if found is _ABSENT else found
