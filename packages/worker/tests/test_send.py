"""`pd.send.http` beyond what a whole house shows of it."""

from __future__ import annotations

import contextlib
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "millrace_worker/runtime"))

from pipedream._send import Send

SECRETS = {"Authorization": "Bearer token", "Cookie": "a=b", "X-Other": "1"}


@contextlib.contextmanager
def site(elsewhere: str = "") -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Its address, and the headers that it was sent; `/go` leads elsewhere."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            leads = self.path == "/go"
            if not leads:
                seen.append(dict(self.headers.items()))
            self.send_response(302 if leads else 200)
            if leads:
                self.send_header("location", f"{elsewhere}/there")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("leaves", "kept"), [(True, {"X-Other"}), (False, {"Authorization", "Cookie", "X-Other"})])
def test_credentials_do_not_follow_to_another_site(leaves: bool, kept: set[str]) -> None:
    with site() as (other, of_other), site(other if leaves else "") as (address, of_first):
        assert Send().http("GET", f"{address}/go", headers=SECRETS)["status"] == 200
        (sent,) = of_other if leaves else of_first
        assert {name for name in SECRETS if name in sent} == kept
