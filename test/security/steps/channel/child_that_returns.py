# Tries: to have two interpreters answer for one step: a forked child returns from the handler as well.
# Ends: held
import os


def handler(pd):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return "held"
    return "the child answered"
