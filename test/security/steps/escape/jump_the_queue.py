# Tries: to get more of the processors than others: better niceness, real time scheduling, better input and output.
# Ends: held
import os


def handler(pd):
    done = []
    for change in (
        lambda: os.nice(-20),
        lambda: os.setpriority(os.PRIO_PROCESS, 0, -10),
        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10)),
        lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
    ):
        try:
            change()
            done.append(change)
        except OSError:
            pass
    return "held" if not done else len(done)
