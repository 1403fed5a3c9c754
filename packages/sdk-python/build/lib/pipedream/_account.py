"""Connected accounts: `pd.inputs["slack"]["$auth"]["oauth_access_token"]`."""

from __future__ import annotations

import time

from millrace_runtime.calls import call

# A token is asked for anew this long before it expires, so that the request it is for still finds it alive.
_EARLY_SECONDS = 30.0


class Account(dict):  # type: ignore[type-arg]
    """A dict with one key, `$auth`: the account's fields as a plain dict."""

    def __init__(self, name: str) -> None:
        """Asks the platform for the account behind the input `name`."""
        super().__init__()
        self._name = name
        self._load()

    def renew(self) -> None:
        """Asks again when the token that was given is about to expire: a step may run for longer than a token."""
        if time.monotonic() >= self._until:
            self._load()

    def _load(self) -> None:
        answer, _ = call("account.get", {"input": self._name}, apart=True)
        life = answer["life_ms"]
        self._until = float("inf") if life is None else time.monotonic() + max(1.0, life / 1000 - _EARLY_SECONDS)
        self["$auth"] = answer["auth"]
