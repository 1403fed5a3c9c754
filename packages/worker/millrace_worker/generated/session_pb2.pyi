import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from millrace_worker.generated import step_pb2 as _step_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NetworkMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NETWORK_MODE_UNSPECIFIED: _ClassVar[NetworkMode]
    NETWORK_MODE_OPEN: _ClassVar[NetworkMode]
    NETWORK_MODE_NONE: _ClassVar[NetworkMode]
    NETWORK_MODE_INTERNET: _ClassVar[NetworkMode]

class GoneCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GONE_CAUSE_UNSPECIFIED: _ClassVar[GoneCause]
    GONE_CAUSE_ENDED: _ClassVar[GoneCause]
    GONE_CAUSE_KILLED: _ClassVar[GoneCause]
    GONE_CAUSE_EXPIRED: _ClassVar[GoneCause]
    GONE_CAUSE_REFUSED: _ClassVar[GoneCause]
    GONE_CAUSE_ENVIRONMENT_DIED: _ClassVar[GoneCause]
    GONE_CAUSE_WORKER_DIED: _ClassVar[GoneCause]
    GONE_CAUSE_HANDED_BACK: _ClassVar[GoneCause]
NETWORK_MODE_UNSPECIFIED: NetworkMode
NETWORK_MODE_OPEN: NetworkMode
NETWORK_MODE_NONE: NetworkMode
NETWORK_MODE_INTERNET: NetworkMode
GONE_CAUSE_UNSPECIFIED: GoneCause
GONE_CAUSE_ENDED: GoneCause
GONE_CAUSE_KILLED: GoneCause
GONE_CAUSE_EXPIRED: GoneCause
GONE_CAUSE_REFUSED: GoneCause
GONE_CAUSE_ENVIRONMENT_DIED: GoneCause
GONE_CAUSE_WORKER_DIED: GoneCause
GONE_CAUSE_HANDED_BACK: GoneCause

