"""Generates the Python side of the worker contract from /proto; running it again changes nothing.

Run it with the version of grpcio-tools that requirements-dev.in pins: another one may write other files.
"""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
TARGET = ROOT / "packages/worker/millrace_worker/generated"
PROTOS = ["millrace/worker/v1/step.proto", "millrace/worker/v1/session.proto"]
EMPTY = {"step_pb2_grpc.py"}


def generate(target: Path) -> None:
    """Writes the modules into `target`, flat, importing one another from `millrace_worker.generated`."""
    with tempfile.TemporaryDirectory() as scratch:
        include = str(resources.files("grpc_tools") / "_proto")
        outputs = [f"--{kind}_out={scratch}" for kind in ("python", "pyi", "grpc_python")]
        status = protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"-I{include}", *outputs, *PROTOS])
        if status != 0:
            raise SystemExit(status)
        for made in sorted(Path(scratch, "millrace/worker/v1").iterdir()):
            if made.name not in EMPTY:
                text = re.sub(
                    r"^from millrace\.worker\.v1 import",
                    "from millrace_worker.generated import",
                    made.read_text(),
                    flags=re.M,
                )
                (target / made.name).write_text(text)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
