"""Bodies that go out while they are made: where the pieces come from, and what becomes of them."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "millrace_worker/runtime"))

from pipedream.testing import Platform, Result, run_step  # noqa: E402


class Client(Platform):
    """Answers as a gateway whose client behaves in some way, and keeps what it was asked."""

    def __init__(self, leaves_after: int = 1 << 60, wanted: bool = True, slow: int = 0) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.pieces: list[int] = []
        self._leaves_after, self._wanted, self._slow = leaves_after, wanted, slow
        self._next = 0

    def call(self, method: str, request: Any = None, body: bytes = b"", _apart: bool = False) -> tuple[Any, bytes]:
        self.asked.append(method)
        if method == "respond.open":
            return {"wanted": self._wanted, "gone": False}, b""
        if method == "respond.write":
            if len(self.streamed) >= self._leaves_after:
                return {"full": False, "gone": True}, b""
            if request["index"] == self._next:
                self._next += 1
                self.pieces.append(len(body))
                self.streamed += body
            self._slow -= 1
            return {"full": self._slow >= 0, "gone": False}, b""
        return super().call(method, request, body)


def respond(body: Any, client: Platform | None = None, **answer: Any) -> Result:
    return run_step(lambda pd: pd.respond(status=200, body=body, **answer), platform=client)


class Downloaded:
    """Looks like a response of `requests`."""

    def __init__(self) -> None:
        self.headers = {"content-type": "text/csv", "content-encoding": "gzip"}
        self.closed = False

    def iter_content(self, _size: int) -> Iterator[bytes]:
        yield b"a,"
        yield b"b"

    def close(self) -> None:
        self.closed = True


class Fetched:
    """Looks like a response of `httpx`, of its client or of its asynchronous one."""

    def __init__(self, asynchronous: bool) -> None:
        self.headers = {"content-type": "image/png"}
        self.stream = pieces_later() if asynchronous else [b"x"]

    def iter_bytes(self) -> Iterator[bytes]:
        assert isinstance(self.stream, list)
        return iter(self.stream)

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        return pieces_later()


async def pieces_later() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (io.BytesIO(b"\0\1"), b"\0\1", "application/octet-stream"),
        (io.StringIO("grüß"), "grüß".encode(), "text/plain; charset=utf-8"),
        (iter(["a", b"b"]), b"ab", "text/plain; charset=utf-8"),
        (iter([b"a", "b"]), b"ab", "application/octet-stream"),
        (map(str, range(3)), b"012", "text/plain; charset=utf-8"),
        (iter([]), b"", None),
        (Downloaded(), b"a,b", "text/csv"),
        (Fetched(False), b"x", "image/png"),
        (Fetched(True), b"x", "image/png"),
        (pieces_later(), b"x", "application/octet-stream"),
    ],
)
def test_what_gives_pieces_is_streamed(body: Any, sent: bytes, kind: str | None) -> None:
    result = respond(body)
    assert result.answer is not None
    assert (result.answer.body, result.answer.headers.get("content-type")) == (sent, kind)


def test_a_file_is_typed_by_its_name_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>")
    with open(tmp_path / "page.html") as file:
        result = respond(file)
        assert not file.closed
    assert result.answer is not None
    assert result.answer.headers["content-type"] == "text/html; charset=utf-8"
    with open(tmp_path / "page.html", "rb") as file:
        named = respond(file, headers={"Content-Type": "a/b"})
    assert named.answer is not None
    assert named.answer.headers == {"Content-Type": "a/b"}


def test_what_described_the_transfer_of_another_answer_is_left_out() -> None:
    other = Downloaded()
    result = respond(other, headers={**other.headers, "Content-Length": "3", "X-A": "b"})
    assert result.answer is not None
    assert result.answer.headers == {"content-type": "text/csv", "X-A": "b"}
    assert other.closed


def test_large_pieces_are_split_and_small_ones_share_a_call() -> None:
    client = Client()
    respond(iter([b"x" * 700_000]), client)
    assert (sum(client.pieces), max(client.pieces)) == (700_000, 262_144)
    client = Client()
    respond((b"x" for _ in range(100_000)), client)
    assert sum(client.pieces) == 100_000
    assert len(client.pieces) < 50_000
    assert client.asked[-1] == "respond.end"


def test_a_slow_client_gets_each_piece_once() -> None:
    client = Client(slow=5)
    assert respond(iter(["a", "b"]), client).answer is not None
    assert client.streamed == b"ab"
    assert client.asked.count("respond.write") > 5


def test_a_client_that_leaves_closes_the_generator_and_not_the_step() -> None:
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed.set()

    result = respond(endless(), Client(leaves_after=500_000))
    assert closed.is_set()
    assert "the client has gone after 5" in result.notes[0]


def test_a_client_that_wants_no_body_gets_none_made() -> None:
    made: list[int] = []

    def pieces() -> Iterator[str]:
        made.append(1)
        yield "x"

    result = respond(pieces(), Client(wanted=False), headers={"content-type": "a/b"})
    assert (made, result.notes) == ([], [])
    assert respond(pieces(), Client(wanted=False), headers={"content-type": "a/b"}).answer is not None


def test_an_error_before_the_first_piece_leaves_the_answer_open() -> None:
    def broken() -> Iterator[str]:
        raise ValueError("nothing to give")
        yield "x"

    def handler(pd: Any) -> None:
        try:
            pd.respond(status=200, body=broken())
        except ValueError:
            pd.respond(status=503, body="later")

    client = Client()
    result = run_step(handler, platform=client)
    assert result.answer is not None
    assert (result.answer.status, client.asked) == (503, [])


def test_an_error_in_the_middle_cuts_the_body_and_is_raised() -> None:
    def broken() -> Iterator[Any]:
        yield "begun"
        yield {"not": "text"}

    client = Client()
    with pytest.raises(TypeError, match=r"piece 1 of the body is a dict; a stream gives str or bytes"):
        respond(broken(), client)
    assert client.asked[-1] == "respond.cut"
    assert "respond.end" not in client.asked


def test_the_second_answer_of_a_run_is_not_made() -> None:
    def handler(pd: Any) -> None:
        pd.respond(status=200, body=iter(["first"]))
        pd.respond(status=200, body=iter(["second"]))

    result = run_step(handler)
    assert result.answer is not None
    assert result.answer.body == b"first"
    assert "the first answer stands" in result.notes[0]


def test_nothing_is_made_where_nobody_waits() -> None:
    result = run_step(lambda pd: pd.respond(status=200, body=iter(["x"])), waits=False)
    assert result.answer is not None
    assert (result.answer.body, len(result.notes)) == (b"", 1)
