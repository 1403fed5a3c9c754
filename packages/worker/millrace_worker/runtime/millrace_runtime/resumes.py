"""What a step sees of the end of a pause."""

from __future__ import annotations

import json

from pipedream._steps import Attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pipedream._steps import Steps

_REQUEST = "$callback_request"


class ResumeData(Attributes):
    """What was posted; a key that it lacks is looked up in the request that brought it (`body`, `query`, `headers`)."""

    def __init__(self, posted: dict[str, Any], request: dict[str, Any]) -> None:
        super().__init__(posted)
        self.__dict__["_request"] = request

    def __missing__(self, key: str) -> Any:
        return self.__dict__["_request"][key]


def add_resumes(steps: Steps, resumes: dict[str, str]) -> None:
    """Gives each step that has paused what has ended its pause: `$resume_data`, `$child`."""
    for name, text in resumes.items():
        found = json.loads(text)
        request = found.pop(_REQUEST, None)
        posted = found.get("$resume_data")
        if request is not None and isinstance(posted, dict):
            found["$resume_data"] = ResumeData(posted, request)
        steps[name].update(found)


def told(turn: dict[str, Any]) -> dict[str, Any]:
    """What `pd.context["run"]` says after a pause."""
    about: dict[str, Any] = {"runs": turn["runs"]}
    if turn["context"]:
        about["context"] = json.loads(turn["context"])
    request = json.loads(turn["resume"]).get(_REQUEST) if turn["resume"] else None
    if request is not None:
        about["callback_request"] = request
    return about
