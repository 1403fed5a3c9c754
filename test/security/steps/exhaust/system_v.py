# Tries: to leave segments, queues and semaphores behind, which belong to no process.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    made = {
        "shm": libc.shmget(0x6D696C6C, 1 << 20, 0o1666),
        "msg": libc.msgget(0x6D696C6C, 0o1666),
        "sem": libc.semget(0x6D696C6C, 10, 0o1666),
    }
    return "held" if all(code < 0 for code in made.values()) else made
