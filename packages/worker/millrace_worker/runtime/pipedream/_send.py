"""`pd.send`: an HTTP request or an e-mail. Imported when a step first sends something."""

from __future__ import annotations

import base64
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from millrace_runtime.calls import call
from pipedream import _values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A request and its answer together.
_SECONDS = 5.0
_ANSWER_BYTES_MAX = 1 << 20
_READ_BYTES = 64 << 10
_RECIPIENTS_MAX = 50


class SendFailed(Exception):
    """A request got no answer in time."""


class Send:
    """What a step can send without a library. Everything is sent at the line that says so."""

    def http(
        self,
        method: str = "POST",
        url: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        auth: Any = None,
        data: Any = None,
        json: Any = None,
    ) -> dict[str, Any]:
        """Sends one HTTP request, once; returns `status`, `headers` and `body` (text) of the answer, whatever its status.

        `data` is str or bytes, or else sent as JSON, as `json` is. `auth` is (user, password), or a dict with `username` and
        `password`. It may take 5 seconds in all; without an answer by then it raises.
        """
        body, kind = _body(data, json)
        request = urllib.request.Request(_address(url, params), data=body, method=_method(method))
        if kind:
            request.add_header("Content-Type", kind)
        if auth is not None:
            request.add_header("Authorization", _basic(auth))
        for name, value in (headers or {}).items():
            request.add_header(name, str(value))
        return _exchange(request)

    def email(
        self,
        subject: str,
        text: str = "",
        html: str | None = "",
        to: str | Sequence[str] | None = None,
    ) -> None:
        """Sends an e-mail to `to`, or else to the project's recipient. `html`, when there is any, is shown instead of `text`."""
        for name, value in (("subject", subject), ("text", text), ("html", html or "")):
            if not isinstance(value, str):
                raise TypeError(f"pd.send.email: {name} must be a str, not {type(value).__name__}")
        if "\n" in subject or "\r" in subject:
            raise ValueError("pd.send.email: the subject must not contain a line break")
        recipients = [to] if isinstance(to, str) else list(to or ())
        if not all(isinstance(one, str) for one in recipients):
            raise TypeError("pd.send.email: to must be an address, or a list of them")
        if len(recipients) > _RECIPIENTS_MAX:
            raise ValueError(f"pd.send.email: at most {_RECIPIENTS_MAX} recipients, not {len(recipients)}")
        content = _values.encode({"text": text, "html": html or ""}, "pd.send.email")
        call("email.send", {"subject": subject, "to": recipients, "default": not recipients}, content)


def _method(method: str) -> str:
    if not isinstance(method, str) or not method.isalpha():
        raise ValueError(f"pd.send.http: {method!r} is no HTTP method")
    return method.upper()


def _address(url: str, params: Mapping[str, Any] | None) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"pd.send.http: url must be an http or https address, not {url!r}")
    query = "&".join(filter(None, (parts.query, urllib.parse.urlencode(dict(params or {}), doseq=True))))
    return urllib.parse.urlunsplit(parts._replace(query=query))


def _body(data: Any, value: Any) -> tuple[bytes | None, str]:
    if data is not None and value is not None:
        raise ValueError("pd.send.http: give data or json, not both")
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), "application/octet-stream"
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    if data is None and value is None:
        return None, ""
    return _values.encode(value if data is None else data, "data"), "application/json"


def _basic(auth: Any) -> str:
    user, password = (auth.get("username", ""), auth.get("password", "")) if isinstance(auth, dict) else auth
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows an answer elsewhere, but takes no credentials to a site that they were not given for."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        further = super().redirect_request(req, fp, code, msg, headers, newurl)
        if further is not None and urllib.parse.urlsplit(newurl)[:2] != urllib.parse.urlsplit(req.full_url)[:2]:
            for name in ("Authorization", "Cookie"):
                further.remove_header(name)
        return further


def _exchange(request: urllib.request.Request) -> dict[str, Any]:
    end = time.monotonic() + _SECONDS
    try:
        with _open(request) as answer:
            body = bytearray()
            while piece := answer.read1(_READ_BYTES):
                body += piece
                if len(body) > _ANSWER_BYTES_MAX:
                    raise SendFailed(f"pd.send.http: the answer of {request.full_url} has more than 1 MiB")
                if time.monotonic() > end:
                    raise TimeoutError(f"pd.send.http: {request.full_url} has not answered within {_SECONDS:g} s")
            text = bytes(body).decode(answer.headers.get_content_charset("utf-8"), "replace")
            return {"status": answer.status, "headers": {k.lower(): v for k, v in answer.headers.items()}, "body": text}
    except TimeoutError:
        raise TimeoutError(f"pd.send.http: {request.full_url} has not answered within {_SECONDS:g} s") from None


def _open(request: urllib.request.Request) -> Any:
    try:
        return urllib.request.build_opener(_Redirects).open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:  # An answer like any other.
        return error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise TimeoutError from None
        raise SendFailed(f"pd.send.http: {request.full_url} cannot be reached: {error.reason}") from None
