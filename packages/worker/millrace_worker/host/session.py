"""The gRPC session with the runner."""

from __future__ import annotations

import asyncio
import os
import sys

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.grpc_call import CallFailed, GrpcCall
from millrace_worker.host.log import Log
from millrace_worker.host.outbox import Outbox
from millrace_worker.host.settings import WorkerSettings
from millrace_worker.host.worker import Worker

PROTOCOL_VERSION = 1
_METHOD = "/millrace.worker.v1.WorkerSessionService/Session"
# A run's payloads are bounded by themselves; both ends are ours.
_MESSAGE_BYTES_MAX = 512 << 20
_CONNECT_SECONDS = 10.0
# How long a drained worker waits for the runner to end the session.
_GOODBYE_SECONDS = 2.0


class SessionFailed(Exception):
    """No session could be opened, or it broke."""


async def run_session(settings: WorkerSettings, worker: Worker, outbox: Outbox, log: Log) -> None:
    """Serves the runner until it ends the session or the worker is drained; raises SessionFailed when it breaks."""
    read = pb.SessionResponse.FromString
    metadata = [("authorization", f"Bearer {settings.token}")]
    opening = GrpcCall.open(settings.runner_socket, _METHOD, metadata, _MESSAGE_BYTES_MAX, lambda data: worker.handle(read(data)))
    try:
        call = await asyncio.wait_for(opening, _CONNECT_SECONDS)
    except OSError:  # TimeoutError is one.
        raise SessionFailed(f"nobody answers at {settings.runner_socket}") from None
    outbox.eager(pb.WorkerFrame(hello=_hello(settings)))
    call.on_writable = outbox.go_on
    outbox.open(call.send)
    draining = asyncio.create_task(_end_when_drained(worker, outbox, call))
    try:
        await call.ended
        log.info("the runner has ended the session")
    except CallFailed as error:
        if not worker.drained.is_set():
            raise SessionFailed(str(error)) from None
    finally:
        draining.cancel()
        outbox.close()
        call.close()


async def _end_when_drained(worker: Worker, outbox: Outbox, call: GrpcCall) -> None:
    await worker.drained.wait()
    await outbox.idle.wait()
    call.half_close()
    await asyncio.sleep(_GOODBYE_SECONDS)
    call.close()


def _hello(settings: WorkerSettings) -> pb.Hello:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return pb.Hello(protocol_version=PROTOCOL_VERSION, worker_id=settings.worker_id, pid=os.getpid(), python_minor=minor)