class SessionRequest(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[WorkerFrame]
    def __init__(self, frames: _Optional[_Iterable[_Union[WorkerFrame, _Mapping]]] = ...) -> None: ...

class SessionResponse(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[RunnerFrame]
    def __init__(self, frames: _Optional[_Iterable[_Union[RunnerFrame, _Mapping]]] = ...) -> None: ...

class WorkerFrame(_message.Message):
    __slots__ = ("hello", "step_started", "step_finished", "respond", "log_lines", "run_gone", "inventory", "version_checked", "call")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    STEP_STARTED_FIELD_NUMBER: _ClassVar[int]
    STEP_FINISHED_FIELD_NUMBER: _ClassVar[int]
    RESPOND_FIELD_NUMBER: _ClassVar[int]
    LOG_LINES_FIELD_NUMBER: _ClassVar[int]
    RUN_GONE_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_FIELD_NUMBER: _ClassVar[int]
    VERSION_CHECKED_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    step_started: StepStarted
    step_finished: StepFinished
    respond: Respond
    log_lines: LogLines
    run_gone: RunGone
    inventory: Inventory
    version_checked: VersionChecked
    call: HostCall
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., step_started: _Optional[_Union[StepStarted, _Mapping]] = ..., step_finished: _Optional[_Union[StepFinished, _Mapping]] = ..., respond: _Optional[_Union[Respond, _Mapping]] = ..., log_lines: _Optional[_Union[LogLines, _Mapping]] = ..., run_gone: _Optional[_Union[RunGone, _Mapping]] = ..., inventory: _Optional[_Union[Inventory, _Mapping]] = ..., version_checked: _Optional[_Union[VersionChecked, _Mapping]] = ..., call: _Optional[_Union[HostCall, _Mapping]] = ...) -> None: ...

class RunnerFrame(_message.Message):
    __slots__ = ("configure", "load_version", "unload_version", "start_run", "proceed", "end_run", "kill_run", "renew", "drain", "check_version", "call_result")
    CONFIGURE_FIELD_NUMBER: _ClassVar[int]
    LOAD_VERSION_FIELD_NUMBER: _ClassVar[int]
    UNLOAD_VERSION_FIELD_NUMBER: _ClassVar[int]
    START_RUN_FIELD_NUMBER: _ClassVar[int]
    PROCEED_FIELD_NUMBER: _ClassVar[int]
    END_RUN_FIELD_NUMBER: _ClassVar[int]
    KILL_RUN_FIELD_NUMBER: _ClassVar[int]
    RENEW_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    CHECK_VERSION_FIELD_NUMBER: _ClassVar[int]
    CALL_RESULT_FIELD_NUMBER: _ClassVar[int]
    configure: Configure
    load_version: LoadVersion
    unload_version: UnloadVersion
    start_run: StartRun
    proceed: Proceed
    end_run: EndRun
    kill_run: KillRun
    renew: Renew
    drain: Drain
    check_version: CheckVersion
    call_result: HostCallResult
    def __init__(self, configure: _Optional[_Union[Configure, _Mapping]] = ..., load_version: _Optional[_Union[LoadVersion, _Mapping]] = ..., unload_version: _Optional[_Union[UnloadVersion, _Mapping]] = ..., start_run: _Optional[_Union[StartRun, _Mapping]] = ..., proceed: _Optional[_Union[Proceed, _Mapping]] = ..., end_run: _Optional[_Union[EndRun, _Mapping]] = ..., kill_run: _Optional[_Union[KillRun, _Mapping]] = ..., renew: _Optional[_Union[Renew, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., check_version: _Optional[_Union[CheckVersion, _Mapping]] = ..., call_result: _Optional[_Union[HostCallResult, _Mapping]] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("run_id", "number")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    number: int
    def __init__(self, run_id: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_version", "worker_id", "pid", "python_minor")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_MINOR_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    worker_id: str
    pid: int
    python_minor: str
    def __init__(self, protocol_version: _Optional[int] = ..., worker_id: _Optional[str] = ..., pid: _Optional[int] = ..., python_minor: _Optional[str] = ...) -> None: ...

class Configure(_message.Message):
    __slots__ = ("environments_max", "blank_environments", "idle_timeout", "lifetime_max", "tmp_bytes", "log_bytes_max", "result_bytes_max", "network", "processes_max", "network_allow", "network_deny", "tmp_saved_bytes_max", "spare_environments", "spare_memory_bytes", "runs_behind_max")
    ENVIRONMENTS_MAX_FIELD_NUMBER: _ClassVar[int]
    BLANK_ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_MAX_FIELD_NUMBER: _ClassVar[int]
    TMP_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    RESULT_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_MAX_FIELD_NUMBER: _ClassVar[int]
    NETWORK_ALLOW_FIELD_NUMBER: _ClassVar[int]
    NETWORK_DENY_FIELD_NUMBER: _ClassVar[int]
    TMP_SAVED_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    SPARE_ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    SPARE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    RUNS_BEHIND_MAX_FIELD_NUMBER: _ClassVar[int]
    environments_max: int
    blank_environments: int
    idle_timeout: _duration_pb2.Duration
    lifetime_max: _duration_pb2.Duration
    tmp_bytes: int
    log_bytes_max: int
    result_bytes_max: int
    network: NetworkMode
    processes_max: int
    network_allow: _containers.RepeatedScalarFieldContainer[str]
    network_deny: _containers.RepeatedScalarFieldContainer[str]
    tmp_saved_bytes_max: int
    spare_environments: int
    spare_memory_bytes: int
    runs_behind_max: int
    def __init__(self, environments_max: _Optional[int] = ..., blank_environments: _Optional[int] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lifetime_max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., tmp_bytes: _Optional[int] = ..., log_bytes_max: _Optional[int] = ..., result_bytes_max: _Optional[int] = ..., network: _Optional[_Union[NetworkMode, str]] = ..., processes_max: _Optional[int] = ..., network_allow: _Optional[_Iterable[str]] = ..., network_deny: _Optional[_Iterable[str]] = ..., tmp_saved_bytes_max: _Optional[int] = ..., spare_environments: _Optional[int] = ..., spare_memory_bytes: _Optional[int] = ..., runs_behind_max: _Optional[int] = ...) -> None: ...

class LoadVersion(_message.Message):
    __slots__ = ("version_id", "steps", "memory_bytes", "step_timeout", "limits", "modules", "packages")
    VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    STEP_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    version_id: str
    steps: _containers.RepeatedCompositeFieldContainer[StepCode]
    memory_bytes: int
    step_timeout: _duration_pb2.Duration
    limits: EnvironmentLimits
    modules: _containers.RepeatedCompositeFieldContainer[SourceModule]
    packages: PackageSet
    def __init__(self, version_id: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[StepCode, _Mapping]]] = ..., memory_bytes: _Optional[int] = ..., step_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., limits: _Optional[_Union[EnvironmentLimits, _Mapping]] = ..., modules: _Optional[_Iterable[_Union[SourceModule, _Mapping]]] = ..., packages: _Optional[_Union[PackageSet, _Mapping]] = ...) -> None: ...

class EnvironmentLimits(_message.Message):
    __slots__ = ("tmp_bytes", "cpu_millis", "processes_max", "log_bytes_max")
    TMP_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_MILLIS_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_MAX_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    tmp_bytes: int
    cpu_millis: int
    processes_max: int
    log_bytes_max: int
    def __init__(self, tmp_bytes: _Optional[int] = ..., cpu_millis: _Optional[int] = ..., processes_max: _Optional[int] = ..., log_bytes_max: _Optional[int] = ...) -> None: ...

class SourceModule(_message.Message):
    __slots__ = ("path", "source")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    path: str
    source: str
    def __init__(self, path: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class PackageSet(_message.Message):
    __slots__ = ("hash", "python_minor", "lock", "folder")
    HASH_FIELD_NUMBER: _ClassVar[int]
    PYTHON_MINOR_FIELD_NUMBER: _ClassVar[int]
    LOCK_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    hash: str
    python_minor: str
    lock: str
    folder: str
    def __init__(self, hash: _Optional[str] = ..., python_minor: _Optional[str] = ..., lock: _Optional[str] = ..., folder: _Optional[str] = ...) -> None: ...

class StepCode(_message.Message):
    __slots__ = ("path", "name", "file_name", "source", "inputs", "timeout")
    PATH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    path: str
    name: str
    file_name: str
    source: str
    inputs: _containers.RepeatedCompositeFieldContainer[StepInput]
    timeout: _duration_pb2.Duration
    def __init__(self, path: _Optional[str] = ..., name: _Optional[str] = ..., file_name: _Optional[str] = ..., source: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[StepInput, _Mapping]]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StepInput(_message.Message):
    __slots__ = ("name", "kind", "target")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    target: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., target: _Optional[str] = ...) -> None: ...

class UnloadVersion(_message.Message):
    __slots__ = ("version_id",)
    VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    version_id: str
    def __init__(self, version_id: _Optional[str] = ...) -> None: ...

class StartRun(_message.Message):
    __slots__ = ("assignment", "version_id", "event_json", "event_falls_back_to_body", "context_json", "done_steps", "environment", "run_time_left", "life", "kill_at_end_of_life", "trace_parent", "resumed", "life_end_us", "nobody_waits", "turn", "environment_generation", "tmp")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_JSON_FIELD_NUMBER: _ClassVar[int]
    EVENT_FALLS_BACK_TO_BODY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    DONE_STEPS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_LEFT_FIELD_NUMBER: _ClassVar[int]
    LIFE_FIELD_NUMBER: _ClassVar[int]
    KILL_AT_END_OF_LIFE_FIELD_NUMBER: _ClassVar[int]
    TRACE_PARENT_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    LIFE_END_US_FIELD_NUMBER: _ClassVar[int]
    NOBODY_WAITS_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_GENERATION_FIELD_NUMBER: _ClassVar[int]
    TMP_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    version_id: str
    event_json: bytes
    event_falls_back_to_body: bool
    context_json: bytes
    done_steps: _containers.RepeatedCompositeFieldContainer[DoneStep]
    environment: _containers.ScalarMap[str, str]
    run_time_left: _duration_pb2.Duration
    life: _duration_pb2.Duration
    kill_at_end_of_life: bool
    trace_parent: str
    resumed: bool
    life_end_us: int
    nobody_waits: bool
    turn: Turn
    environment_generation: int
    tmp: _step_pb2.TmpSnapshot
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., version_id: _Optional[str] = ..., event_json: _Optional[bytes] = ..., event_falls_back_to_body: _Optional[bool] = ..., context_json: _Optional[bytes] = ..., done_steps: _Optional[_Iterable[_Union[DoneStep, _Mapping]]] = ..., environment: _Optional[_Mapping[str, str]] = ..., run_time_left: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., life: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., kill_at_end_of_life: _Optional[bool] = ..., trace_parent: _Optional[str] = ..., resumed: _Optional[bool] = ..., life_end_us: _Optional[int] = ..., nobody_waits: _Optional[bool] = ..., turn: _Optional[_Union[Turn, _Mapping]] = ..., environment_generation: _Optional[int] = ..., tmp: _Optional[_Union[_step_pb2.TmpSnapshot, _Mapping]] = ...) -> None: ...

class DoneStep(_message.Message):
    __slots__ = ("path", "name", "exports_json", "return_value_json", "resume_json")
    PATH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_JSON_FIELD_NUMBER: _ClassVar[int]
    RETURN_VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    RESUME_JSON_FIELD_NUMBER: _ClassVar[int]
    path: str
    name: str
    exports_json: bytes
    return_value_json: bytes
    resume_json: bytes
    def __init__(self, path: _Optional[str] = ..., name: _Optional[str] = ..., exports_json: _Optional[bytes] = ..., return_value_json: _Optional[bytes] = ..., resume_json: _Optional[bytes] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("path", "runs", "context_json", "resume_json")
    PATH_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    RESUME_JSON_FIELD_NUMBER: _ClassVar[int]
    path: str
    runs: int
    context_json: bytes
    resume_json: bytes
    def __init__(self, path: _Optional[str] = ..., runs: _Optional[int] = ..., context_json: _Optional[bytes] = ..., resume_json: _Optional[bytes] = ...) -> None: ...

class Proceed(_message.Message):
    __slots__ = ("assignment", "path")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    path: str
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., path: _Optional[str] = ...) -> None: ...

class EndRun(_message.Message):
    __slots__ = ("assignment",)
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ...) -> None: ...

class KillRun(_message.Message):
    __slots__ = ("assignment",)
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ...) -> None: ...

