# Tries: to make device nodes for the machine's disks and to open those that are there.
# Ends: held
import os
import stat


def handler(pd):
    done = []
    for major, minor in ((8, 0), (254, 0), (253, 0), (259, 0), (1, 1)):
        try:
            os.mknod("/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(major, minor))
            done.append((major, minor))
        except OSError:
            pass
    done += [
        name for name in os.listdir("/dev") if name.startswith(("sd", "vd", "nvme", "dm-", "loop", "mem", "kvm", "tun"))
    ]
    return "held" if not done else done
