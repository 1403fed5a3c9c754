# Tries: to fill /tmp beyond its size; the error says how large it is.
# Ends: /No space left/
# Settings: {"tmp": "32MiB"}
def handler(pd):
    with open("/tmp/x", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))
