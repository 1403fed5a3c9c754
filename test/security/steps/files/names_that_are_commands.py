# Tries: to be executed or to climb by the names of its files.
# Ends: held
def handler(pd):
    for name in (
        "$(touch millrace-escaped)",
        "; rm -rf x",
        "-rf",
        "--checkpoint-action=exec=sh",
        "a\nb",
        "\x1b[2J",
        "..\\..\\x",
        "\xff\udcff",
    ):
        try:
            with open(f"/tmp/{name}", "w") as file:
                file.write("x")
        except (OSError, UnicodeError):
            pass
    return "held"
