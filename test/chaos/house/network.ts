import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import { promisify } from "node:util";

import { waitUntil } from "@millrace/provision";

const run = promisify(execFile);

/** A machine of the house: an address and, unless network faults are left out, a network namespace of its own. */
export interface Host {
  readonly name: string;
  readonly address: string;
  /** Undefined where all hosts share this machine's network. */
  readonly namespace: Namespace | undefined;
}

/** A network namespace, held by a process that sleeps: it is gone when whoever made it is, by `kill -9` too. */
export interface Namespace {
  /** What `nsenter --net=` takes. */
  readonly path: string;
  /** The process that holds it. */
  readonly holder: number;
}

/** Where the hosts of one house meet. */
export interface Network {
  readonly hosts: ReadonlyMap<string, Host>;
  /** The address of this process, outside of every fault. */
  readonly outside: string;
  readonly hasNamespaces: boolean;
  /** `deaf` no longer hears `mute`; what is under way between them is lost silently. */
  cut(deaf: Host, mute: Host): Promise<void>;
  /** Everybody hears everybody again. */
  mend(): Promise<void>;
  /** Where a host meets the others: names of its link and of the bridge. */
  linkOf(host: Host): { readonly link: string; readonly bridge: string };
  close(): Promise<void>;
}

/** Why there can be no network namespaces here, or undefined when there can. */
export async function whyNoNamespaces(nft: string | undefined): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "network namespaces ask for root";
  if (nft === undefined || !existsSync(nft)) return "there is no nft (Debian: nftables)";
  try {
    await run("unshare", ["--net", "ip", "link", "set", "lo", "up"]);
    return undefined;
  } catch (error) {
    return `"unshare --net" fails: ${(error as Error).message.trim().split("\n").at(-1)}`;
  }
}

// Addresses that are kept free for tests of networks (RFC 2544): none of them is anybody's.
const subnetOf = (id: number): string => `198.18.${id}`;
// Where nothing can be cut, hosts are further addresses of the loopback interface.
const loopbackOf = (id: number): string => `127.88.${id}`;

/** Hosts without namespaces: addresses of this machine, and no network faults. */
export function sharedNetwork(names: readonly string[]): Network {
  const id = (process.pid % 250) + 1;
  const address = (index: number): string => `${loopbackOf(id)}.${index + 2}`;
  const hosts = names.map((name, index): Host => ({ name, address: address(index), namespace: undefined }));
  const refuse = (): Promise<never> => Promise.reject(new Error("hosts that share a network cannot be cut apart"));
  return {
    hosts: new Map(hosts.map((host) => [host.name, host])),
    outside: `${loopbackOf(id)}.1`,
    hasNamespaces: false,
    cut: refuse,
    mend: () => Promise.resolve(),
    linkOf: () => {
      throw new Error("hosts that share a network have no links");
    },
    close: () => Promise.resolve(),
  };
}

/** Hosts in namespaces of their own, each with one cable to a bridge on which this process listens too. */
export async function openNetwork(names: readonly string[], nft: string): Promise<Network> {
  const id = await freeSubnet();
  const bridge = `mr${id}`;
  const holders: ChildProcess[] = [];
  const hosts = names.map((name, index): Host => {
    const sleep = ["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"];
    const holder = spawn("setpriv", sleep, { stdio: "ignore" });
    holders.push(holder);
    const pid = holder.pid ?? 0;
    return { name, address: `${subnetOf(id)}.${index + 2}`, namespace: { path: `/proc/${pid}/ns/net`, holder: pid } };
  });
  const network = new BridgedNetwork(id, bridge, hosts, holders, nft);
  try {
    await network.open();
    return network;
  } catch (error) {
    await network.close();
    throw error;
  }
}

/** The first subnet that no other house on this machine has. */
async function freeSubnet(): Promise<number> {
  const { stdout } = await run("ip", ["-o", "-4", "addr", "show"]);
  const first = (process.pid % 120) + 1;
  for (let id = first; id < first + 120; id++) {
    if (!stdout.includes(`${subnetOf(id)}.`)) return id;
  }
  throw new Error("every subnet for tests is taken");
}

