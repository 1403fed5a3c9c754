"""`python -m millrace_worker.check`: whether the sources of steps compile.

Reads `{"steps": [{"path", "name", "file_name", "source"}]}` from standard input and prints
`{"errors": [{"path", "name", "file", "line", "column", "message"}]}`. Nothing of the sources is executed.
"""

from __future__ import annotations

import json
import sys

from millrace_worker.runtime.millrace_runtime.check import SOURCE_BYTES_MAX, check

# JSON needs up to six bytes for one of the source.
_INPUT_BYTES_MAX = 6 * SOURCE_BYTES_MAX


def main() -> int:
    """Exit code 0 when all is well, 1 when there are errors, 2 when the input is none."""
    data = sys.stdin.buffer.read(_INPUT_BYTES_MAX + 1)
    try:
        if len(data) > _INPUT_BYTES_MAX:
            raise ValueError(f"more than {_INPUT_BYTES_MAX} bytes")
        errors = check(json.loads(data)["steps"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        print(f"the input is not as it should be: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    json.dump({"errors": errors}, sys.stdout)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
