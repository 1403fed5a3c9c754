# Tries: to give another workflow a package that was changed: its set is built beside one whose script changes all it finds.
# Ends: held
import hostile_build
import innocent


def handler(pd):
    return "held" if innocent.VALUE == "genuine" and hostile_build else innocent.VALUE
