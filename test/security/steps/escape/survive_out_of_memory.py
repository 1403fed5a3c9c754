# Tries: to be the last that the kernel ends when memory is out, so that the database goes first.
# Ends: held
def handler(pd):
    for path in ("/proc/self/oom_score_adj", "/proc/1/oom_score_adj"):
        for value in ("-1000", "-1"):
            try:
                with open(path, "w") as file:
                    file.write(value)
            except OSError:
                pass
    with open("/proc/self/oom_score_adj") as file:
        return "held" if int(file.read()) >= 0 else "moved"
