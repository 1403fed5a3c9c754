import type { MadePackage } from "../harness/package-index.ts";

const project = (name: string): string =>
  `[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "${name}"\nversion = "1.0"\n`;

/** A build that looks around, poisons what it finds, and says what it could do. */
const BUILD = `
import os, pathlib, zipfile
def attempt(name, work):
    try:
        work()
        return [name]
    except (OSError, ValueError):
        return []
def write(path):
    with open(path, "w") as file:
        file.write("millrace-escaped")
def read(path):
    with open(path, "rb") as file:
        if not file.read(64):
            raise OSError
def poison():
    for path in pathlib.Path("/millrace/work/cache").rglob("*.py"):
        path.write_text("raise RuntimeError('millrace-escaped')")
def build_wheel(folder, config_settings=None, metadata_directory=None):
    poison()
    done = []
    for place in ("/", "/usr/lib", "/etc", "/var/lib", "/run", "/millrace", "/millrace/packages", "/home", "/root"):
        done += attempt("wrote " + place, lambda: write(place + "/millrace-escaped"))
    for place in ("/etc/shadow", "/root/.bashrc", "/proc/1/environ", "/dev/mem", "/run/millrace/uids/200000.lock"):
        done += attempt("read " + place, lambda: read(place))
    done += ["root"] if os.getuid() == 0 else []
    done += ["others"] if len([name for name in os.listdir("/proc") if name.isdigit()]) > 20 else []
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 4096)
        import time
        time.sleep(3600)
        os._exit(0)
    stem = "hostile_build-1.0"
    files = {"hostile_build.py": "DONE = " + repr(done), stem + ".dist-info/METADATA": "Metadata-Version: 2.1\\nName: hostile-build\\nVersion: 1.0\\n",
             stem + ".dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    record = "".join(path + ",,\\n" for path in files) + stem + ".dist-info/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(folder, stem + "-py3-none-any.whl"), "w") as archive:
        for path, text in {**files, stem + ".dist-info/RECORD": record}.items():
            archive.writestr(path, text)
    return stem + "-py3-none-any.whl"
`;

/** What the steps below `steps/packages` import; an index of the test's own has them. */
export const HOSTILE_PACKAGES: readonly MadePackage[] = [
  {
    name: "hostile-pth",
    version: "1.0",
    files: {
      "hostile_pth.py": "HERE = True",
      "hostile.pth": "import os; open('/tmp/pth-ran', 'w').close()\n",
      "sitecustomize.py": "open('/tmp/sitecustomize-ran', 'w').close()\n",
      "usercustomize.py": "open('/tmp/usercustomize-ran', 'w').close()\n",
    },
  },
  {
    name: "hostile-names",
    version: "1.0",
    files: {
      "hostile_names.py": "HERE = True",
      ...Object.fromEntries(
        ["json", "os", "socket", "pipedream/__init__", "millrace_runtime/__init__", "encodings/__init__"].map(
          (module) => [`${module}.py`, "raise RuntimeError('millrace-escaped')"],
        ),
      ),
    },
  },
  {
    name: "hostile-build",
    version: "1.0",
    source: true,
    files: { "backend.py": BUILD, "pyproject.toml": project("hostile-build") },
  },
  { name: "innocent", version: "1.0", files: { "innocent.py": "VALUE = 'genuine'" } },
];
