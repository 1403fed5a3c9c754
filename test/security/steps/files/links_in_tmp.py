# Tries: to have the platform follow links when it looks after /tmp: to its keys, to devices, in circles.
# Ends: held
import os


def handler(pd):
    event = pd.steps["trigger"]["event"]
    for number, target in enumerate(
        (
            f"{event['data']}/api-key",
            f"{event['data']}/house.json",
            "/etc/shadow",
            "/dev/zero",
            "/proc/1/environ",
            "/",
            "/tmp",
        )
    ):
        os.symlink(target, f"/tmp/link-{number}")
    os.symlink("/tmp/circle-b", "/tmp/circle-a")
    os.symlink("/tmp/circle-a", "/tmp/circle-b")
    os.link("/tmp/link-0", "/tmp/hard")
    return "held"
