# Tries: to return something that contains itself.
# Ends: /[Cc]ircular|itself|recursion/
def handler(pd):
    value = {}
    value["self"] = value
    return value
