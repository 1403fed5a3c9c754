"""The gRPC session with the runner."""

from __future__ import annotations

import asyncio
import os
import sys

import grpc
import grpc.aio

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import session_pb2_grpc as pb_grpc
from millrace_worker.host.log import Log
from millrace_worker.host.outbox import Outbox
from millrace_worker.host.settings import WorkerSettings
from millrace_worker.host.worker import Worker

PROTOCOL_VERSION = 1
# A run's payloads are bounded by themselves; both ends are ours.
_MESSAGE_BYTES_MAX = 512 << 20
_CONNECT_SECONDS = 10.0
# How long a drained worker waits for the runner to end the session.
_GOODBYE_SECONDS = 2.0
_OPTIONS = (
    ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", _MESSAGE_BYTES_MAX),
    # A retry would open a second session behind our back; and no proxy stands before a Unix socket.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


class SessionFailed(Exception):
    """No session could be opened, or it broke."""


async def run_session(settings: WorkerSettings, worker: Worker, outbox: Outbox, log: Log) -> None:
    """Serves the runner until it ends the session or the worker is drained; raises SessionFailed when it breaks."""
    async with grpc.aio.insecure_channel(f"unix:{settings.runner_socket}", options=_OPTIONS) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), _CONNECT_SECONDS)
        except TimeoutError:
            raise SessionFailed(f"nobody answers at {settings.runner_socket}") from None
        call = pb_grpc.WorkerSessionServiceStub(channel).Session(metadata=(("authorization", f"Bearer {settings.token}"),))
        outbox.eager(pb.WorkerFrame(hello=_hello(settings)))
        writing = asyncio.create_task(outbox.write_to(call.write))
        draining = asyncio.create_task(_end_when_drained(worker, outbox, call))
        try:
            while (response := await call.read()) is not grpc.aio.EOF:
                worker.handle(response)
            code = await call.code()
            if code is not grpc.StatusCode.OK:
                raise SessionFailed(f"{code.name}: {await call.details()}")
            log.info("the runner has ended the session")
        except asyncio.CancelledError:
            if not worker.drained.is_set():
                raise
        except grpc.aio.AioRpcError as error:
            raise SessionFailed(f"{error.code().name}: {error.details()}") from None
        finally:
            draining.cancel()
            writing.cancel()


async def _end_when_drained(worker: Worker, outbox: Outbox, call: grpc.aio.StreamStreamCall) -> None:
    await worker.drained.wait()
    await outbox.idle.wait()
    await call.done_writing()
    await asyncio.sleep(_GOODBYE_SECONDS)
    call.cancel()


def _hello(settings: WorkerSettings) -> pb.Hello:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return pb.Hello(protocol_version=PROTOCOL_VERSION, worker_id=settings.worker_id, pid=os.getpid(), python_minor=minor)
