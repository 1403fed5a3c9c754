"""Data stores: what steps keep between runs, as a dict that lives in the platform."""

from __future__ import annotations

import json
from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView

from millrace_runtime.calls import call
from pipedream import _values
from pipedream._errors import PlatformError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    Operation = tuple[dict[str, Any], bytes]

_KEY_BYTES_MAX = 1024
_VALUE_BYTES_MAX = 1 << 20
_OPERATIONS_MAX = 1000
#: Arguments of one call may have 256 KiB; keys count several times their size when they have to be escaped.
_KEY_BYTES_OF_CALL_MAX = 30_000
_ABSENT: Any = object()


class MissingKey(KeyError, TypeError):
    """There is no such key. A TypeError too, because that is what Pipedream's data stores raise."""


class Conflict(PlatformError):
    """What a transaction relied on is no longer so; nothing of it was written."""


class Store(MutableMapping):  # type: ignore[type-arg]
    """A data store. Keys are str of up to 1 KiB in UTF-8, values any JSON of up to 1 MiB."""

    Conflict = Conflict

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<data store {self._name!r}>"

    def __bool__(self) -> bool:
        """Always true: whether a store was given must not depend on what is in it."""
        return True

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    # One key.

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, _ABSENT)
        if value is _ABSENT:
            raise MissingKey(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, else `default`."""
        for _, value in self._read([_check_key(key)]):
            return value
        return default

    def __contains__(self, key: object) -> bool:
        return self.get(key, _ABSENT) is not _ABSENT  # type: ignore[arg-type]

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Writes a value, for `ttl` seconds or, without, for good."""
        self._write([self._set("set", key, value, ttl)])

    def set_ttl(self, key: str, ttl: float | None) -> None:
        """Lets a key end `ttl` seconds from now, or never with None."""
        if self._write([_operation("expire", key, ttl=_check_ttl(ttl))])[0] is None:
            raise MissingKey(key)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def pop(self, key: str, default: Any = _ABSENT) -> Any:
        """Removes a key and returns what its value was, else `default`."""
        was = self._write([_operation("delete", key)])[0]
        if was is not None:
            return json.loads(was)
        if default is _ABSENT:
            raise MissingKey(key)
        return default

    def popitem(self) -> tuple[str, Any]:
        """Removes some key and returns it with its value; KeyError when the store is empty."""
        for key in self:
            value = self.pop(key, _ABSENT)
            if value is not _ABSENT:
                return key, value
        raise MissingKey(f"{self!r} is empty")

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is `default` from now on if there was none; at once, whoever else writes."""
        was = self._write([self._set("insert", key, default, None)])[0]
        return default if was is None else json.loads(was)

    # At once, whoever else writes.

    def increment(self, key: str, amount: float = 1, ttl: float | None = None) -> Any:
        """Adds to a number and returns the sum; a key that is not there counts as 0, and lives for `ttl` seconds then."""
        return json.loads(self._write([_increment(key, amount, ttl)])[0] or b"null")

    def append(self, key: str, *values: Any) -> None:
        """Puts values at the end of a list; a key that is not there counts as an empty one."""
        if values:
            self._write([self._append(key, values)])

    def compare_and_set(self, key: str, expected: Any, value: Any, ttl: float | None = None) -> bool:
        """Writes a value only if the present one equals `expected`, None standing for a key that is not there."""
        try:
            self._write([self._check(key, expected), self._set("set", key, value, ttl)])
        except Conflict:
            return False
        return True

    def transaction(self) -> Transaction:
        """A block that is written at its end, all or nothing; raises `store.Conflict` when what it has read has changed."""
        return Transaction(self)

    def transact(self, function: Callable[[Transaction], Any], attempts: int = 20) -> Any:
        """Calls `function` with a transaction and writes it; after a conflict, all anew. Returns what the function returned."""
        import random
        import time

        for attempt in range(1, attempts + 1):
            transaction = Transaction(self)
            result = function(transaction)
            try:
                transaction.commit()
                return result
            except Conflict:
                if attempt == attempts:
                    raise
                time.sleep(random.uniform(0, min(0.002 * 2**attempt, 0.5)))
        raise ValueError("transact: attempts must be at least 1")

    # Many keys.

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that are there."""
        found: dict[str, Any] = {}
        for batch in _batches(map(_check_key, keys), lambda key: (len(key.encode()), 0)):
            found.update(self._read(batch))
        return found

    def set_many(self, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """Writes many keys with few requests; each request is written as a whole, up to 1 MiB of values and 1,000 keys."""
        operations = (self._set("set", key, value, ttl) for key, value in values.items())
        for batch in _batches(operations, lambda one: (len(one[0]["key"].encode()), len(one[1]))):
            self._write(batch)

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Writes the keys of a dict, of pairs or of arguments, as `set_many` does."""
        self.set_many(dict(other, **more))

    def clear(self) -> None:
        """Removes everything that was there when it began."""
        after = ""
        while after is not None:
            after = self._call("store.clear", {"after": after})[0]

    def __len__(self) -> int:
        return int(self._ask("store.count", {})[0])

    def __iter__(self) -> Iterator[str]:
        return self._keys("")

    def keys(self, prefix: str = "") -> Keys:
        """The keys, or those that start with `prefix`, in order; read page by page, so writing meanwhile does no harm."""
        return Keys(self, prefix)

    def values(self, prefix: str = "") -> Values:
        """The values, in the order of their keys."""
        return Values(self, prefix)

    def items(self, prefix: str = "") -> Items:
        """Keys and values, in the order of the keys."""
        return Items(self, prefix)

    # Inside.

    def _keys(self, prefix: str) -> Iterator[str]:
        after, more = "", True
        while more:
            page, _ = self._ask("store.keys", {"prefix": prefix, "after": after})
            yield from page["keys"]
            more = page["more"]
            after = page["keys"][-1] if more else ""

    def _items(self, prefix: str) -> Iterator[tuple[str, Any]]:
        after, more = "", True
        while more:
            page, body = self._ask("store.entries", {"prefix": prefix, "after": after})
            yield from _entries(page["entries"], body)
            more = page["more"]
            after = page["entries"][-1][0] if more else ""

    def _read(self, keys: list[str]) -> Iterator[tuple[str, Any]]:
        while keys:
            page, body = self._ask("store.read", {"keys": keys})
            entries = page["entries"]
            yield from _entries(entries, body)
            # The keys that were not looked at are behind the last one, in the order of their bytes.
            keys = [key for key in keys if key.encode() > entries[-1][0].encode()] if page["more"] else []

    def _write(self, operations: list[Operation]) -> list[bytes | None]:
        request = {"operations": [operation for operation, _ in operations]}
        body = b"".join(value for _, value in operations)
        try:
            answer, data = self._call("store.write", request, body)
        except PlatformError as error:
            if error.reason == "DATA_STORE_CONFLICT":
                conflict = Conflict(str(error))
                conflict.reason = error.reason
                raise conflict from None
            raise
        results: list[bytes | None] = []
        position = 0
        for size in answer["sizes"]:
            results.append(None if size is None else data[position : position + size])
            position += size or 0
        return results

    def _ask(self, method: str, request: dict[str, Any]) -> tuple[Any, bytes]:
        """Reads: apart from the writes, whose numbers must be the same when the step is run again."""
        return call(method, {"store": self._name, **request}, apart=True)

    def _call(self, method: str, request: dict[str, Any], body: bytes = b"") -> tuple[Any, bytes]:
        return call(method, {"store": self._name, **request}, body)

    def _set(self, kind: str, key: str, value: Any, ttl: float | None) -> Operation:
        text = self._encode(key, value)
        return {"kind": kind, "key": _check_key(key), "size": len(text), "ttl": _check_ttl(ttl)}, text

    def _check(self, key: str, expected: Any) -> Operation:
        if expected is None:
            return _operation("check", key)
        text = self._encode(key, expected)
        return {"kind": "check", "key": _check_key(key), "size": len(text)}, text

    def _append(self, key: str, values: tuple[Any, ...]) -> Operation:
        text = b",".join(self._encode(key, value) for value in values)
        return {"kind": "append", "key": _check_key(key), "size": len(text)}, text

    def _encode(self, key: Any, value: Any) -> bytes:
        text = _values.encode(value, f"store[{key!r}]")
        if len(text) > _VALUE_BYTES_MAX:
            size = len(text) / _VALUE_BYTES_MAX
            raise ValueError(f"store[{str(key)[:80]!r}]: a value may have 1 MiB as JSON, this one has {size:.2f} MiB")
        return text


class Keys(KeysView):  # type: ignore[type-arg]
    """The keys of a data store; `list()` makes a list of them."""

    def __init__(self, store: Store, prefix: str) -> None:
        super().__init__(store)
        self._store = store
        self._prefix = _check_text(prefix, "a prefix")

    def __iter__(self) -> Iterator[str]:
        return self._store._keys(self._prefix)

    def __len__(self) -> int:
        return sum(1 for _ in self) if self._prefix else len(self._store)

    def __contains__(self, key: object) -> bool:
        return str(key).startswith(self._prefix) and key in self._store

    def __repr__(self) -> str:
        return f"<keys of {self._store!r}>"


class Values(ValuesView):  # type: ignore[type-arg]
    """The values of a data store; `list()` makes a list of them."""

    def __init__(self, store: Store, prefix: str) -> None:
        super().__init__(store)
        self._keys = Keys(store, prefix)

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self._keys._store._items(self._keys._prefix))

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, value: object) -> bool:
        return any(one == value for one in self)

    def __repr__(self) -> str:
        return f"<values of {self._keys._store!r}>"


class Items(ItemsView):  # type: ignore[type-arg]
    """Keys and values of a data store; `dict()` makes a dict of them."""

    def __init__(self, store: Store, prefix: str) -> None:
        super().__init__(store)
        self._keys = Keys(store, prefix)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._keys._store._items(self._keys._prefix)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, item: object) -> bool:
        pair: Any = item
        return pair[0] in self._keys and bool(self._keys._store.get(pair[0], _ABSENT) == pair[1])

    def __repr__(self) -> str:
        return f"<items of {self._keys._store!r}>"


class Transaction:
    """Reads look into the store and must still be so at the end; writes are gathered until then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, Any] = {}
        self._written: dict[str, Any] = {}
        self._changed: set[str] = set()
        self._operations: list[Operation] = []

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.commit()

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, _ABSENT)
        if value is _ABSENT:
            raise MissingKey(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key as this transaction sees it, else `default`."""
        if key in self._changed:
            raise ValueError(f"{key!r} was incremented or appended to in this transaction: read it before")
        if key not in self._written and key not in self._seen:
            self._seen[key] = self._store.get(key, _ABSENT)
        text = self._written[key] if key in self._written else self._seen[key]
        if text is _ABSENT:
            return default
        return json.loads(json.dumps(text))

    def __contains__(self, key: str) -> bool:
        return self.get(key, _ABSENT) is not _ABSENT

    def expect(self, key: str, value: Any) -> None:
        """Makes the transaction depend on a value, None standing for a key that is not there."""
        self._seen[key] = _ABSENT if value is None else value

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Writes a value."""
        operation = self._store._set("set", key, value, ttl)
        self._operations.append(operation)
        self._written[key] = json.loads(operation[1])

    def __delitem__(self, key: str) -> None:
        self._operations.append(_operation("delete", key))
        self._written[key] = _ABSENT

    def increment(self, key: str, amount: float = 1, ttl: float | None = None) -> None:
        """Adds to a number."""
        self._operations.append(_increment(key, amount, ttl))
        self._changed.add(key)

    def append(self, key: str, *values: Any) -> None:
        """Puts values at the end of a list."""
        if values:
            self._operations.append(self._store._append(key, values))
            self._changed.add(key)

    def commit(self) -> None:
        """Writes everything, or nothing and raises `store.Conflict`. A `with` block does it at its end."""
        if not self._operations:
            return
        checks = [self._store._check(key, None if seen is _ABSENT else seen) for key, seen in self._seen.items()]
        operations = checks + self._operations
        if len(operations) > _OPERATIONS_MAX or sum(len(value) for _, value in operations) > _VALUE_BYTES_MAX:
            raise ValueError("a transaction may read and write 1,000 keys and 1 MiB of values together")
        self._operations = []
        self._store._write(operations)


def _entries(entries: list[list[Any]], body: bytes) -> Iterator[tuple[str, Any]]:
    position = 0
    for key, size in entries:
        yield key, json.loads(body[position : position + size])
        position += size


def _batches(items: Iterable[Any], sizes: Callable[[Any], tuple[int, int]]) -> Iterator[list[Any]]:
    """As few lists as the bounds of a call allow."""
    batch: list[Any] = []
    keys = values = 0
    for item in items:
        key, value = sizes(item)
        full = len(batch) == _OPERATIONS_MAX or keys + key > _KEY_BYTES_OF_CALL_MAX or values + value > _VALUE_BYTES_MAX
        if batch and full:
            yield batch
            batch, keys, values = [], 0, 0
        batch.append(item)
        keys += key
        values += value
    if batch:
        yield batch


def _operation(kind: str, key: str, **fields: Any) -> Operation:
    return {"kind": kind, "key": _check_key(key), **fields}, b""


def _increment(key: str, amount: float, ttl: float | None) -> Operation:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"increment: the amount must be a number, not {type(amount).__name__}")
    text = _values.encode(amount, "increment: the amount").decode()
    return _operation("increment", key, amount=text, ttl=_check_ttl(ttl))


def _check_key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a data store's keys are str, not {type(key).__name__}")
    if not key:
        raise ValueError("a data store's key must not be empty")
    return _check_text(key, "a key")


def _check_text(text: str, what: str) -> str:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise ValueError(f"{text!r}: {what} of a data store must be valid Unicode") from None
    if size > _KEY_BYTES_MAX:
        raise ValueError(f"{text[:80]!r}…: {what} of a data store may have 1 KiB in UTF-8, not {size / 1024:.2f}")
    return str(text)


def _check_ttl(ttl: Any) -> float | None:
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError(f"ttl must be a number of seconds or None, not {type(ttl).__name__}")
    if not ttl > 0:
        raise ValueError(f"ttl must be more than 0 seconds, not {ttl}")
    return float(ttl)
