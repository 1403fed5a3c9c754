# Tries: to make the kernel reboot, dump or kill through /proc/sysrq-trigger.
# Ends: held
def handler(pd):
    for letter in "cobe":
        try:
            with open("/proc/sysrq-trigger", "w") as file:
                file.write(letter)
            return "written"
        except OSError:
            pass
    return "held"
