"""A web app that keeps what it is sent, with no platform at all: FastAPI, and one insert that is durable before the answer.

Environment: DATABASE_URL. Prints its port. It is written as its libraries' documentation has it, with the fastest of them.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request

CONNECTIONS = 16


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[None]:
    """Its connections, and a table for what it is sent."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute("CREATE TABLE bench_bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)")
        app.state.pool = pool
        yield
        await pool.execute("DROP TABLE bench_bare")


app = FastAPI(lifespan=life)


@app.post("/")
async def keep(body: dict[str, Any], request: Request) -> dict[str, Any]:
    """What the bench's steps do, and nothing else."""
    await request.app.state.pool.execute("INSERT INTO bench_bare (body) VALUES ($1)", str(body))
    return {"name": body["name"]}


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listener])
