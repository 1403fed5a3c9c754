# Tries: to give another workflow a changed package: its set was built after one whose script changes every file that it finds.
# Ends: held
import innocent


def handler(pd):
    return "held" if innocent.VALUE == "genuine" else innocent.VALUE
