"""The smallest runtime: one JSON line in (source code), the code runs, one JSON line out. Stands in for the real one."""

import json
import os
import traceback

buffer = b""
while True:
    while b"\n" not in buffer:
        chunk = os.read(1000, 65536)
        if not chunk:
            os._exit(0)
        buffer += chunk
    line, _, buffer = buffer.partition(b"\n")
    names = {"__name__": "step", "result": None}
    try:
        exec(compile(json.loads(line), "step.py", "exec"), names)
        answer = {"ok": True, "result": names["result"]}
    except BaseException as error:
        answer = {"ok": False, "error": type(error).__name__, "message": str(error), "trace": traceback.format_exc()}
    os.write(1001, json.dumps(answer, default=str).encode() + b"\n")
