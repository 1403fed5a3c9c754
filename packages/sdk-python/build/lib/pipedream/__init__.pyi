"""What a step's code sees of Millrace. Annotate the handler's argument to get its members in an editor:

import pipedream

def handler(pd: pipedream.Pipedream): ...
"""

from typing import Any

from pipedream._errors import FlowExit as FlowExit
from pipedream._errors import PayloadTooLarge as PayloadTooLarge
from pipedream._errors import PlatformError as PlatformError
from pipedream._files import Files as Files
from pipedream._inputs import PdInputs
from pipedream._pd import Flow as Flow
from pipedream._pd import Pipedream as Pipedream
from pipedream._send import Send as Send
from pipedream._steps import Steps as Steps
from pipedream._store import Store as Store

steps: Steps
context: dict[str, Any]
inputs: PdInputs
files: Files
flow: Flow
send: Send

def export(name: str, value: Any) -> None:
    """Exports a value for later steps, as it is at this moment; it must be JSON."""

def respond(response: dict[str, Any] | None = None, /, **named: Any) -> Any:
    """Answers the HTTP request that started the run."""