class BridgedNetwork implements Network {
  readonly hosts: ReadonlyMap<string, Host>;
  readonly outside: string;
  readonly hasNamespaces = true;
  readonly #id: number;
  readonly #bridge: string;
  readonly #nft: string;
  readonly #holders: readonly ChildProcess[];
  /** Addresses that a host does not hear. */
  readonly #deaf = new Map<Host, Set<string>>();

  constructor(id: number, bridge: string, hosts: readonly Host[], holders: readonly ChildProcess[], nft: string) {
    this.#holders = holders;
    this.#id = id;
    this.#bridge = bridge;
    this.#nft = nft;
    this.outside = `${subnetOf(id)}.1`;
    this.hosts = new Map(hosts.map((host) => [host.name, host]));
  }

  async open(): Promise<void> {
    // Else it takes the lowest of its ports' addresses, and hosts lose it for half a minute when a slow cable is laid or mended.
    const address = `02:00:00:00:00:${this.#id.toString(16).padStart(2, "0")}`;
    await run("ip", ["link", "add", this.#bridge, "address", address, "type", "bridge"]);
    await run("ip", ["addr", "add", `${this.outside}/24`, "dev", this.#bridge]);
    await run("ip", ["link", "set", this.#bridge, "up"]);
    for (const host of this.hosts.values()) {
      const { link } = this.linkOf(host);
      const { path, holder } = host.namespace as Namespace;
      const own = readlinkSync("/proc/self/ns/net");
      await waitUntil(() => readlinkSync(path) !== own, { what: `the namespace of ${host.name}`, timeoutMs: 10_000 });
      await run("ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(holder)]);
      await run("ip", ["link", "set", link, "master", this.#bridge, "up"]);
      await this.#inside(host, ["ip", "addr", "add", `${host.address}/24`, "dev", "eth0"]);
      await this.#inside(host, ["ip", "link", "set", "eth0", "up"]);
      await this.#inside(host, ["ip", "link", "set", "lo", "up"]);
    }
  }

  async #inside(host: Host, command: readonly string[], input = ""): Promise<void> {
    const child = run("nsenter", [`--net=${host.namespace?.path}`, "--", ...command]);
    // A command that reads nothing may have ended before.
    child.child.stdin?.on("error", () => undefined);
    child.child.stdin?.end(input);
    await child;
  }

  linkOf(host: Host): { link: string; bridge: string } {
    return { link: `mr${this.#id}v${host.address.split(".").at(-1)}`, bridge: this.#bridge };
  }

  async cut(deaf: Host, mute: Host): Promise<void> {
    const unheard = this.#deaf.get(deaf) ?? new Set();
    unheard.add(mute.address);
    this.#deaf.set(deaf, unheard);
    await this.#apply(deaf);
  }

  async mend(): Promise<void> {
    const hosts = [...this.#deaf.keys()];
    this.#deaf.clear();
    await Promise.all(hosts.map((host) => this.#apply(host)));
  }

  async #apply(host: Host): Promise<void> {
    const addresses = [...(this.#deaf.get(host) ?? [])];
    const drop = addresses.length === 0 ? "" : `ip saddr { ${addresses.join(", ")} } drop`;
    const table = "table inet chaos";
    const chain = `chain input {\n type filter hook input priority 0;\n ${drop}\n }`;
    const rules = `add ${table}\ndelete ${table}\n${table} {\n ${chain}\n}\n`;
    await this.#inside(host, [this.#nft, "-f", "-"], rules);
  }

  async close(): Promise<void> {
    // The cables go with the namespaces. Whatever was not made yet is no error: the start may have failed in the middle.
    for (const holder of this.#holders) holder.kill("SIGKILL");
    await run("ip", ["link", "delete", this.#bridge]).catch(() => undefined);
  }
}
