# Tries: to be serialised by code of its own, which lies about what it is and dies while it is looked at.
# Ends: either
import os


class Liar(dict):
    def items(self):
        while True:
            yield "x", self

    def __iter__(self):
        os._exit(3)

    def __len__(self):
        return -1


def handler(pd):
    return {"liar": Liar(a=1)}
