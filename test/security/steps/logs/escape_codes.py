# Tries: to take over the terminal of who reads the log: clear it, set its title, answer back, write its clipboard.
# Ends: held
def handler(pd):
    print('\x1b[2J\x1b[H\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIC8=\x07\x1b[6n\x9b31m\x1bP$q"p\x1b\\ visible')
    print("\u202eevil\u202c \u2066isolate\u2069 \x00 \x07 \x08")
    return "held"
