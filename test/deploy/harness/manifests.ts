import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

const checkout = join(import.meta.dirname, "../../..");

/** A Kubernetes object as a chart renders it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  // The fields differ by kind; the tests say which they look for.
  // eslint-disable-next-line typescript/no-explicit-any
  readonly spec?: any;
  readonly data?: Readonly<Record<string, string>>;
}

/** What a process is started with, wherever it was written down. */
export interface ContainerPlan {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Names of the secrets by the path at which they are mounted. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly graceMs: number;
}

/** The rendered objects of a values file. */
export function readRendered(name: string): Manifest[] {
  const text = readFileSync(join(checkout, `test/deploy/rendered/${name}.yaml`), "utf8");
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);
}

/** What a pod's only container is started with. */
export function planOfPod(workload: Manifest): ContainerPlan {
  const { template } = workload.spec as { template: { spec: PodSpec } };
  const [container] = template.spec.containers;
  const { args = [], env = [], volumeMounts = [] } = container!;
  const secrets = template.spec.volumes.flatMap(({ name, secret }) => {
    const mount = volumeMounts.find((one) => one.name === name);
    return (secret?.items ?? []).map(({ key, path }) => [`${mount?.mountPath}/${path}`, key] as const);
  });
  return {
    args,
    env: Object.fromEntries(env.map(({ name, value }) => [name, value ?? ""])),
    secrets: Object.fromEntries(secrets),
    graceMs: (template.spec.terminationGracePeriodSeconds ?? 30) * 1_000,
  };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly {
    readonly args?: readonly string[];
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
    readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly {
    readonly name: string;
    readonly secret?: { readonly items?: readonly { readonly key: string; readonly path: string }[] };
  }[];
}

/** A service of the compose file. */
export interface ComposeService {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly stop_grace_period?: string;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly restart?: string;
  readonly healthcheck?: unknown;
  readonly deploy?: { readonly resources?: { readonly limits?: { readonly memory?: string } } };
}

/** The compose file with the variables of an `.env` filled in, as compose does it. */
export function readCompose(env: Readonly<Record<string, string>>): Readonly<Record<string, ComposeService>> {
  const text = readFileSync(join(checkout, "deploy/compose/compose.yaml"), "utf8");
  let filled = text;
  // From the inside out: a default may name another variable.
  for (let before = ""; before !== filled;) {
    before = filled;
    filled = filled.replaceAll(
      /\$\{(\w+)(?::([-?])([^{}]*))?\}/g,
      (_all, name: string, kind?: string, rest?: string) => {
        const value = env[name];
        if (value !== undefined && value !== "") return value;
        if (kind !== "-") throw new Error(`compose would refuse: ${name} is missing`);
        return rest ?? "";
      },
    );
  }
  return (parse(filled, { merge: true }) as { services: Readonly<Record<string, ComposeService>> }).services;
}

/** What a service of the compose file is started with. */
export function planOfService(service: ComposeService): ContainerPlan {
  const names = service.secrets ?? [];
  return {
    args: service.command ?? [],
    env: service.environment ?? {},
    secrets: Object.fromEntries(names.map((name) => [`/run/secrets/${name}`, name])),
    graceMs: Number(/^(\d+)s$/.exec(service.stop_grace_period ?? "10s")![1]) * 1_000,
  };
}
