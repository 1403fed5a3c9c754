def handler(pd: "pipedream"):
    name = pd.steps["trigger"]["event"].get("name", "world")
    pd.respond({"status": 200, "body": f"Hello, {name}!\n"})
