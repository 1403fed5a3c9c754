"""Where packages come from: the house's own setting, else what this machine's uv or pip is told."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_PASSED_ON = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "no_proxy", "all_proxy")


def build_environment(host: Mapping[str, str], index_url: str) -> dict[str, str]:
    """What a build's sandbox gets of the host's environment: the index and the way to it."""
    passed = {name: host[name] for name in _PASSED_ON if host.get(name)}
    certificates = host.get("SSL_CERT_FILE", "")
    # Only these folders are bound into a sandbox.
    if certificates.startswith(("/etc/ssl/certs/", "/etc/pki/")):
        passed["SSL_CERT_FILE"] = certificates
    chosen = index_url or next((host[name] for name in _INDEX_VARIABLES if host.get(name)), "") or pip_index(host)
    if chosen:
        passed["UV_DEFAULT_INDEX"] = chosen
    return passed


def pip_index(host: Mapping[str, str]) -> str:
    """The index in pip's configuration; empty when there is none."""
    home = host.get("HOME", "")
    files = [host.get("PIP_CONFIG_FILE", "")]
    if home:
        files += [f"{home}/.config/pip/pip.conf", f"{home}/.pip/pip.conf"]
    for name in [*files, "/etc/pip.conf"]:
        parser = configparser.RawConfigParser()
        try:
            if name and Path(name).is_file():
                parser.read(name, encoding="utf-8")
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in ("install", "global"):
            if url := parser.get(section, "index-url", fallback="").strip():
                return url
    return ""
