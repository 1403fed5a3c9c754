# Tries: to fill /dev/shm.
# Ends: /No space left/
def handler(pd):
    with open("/dev/shm/x", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))
