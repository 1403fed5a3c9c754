"""Makes wheels and source archives from descriptions on standard input; a list of files in base64 on standard output."""

import base64
import hashlib
import io
import json
import sys
import tarfile
import zipfile


def metadata(one):
    lines = ["Metadata-Version: 2.1", f"Name: {one['name']}", f"Version: {one['version']}"]
    return "\n".join([*lines, *(f"Requires-Dist: {needed}" for needed in one.get("requires", []))]) + "\n"


def wheel(one):
    stem = f"{one['name'].replace('-', '_')}-{one['version']}"
    files = {
        **one["files"],
        f"{stem}.dist-info/METADATA": metadata(one),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{stem}.dist-info/RECORD"] = record + f"{stem}.dist-info/RECORD,,\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{stem}-py3-none-any.whl", out.getvalue()


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def sdist(one):
    stem = f"{one['name'].replace('-', '_')}-{one['version']}"
    files = {**one["files"], "PKG-INFO": metadata(one)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(f"{stem}/{path}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return f"{stem}.tar.gz", out.getvalue()


made = []
for one in json.load(sys.stdin):
    name, data = sdist(one) if one.get("source") else wheel(one)
    content = base64.b64encode(data).decode()
    made.append({"file": name, "data": content, "sha256": hashlib.sha256(data).hexdigest()})
json.dump(made, sys.stdout)
