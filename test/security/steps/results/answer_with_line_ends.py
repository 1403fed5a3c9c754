# Tries: to add headers and a second answer to its HTTP answer, by line ends in what it sends.
# Ends: /header|CR|LF|line/
def handler(pd):
    pd.respond({"status": 200, "headers": {"x-a": "b\r\nset-cookie: session=stolen\r\n\r\n<html>"}, "body": "x"})
    return "sent"
