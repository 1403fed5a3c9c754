import { operatorSettings, parseSettings } from "@millrace/config";
import { RELEASE } from "@millrace/core";
import type { MigrationPhase } from "@millrace/store";
import type { CommandContext, CommandResult } from "../command-context.ts";

// The database's client is loaded by these commands only: it takes time, and the others have no use for it.

/** Options of `millrace migrate`. */
export interface MigrateCommandOptions {
  readonly phase: MigrationPhase;
  /** Seconds that `post` waits for processes of older releases. */
  readonly wait: number;
}

/** Brings the record that `MILLRACE_DATABASE_URL` names to this release's schema. */
export async function migrate(context: CommandContext, options: MigrateCommandOptions): Promise<CommandResult> {
  const { migrate: bringUpToDate } = await import("@millrace/store");
  let said = "";
  const { applied, pending } = await bringUpToDate(databaseUrl(), {
    phase: options.phase,
    waitMs: options.wait * 1_000,
    onWait: (sessions) => {
      const text = sessions.map(({ release, process }) => `${process} of ${release}`).join(", ");
      if (text !== said) context.say(`waiting for ${text}`);
      said = text;
    },
  });
  const lines = [
    applied.length === 0 ? `nothing to do for release ${RELEASE}` : `applied ${applied.join(", ")}`,
    ...(pending.length === 0
      ? []
      : [`left for "millrace migrate --phase post", when no older process is at work: ${pending.join(", ")}`]),
  ];
  return { json: { release: RELEASE, applied, pending }, text: lines.join("\n") };
}

/** Options of `millrace create-key`. */
export interface CreateKeyOptions {
  readonly project: string;
  readonly name: string;
}

/** Makes an API key, and its project where there is none yet, in the record that `MILLRACE_DATABASE_URL` names. */
export async function createKey(_context: CommandContext, options: CreateKeyOptions): Promise<CommandResult> {
  const { openStore } = await import("@millrace/store");
  const store = await openStore({ url: databaseUrl(), applicationName: "millrace create-key", connectionsMax: 1 });
  try {
    const project = await store.projects.ensure(options.project);
    const { id, key } = await store.apiKeys.create(project.id, options.name);
    return { json: { project: options.project, name: options.name, id, key }, text: key };
  } finally {
    await store.close();
  }
}

function databaseUrl(): string {
  return parseSettings(operatorSettings, { args: [] }).databaseUrl;
}
