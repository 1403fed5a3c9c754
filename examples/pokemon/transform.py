"""Takes the Pokémon that was posted and describes it for the next step."""

ADVICE = {
    "plant": "keep it away from fire",
    "fire": "keep it out of the rain",
    "water": "keep it away from power lines",
}


def handler(pd: "pipedream"):
    # The event is the HTTP request; a key that the request lacks is looked up in its JSON body.
    pokemon = pd.steps["trigger"]["event"]
    name = pokemon["name"]
    kind = pokemon.get("type", "unknown")
    print(f"caught {name}, type {kind}")

    pd.export("advice", ADVICE.get(kind, "watch it closely"))
    return {"number": f"#{int(pokemon['id']):04d}", "name": name.upper(), "type": kind}
