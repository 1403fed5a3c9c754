"""`pd.inputs`: the data stores and accounts that a step declares."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEFAULT_KEY = "data_store"
_DEFAULT_STORE = "default"


class _Declared:
    """An input that nobody has looked at yet."""

    __slots__ = ("kind", "target")

    def __init__(self, kind: str, target: str) -> None:
        self.kind = kind
        self.target = target

    def open(self, name: str) -> Any:
        if self.kind == "account":
            from pipedream._account import Account

            return Account(name)
        from pipedream._store import Store

        return Store(self.target)


class PdInputs(dict):  # type: ignore[type-arg]
    """A dict by input name. What is in it is made when it is first looked at: most steps use none of it."""

    def __init__(self, declared: list[tuple[str, str, str]]) -> None:
        """Takes name, kind and target of each; without any data store the project's default one is there."""
        super().__init__((name, _Declared(kind, target)) for name, kind, target in declared)
        if all(kind != "store" for _, kind, _ in declared):
            super().setdefault(_DEFAULT_KEY, _Declared("store", _DEFAULT_STORE))

    def __getitem__(self, name: str) -> Any:
        value = dict.__getitem__(self, name)
        if isinstance(value, _Declared):
            value = self[name] = value.open(name)
        elif hasattr(value, "renew"):  # A token that has expired since.
            value.renew()
        return value

    def __missing__(self, name: str) -> Any:
        error = KeyError(name)
        error.add_note(f"Inputs of this step: {', '.join(map(str, self))}. More are declared under `inputs` in workflow.yaml.")
        raise error

    def get(self, name: str, default: Any = None) -> Any:
        """The input, else `default`."""
        if name in self:
            return self[name]
        return default

    def __iter__(self) -> Any:
        """As ever; but since it is here, `dict(pd.inputs)` and `**pd.inputs` look at the inputs, too, and copy no declarations."""
        return super().__iter__()

    def copy(self) -> dict[str, Any]:
        """A plain dict of the inputs."""
        return dict(self)

    def pop(self, name: str, *default: Any) -> Any:
        """The input, and removes it."""
        if name in self:
            self[name]
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The input, else `default`, which is there from then on."""
        super().setdefault(name, default)
        return self[name]

    def values(self) -> Any:
        """The inputs themselves."""
        self._open_all()
        return super().values()

    def items(self) -> Any:
        """Names and inputs."""
        self._open_all()
        return super().items()

    def __repr__(self) -> str:
        self._open_all()
        return super().__repr__()

    def _open_all(self) -> None:
        for name in self:
            self[name]
