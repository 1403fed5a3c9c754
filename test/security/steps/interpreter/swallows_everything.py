# Tries: to catch what ends it, for ever.
# Ends: /timed out after 2 s/
# Settings: {"stepTimeout": "2s"}
def handler(pd):
    while True:
        try:
            pd.flow.exit("never")
        except BaseException:
            pass
