# Tries: to do its calls by io_uring, behind the filter's back.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    parameters = ctypes.create_string_buffer(256)
    return (
        "held" if all(libc.syscall(number, 8, parameters, 0, 0, 0, 0) < 0 for number in (425, 426, 427)) else "set up"
    )