class Renew(_message.Message):
    __slots__ = ("lives",)
    LIVES_FIELD_NUMBER: _ClassVar[int]
    lives: _containers.RepeatedCompositeFieldContainer[Life]
    def __init__(self, lives: _Optional[_Iterable[_Union[Life, _Mapping]]] = ...) -> None: ...

class Life(_message.Message):
    __slots__ = ("assignment", "life", "life_end_us")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    LIFE_FIELD_NUMBER: _ClassVar[int]
    LIFE_END_US_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    life: _duration_pb2.Duration
    life_end_us: int
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., life: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., life_end_us: _Optional[int] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckVersion(_message.Message):
    __slots__ = ("request_id", "steps", "modules")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    steps: _containers.RepeatedCompositeFieldContainer[StepCode]
    modules: _containers.RepeatedCompositeFieldContainer[SourceModule]
    def __init__(self, request_id: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[StepCode, _Mapping]]] = ..., modules: _Optional[_Iterable[_Union[SourceModule, _Mapping]]] = ...) -> None: ...

class VersionChecked(_message.Message):
    __slots__ = ("request_id", "problems", "error", "imports", "requirements", "python_minor", "variables")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    PYTHON_MINOR_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    problems: _containers.RepeatedCompositeFieldContainer[SourceProblem]
    error: str
    imports: _containers.RepeatedCompositeFieldContainer[FoundImport]
    requirements: _containers.RepeatedCompositeFieldContainer[FoundRequirement]
    python_minor: str
    variables: _containers.RepeatedCompositeFieldContainer[FoundVariable]
    def __init__(self, request_id: _Optional[str] = ..., problems: _Optional[_Iterable[_Union[SourceProblem, _Mapping]]] = ..., error: _Optional[str] = ..., imports: _Optional[_Iterable[_Union[FoundImport, _Mapping]]] = ..., requirements: _Optional[_Iterable[_Union[FoundRequirement, _Mapping]]] = ..., python_minor: _Optional[str] = ..., variables: _Optional[_Iterable[_Union[FoundVariable, _Mapping]]] = ...) -> None: ...

