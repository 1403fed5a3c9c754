"""Answers the HTTP request with what the first step made of it."""


def handler(pd: "pipedream"):
    first = pd.steps["transform"]
    pokemon = first["$return_value"]
    print(f"answering for {pokemon['name']}")

    pd.respond(
        {
            "status": 200,
            "headers": {"x-pokemon": pokemon["number"]},
            "body": {"pokemon": pokemon, "advice": first["advice"]},
        }
    )
