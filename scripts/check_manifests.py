"""Checks rendered charts against the schemas of Kubernetes, unknown fields included: python check_manifests.py <file>…"""

import sys
from typing import Any

import kubernetes_validate
import yaml

VERSIONS = ("1.33", "1.34")
# Kinds that other projects define; their schemas are not among those of Kubernetes.
OTHERS = ("keda.sh/", "monitoring.coreos.com/", "gateway.networking.k8s.io/")


def main() -> int:
    """Print what is wrong; 0 when nothing is."""
    manifests = [(path, manifest) for path in sys.argv[1:] for manifest in read(path)]
    own = [(path, manifest) for path, manifest in manifests if not manifest["apiVersion"].startswith(OTHERS)]
    problems = [problem for path, manifest in own for problem in find_problems(path, manifest)]
    if not find_problems(
        "a mistake made on purpose", {"apiVersion": "v1", "kind": "Service", "spec": {"prots": []}}
    ):
        problems.append("the schemas find no mistake at all")
    print("\n".join(problems) or f"{len(own)} manifests fit Kubernetes {' and '.join(VERSIONS)}")
    return 1 if problems else 0


def read(path: str) -> list[dict[str, Any]]:
    """The manifests of a file."""
    with open(path) as file:
        return [manifest for manifest in yaml.safe_load_all(file) if manifest]


def find_problems(path: str, manifest: dict[str, Any]) -> list[str]:
    """What the schemas of each version say."""
    found = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(
                f"{path}: {manifest['kind']} {'.'.join(map(str, error.path))}: {error.message} (Kubernetes {version})"
            )
    return found


if __name__ == "__main__":
    sys.exit(main())
