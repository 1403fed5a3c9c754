"""The floor of the runner's exchange with its worker: a stream that echoes, over a Unix socket, with grpcio."""

import queue
import sys

import grpc


def main() -> None:
    """Echo messages of one stream: what the server sends comes back as it is."""
    channel = grpc.insecure_channel(f"unix:{sys.argv[1]}")
    call = channel.stream_stream("/floor.Floor/Echo", lambda data: data, lambda data: data)
    outgoing: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    outgoing.put(b"hello")
    for data in call(iter(outgoing.get, None)):
        outgoing.put(data)


if __name__ == "__main__":
    main()
