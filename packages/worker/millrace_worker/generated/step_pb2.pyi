import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PauseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAUSE_KIND_UNSPECIFIED: _ClassVar[PauseKind]
    PAUSE_KIND_DELAY: _ClassVar[PauseKind]
    PAUSE_KIND_SUSPEND: _ClassVar[PauseKind]
    PAUSE_KIND_RERUN: _ClassVar[PauseKind]
    PAUSE_KIND_CHILD: _ClassVar[PauseKind]

class PauseTimeout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAUSE_TIMEOUT_UNSPECIFIED: _ClassVar[PauseTimeout]
    PAUSE_TIMEOUT_RESUME: _ClassVar[PauseTimeout]
    PAUSE_TIMEOUT_CANCEL: _ClassVar[PauseTimeout]

class FailureCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_CAUSE_UNSPECIFIED: _ClassVar[FailureCause]
    FAILURE_CAUSE_EXCEPTION: _ClassVar[FailureCause]
    FAILURE_CAUSE_STEP_TIMEOUT: _ClassVar[FailureCause]
    FAILURE_CAUSE_RUN_TIMEOUT: _ClassVar[FailureCause]
    FAILURE_CAUSE_OUT_OF_MEMORY: _ClassVar[FailureCause]
    FAILURE_CAUSE_PROCESS_EXITED: _ClassVar[FailureCause]
    FAILURE_CAUSE_PROCESS_KILLED: _ClassVar[FailureCause]
    FAILURE_CAUSE_PAYLOAD_TOO_LARGE: _ClassVar[FailureCause]
    FAILURE_CAUSE_POISON: _ClassVar[FailureCause]

class LogStream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_STREAM_UNSPECIFIED: _ClassVar[LogStream]
    LOG_STREAM_STDOUT: _ClassVar[LogStream]
    LOG_STREAM_STDERR: _ClassVar[LogStream]
    LOG_STREAM_ERROR: _ClassVar[LogStream]
    LOG_STREAM_SYSTEM: _ClassVar[LogStream]
PAUSE_KIND_UNSPECIFIED: PauseKind
PAUSE_KIND_DELAY: PauseKind
PAUSE_KIND_SUSPEND: PauseKind
PAUSE_KIND_RERUN: PauseKind
PAUSE_KIND_CHILD: PauseKind
PAUSE_TIMEOUT_UNSPECIFIED: PauseTimeout
PAUSE_TIMEOUT_RESUME: PauseTimeout
PAUSE_TIMEOUT_CANCEL: PauseTimeout
FAILURE_CAUSE_UNSPECIFIED: FailureCause
FAILURE_CAUSE_EXCEPTION: FailureCause
FAILURE_CAUSE_STEP_TIMEOUT: FailureCause
FAILURE_CAUSE_RUN_TIMEOUT: FailureCause
FAILURE_CAUSE_OUT_OF_MEMORY: FailureCause
FAILURE_CAUSE_PROCESS_EXITED: FailureCause
FAILURE_CAUSE_PROCESS_KILLED: FailureCause
FAILURE_CAUSE_PAYLOAD_TOO_LARGE: FailureCause
FAILURE_CAUSE_POISON: FailureCause
LOG_STREAM_UNSPECIFIED: LogStream
LOG_STREAM_STDOUT: LogStream
LOG_STREAM_STDERR: LogStream
LOG_STREAM_ERROR: LogStream
LOG_STREAM_SYSTEM: LogStream

class StepResult(_message.Message):
    __slots__ = ("path", "name", "execution_id", "exports_json", "return_value_json", "response", "exit", "failure", "pause", "start_time", "end_time", "last_log_sequence", "children", "tmp", "peak_memory_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    EXPORTS_JSON_FIELD_NUMBER: _ClassVar[int]
    RETURN_VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_LOG_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    TMP_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    name: str
    execution_id: str
    exports_json: bytes
    return_value_json: bytes
    response: Response
    exit: Exit
    failure: StepFailure
    pause: Pause
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    last_log_sequence: int
    children: _containers.RepeatedCompositeFieldContainer[ChildStart]
    tmp: TmpSnapshot
    peak_memory_bytes: int
    def __init__(self, path: _Optional[str] = ..., name: _Optional[str] = ..., execution_id: _Optional[str] = ..., exports_json: _Optional[bytes] = ..., return_value_json: _Optional[bytes] = ..., response: _Optional[_Union[Response, _Mapping]] = ..., exit: _Optional[_Union[Exit, _Mapping]] = ..., failure: _Optional[_Union[StepFailure, _Mapping]] = ..., pause: _Optional[_Union[Pause, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_log_sequence: _Optional[int] = ..., children: _Optional[_Iterable[_Union[ChildStart, _Mapping]]] = ..., tmp: _Optional[_Union[TmpSnapshot, _Mapping]] = ..., peak_memory_bytes: _Optional[int] = ...) -> None: ...

class TmpSnapshot(_message.Message):
    __slots__ = ("content", "unsaved")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    UNSAVED_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    unsaved: str
    def __init__(self, content: _Optional[bytes] = ..., unsaved: _Optional[str] = ...) -> None: ...

class Exit(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ("wake_time", "kind", "on_timeout", "context_json", "max_retries", "child_number")
    WAKE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    MAX_RETRIES_FIELD_NUMBER: _ClassVar[int]
    CHILD_NUMBER_FIELD_NUMBER: _ClassVar[int]
    wake_time: _timestamp_pb2.Timestamp
    kind: PauseKind
    on_timeout: PauseTimeout
    context_json: bytes
    max_retries: int
    child_number: int
    def __init__(self, wake_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[PauseKind, str]] = ..., on_timeout: _Optional[_Union[PauseTimeout, str]] = ..., context_json: _Optional[bytes] = ..., max_retries: _Optional[int] = ..., child_number: _Optional[int] = ...) -> None: ...

class ChildStart(_message.Message):
    __slots__ = ("number", "workflow_id", "workflow_name", "event_json", "call_time")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    EVENT_JSON_FIELD_NUMBER: _ClassVar[int]
    CALL_TIME_FIELD_NUMBER: _ClassVar[int]
    number: int
    workflow_id: str
    workflow_name: str
    event_json: bytes
    call_time: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., workflow_id: _Optional[str] = ..., workflow_name: _Optional[str] = ..., event_json: _Optional[bytes] = ..., call_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StepFailure(_message.Message):
    __slots__ = ("cause", "type", "message", "traceback", "line")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    cause: FailureCause
    type: str
    message: str
    traceback: str
    line: int
    def __init__(self, cause: _Optional[_Union[FailureCause, str]] = ..., type: _Optional[str] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ..., line: _Optional[int] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("status", "headers", "body", "immediate", "body_is_reference")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    IMMEDIATE_FIELD_NUMBER: _ClassVar[int]
    BODY_IS_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    status: int
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    body: bytes
    immediate: bool
    body_is_reference: bool
    def __init__(self, status: _Optional[int] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ..., body: _Optional[bytes] = ..., immediate: _Optional[bool] = ..., body_is_reference: _Optional[bool] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("sequence", "time", "stream", "path", "text", "continued")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTINUED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    stream: LogStream
    path: str
    text: str
    continued: bool
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stream: _Optional[_Union[LogStream, str]] = ..., path: _Optional[str] = ..., text: _Optional[str] = ..., continued: _Optional[bool] = ...) -> None: ...
