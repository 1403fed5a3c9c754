# Tries: to reach what no step may ask for, by names of methods: administration, other services, paths.
# Ends: held
from millrace_runtime.calls import call


def handler(pd):
    answered = []
    for method in (
        "variables.list",
        "environment.get",
        "workflows.delete",
        "admin.key",
        "token.sign",
        "version.get",
        "run.cancel",
    ):
        try:
            answered.append((method, call(method, {})))
        except Exception:
            pass
    return "held" if not answered else answered
