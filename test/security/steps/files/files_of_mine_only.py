# Tries: to keep the platform from cleaning up, by folders that nobody may enter.
# Ends: held
import os


def handler(pd):
    os.makedirs("/tmp/closed/deeper")
    with open("/tmp/closed/deeper/file", "w") as file:
        file.write("x")
    os.chmod("/tmp/closed/deeper", 0)
    os.chmod("/tmp/closed", 0)
    return "held"