class FoundVariable(_message.Message):
    __slots__ = ("name", "file_name", "line")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    name: str
    file_name: str
    line: int
    def __init__(self, name: _Optional[str] = ..., file_name: _Optional[str] = ..., line: _Optional[int] = ...) -> None: ...

class FoundImport(_message.Message):
    __slots__ = ("module", "name", "file_name", "line", "optional")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    module: str
    name: str
    file_name: str
    line: int
    optional: bool
    def __init__(self, module: _Optional[str] = ..., name: _Optional[str] = ..., file_name: _Optional[str] = ..., line: _Optional[int] = ..., optional: _Optional[bool] = ...) -> None: ...

class FoundRequirement(_message.Message):
    __slots__ = ("text", "file_name", "line")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    text: str
    file_name: str
    line: int
    def __init__(self, text: _Optional[str] = ..., file_name: _Optional[str] = ..., line: _Optional[int] = ...) -> None: ...

class SourceProblem(_message.Message):
    __slots__ = ("path", "name", "file_name", "line", "column", "message")
    PATH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    path: str
    name: str
    file_name: str
    line: int
    column: int
    message: str
    def __init__(self, path: _Optional[str] = ..., name: _Optional[str] = ..., file_name: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class StepStarted(_message.Message):
    __slots__ = ("assignment", "path", "start_time", "warm")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    path: str
    start_time: _timestamp_pb2.Timestamp
    warm: bool
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., path: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., warm: _Optional[bool] = ...) -> None: ...

