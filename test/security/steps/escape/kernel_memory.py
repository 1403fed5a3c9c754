# Tries: to read the kernel's and the machine's memory, its log and its symbols.
# Ends: held
def handler(pd):
    found = []
    for path in ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/proc/kmsg", "/dev/kmsg", "/proc/kpagecount"):
        try:
            with open(path, "rb", buffering=0) as file:
                if file.read(64):
                    found.append(path)
        except OSError:
            pass
    with open("/proc/kallsyms") as file:
        found += ["kallsyms" for line in (file.readline(),) if line and int(line.split()[0], 16)]
    return "held" if not found else found
