# Tries: to make a net of epoll descriptors that the kernel has to walk at each event.
# Ends: held
import os
import select


def handler(pd):
    pollers = [select.epoll() for _ in range(200)]
    reader, writer = os.pipe()
    for level, poller in enumerate(pollers):
        for other in pollers[level + 1 :]:
            try:
                poller.register(other.fileno(), select.EPOLLIN)
            except OSError:
                pass
    pollers[-1].register(reader, select.EPOLLIN)
    os.write(writer, b"x")
    return "held"
