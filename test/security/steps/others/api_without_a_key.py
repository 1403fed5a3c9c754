# Tries: to use the house's own API from within, without a key and with keys that people guess.
# Ends: held
import urllib.error
import urllib.request


def handler(pd):
    url = pd.steps["trigger"]["event"]["url"]
    opened = []
    for path in ("/api/v1/workflows", "/api/v1/variables", "/metrics", "/debug/pprof", "/varz"):
        for key in ("", "Bearer ", "Bearer admin", "Basic YWRtaW46YWRtaW4="):
            request = urllib.request.Request(url + path, headers={"authorization": key} if key else {})
            try:
                with urllib.request.urlopen(request, timeout=5) as response:
                    opened.append((path, response.status))
            except (urllib.error.URLError, OSError):
                pass
    return "held" if not opened else opened