class StepFinished(_message.Message):
    __slots__ = ("assignment", "result", "left", "warm")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    result: _step_pb2.StepResult
    left: bool
    warm: bool
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., result: _Optional[_Union[_step_pb2.StepResult, _Mapping]] = ..., left: _Optional[bool] = ..., warm: _Optional[bool] = ...) -> None: ...

class Respond(_message.Message):
    __slots__ = ("assignment", "path", "response")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    path: str
    response: _step_pb2.Response
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., path: _Optional[str] = ..., response: _Optional[_Union[_step_pb2.Response, _Mapping]] = ...) -> None: ...

class LogLines(_message.Message):
    __slots__ = ("assignment", "lines")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    lines: _containers.RepeatedCompositeFieldContainer[_step_pb2.LogLine]
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_step_pb2.LogLine, _Mapping]]] = ...) -> None: ...

class RunGone(_message.Message):
    __slots__ = ("assignment", "cause", "message")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    cause: GoneCause
    message: str
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., cause: _Optional[_Union[GoneCause, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Inventory(_message.Message):
    __slots__ = ("warm_versions", "environments", "blank_environments", "memory_bytes", "crowded")
    WARM_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    BLANK_ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CROWDED_FIELD_NUMBER: _ClassVar[int]
    warm_versions: _containers.RepeatedCompositeFieldContainer[WarmVersion]
    environments: int
    blank_environments: int
    memory_bytes: int
    crowded: bool
    def __init__(self, warm_versions: _Optional[_Iterable[_Union[WarmVersion, _Mapping]]] = ..., environments: _Optional[int] = ..., blank_environments: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., crowded: _Optional[bool] = ...) -> None: ...

class WarmVersion(_message.Message):
    __slots__ = ("version_id", "idle")
    VERSION_ID_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    version_id: str
    idle: int
    def __init__(self, version_id: _Optional[str] = ..., idle: _Optional[int] = ...) -> None: ...

class HostCall(_message.Message):
    __slots__ = ("assignment", "path", "number", "method", "request_json", "body", "execution")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_JSON_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    path: str
    number: int
    method: str
    request_json: bytes
    body: bytes
    execution: int
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., path: _Optional[str] = ..., number: _Optional[int] = ..., method: _Optional[str] = ..., request_json: _Optional[bytes] = ..., body: _Optional[bytes] = ..., execution: _Optional[int] = ...) -> None: ...

class HostCallResult(_message.Message):
    __slots__ = ("assignment", "number", "response_json", "body", "error", "path")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_JSON_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    number: int
    response_json: bytes
    body: bytes
    error: HostCallError
    path: str
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., number: _Optional[int] = ..., response_json: _Optional[bytes] = ..., body: _Optional[bytes] = ..., error: _Optional[_Union[HostCallError, _Mapping]] = ..., path: _Optional[str] = ...) -> None: ...

class HostCallError(_message.Message):
    __slots__ = ("type", "reason", "message")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    type: str
    reason: str
    message: str
    def __init__(self, type: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
