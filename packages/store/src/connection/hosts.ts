import { PlatformError } from "@millrace/core";

/** One server of the database. */
export interface DatabaseHost {
  readonly host: string;
  readonly port: number;
}

/** An address of the database: one database on one or several servers, of which one is the primary. */
export interface DatabaseAddress {
  readonly hosts: readonly DatabaseHost[];
  /** The address with the first server alone, as `pg` reads it: user, password, database, TLS. */
  readonly url: string;
}

const ADDRESS = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)([^/?#]*)(.*)$/s;
const PORT_DEFAULT = 5432;

/** Reads `postgres://user:password@one:5432,two:5433/database`. Throws `DATABASE_URL_INVALID`. */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const [, head, authority, tail] = ADDRESS.exec(text) ?? [];
  if (head === undefined || authority === undefined || tail === undefined) throw invalid();
  const parts = authority.split(",");
  const hosts = parts.map((part) => parseHost(part));
  return { hosts, url: `${head}${parts[0]}${tail}` };
}

/** Servers may be sockets (`?host=/run/postgresql`), which `pg` reads itself; such an address has one server without a name. */
function parseHost(part: string): DatabaseHost {
  if (part === "") return { host: "", port: PORT_DEFAULT };
  if (!URL.canParse(`postgres://${part}`)) throw invalid();
  const { hostname, port } = new URL(`postgres://${part}`);
  if (hostname === "") throw invalid();
  return {
    host: decodeURIComponent(hostname).replace(/^\[(.+)\]$/, "$1"),
    port: port === "" ? PORT_DEFAULT : Number(port),
  };
}

function invalid(): PlatformError {
  return new PlatformError(
    "InvalidArgument",
    "DATABASE_URL_INVALID",
    "The database's address must be postgres://user:password@host:port/database, several servers separated by commas",
  );
}
