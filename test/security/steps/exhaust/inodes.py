# Tries: to use up inodes by empty files, folders and links, which take no space.
# Ends: /No space left/
import os


def handler(pd):
    for number in range(200_000):
        os.close(os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY))
