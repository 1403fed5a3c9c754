# Tries: to raise its limits, or to have a program started outside, through files of control groups.
# Ends: held
import glob
import os


def handler(pd):
    written = []
    for pattern in (
        "/sys/fs/cgroup/**/release_agent",
        "/sys/fs/cgroup/**/memory.*",
        "/sys/fs/cgroup/**/cgroup.procs",
        "/proc/self/cgroup",
    ):
        for path in glob.glob(pattern, recursive=True):
            try:
                with open(path, "w") as file:
                    file.write("0")
                written.append(path)
            except OSError:
                pass
    return "held" if not written and not os.path.exists("/sys/kernel") else written
