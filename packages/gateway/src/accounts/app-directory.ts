import { readdirSync, readFileSync } from "node:fs";
import { APP_NAME, parseAppDefinition, PlatformError, type AppDefinition } from "@millrace/core";
import type { AppRecord, Apps, OauthClient } from "@millrace/store";

const FOLDER = new URL("apps/", import.meta.url);

/** Stands for "no known app": whatever has fields. */
export const CUSTOM_APP: AppDefinition = {
  name: "custom",
  title: "Anything with keys",
  auth: "key",
  oauth: undefined,
  fields: [],
  tests: [],
  setupUrl: "",
};

let builtIn: ReadonlyMap<string, AppDefinition> | undefined;

/** The apps that every project has, by name. */
export function builtInApps(): ReadonlyMap<string, AppDefinition> {
  builtIn ??= new Map(
    readdirSync(FOLDER)
      .filter((file) => file.endsWith(".json"))
      .map((file) => parseAppDefinition(JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"))))
      .concat(CUSTOM_APP)
      .map((app) => [app.name, app]),
  );
  return builtIn;
}

/** An app as a project has it. */
export interface ProjectApp extends AppDefinition {
  readonly custom: boolean;
  readonly hasClient: boolean;
}

/** Apps of projects: the built-in ones, under those that a project defines itself. */
export class AppDirectory {
  readonly #apps: Apps;

  constructor(apps: Apps) {
    this.#apps = apps;
  }

  /** All, by name. */
  async list(projectId: string): Promise<ProjectApp[]> {
    const own = new Map((await this.#apps.list(projectId)).map((record) => [record.name, record]));
    const names = new Set([...builtInApps().keys(), ...own.keys()]);
    return [...names].sort().flatMap((name) => toProjectApp(name, own.get(name)) ?? []);
  }

  /** `APP_NOT_FOUND`. */
  async get(projectId: string, name: string): Promise<ProjectApp> {
    const own = APP_NAME.test(name) ? await this.#apps.get(projectId, name) : undefined;
    const app = toProjectApp(name, own);
    if (app !== undefined) return app;
    const message = `There is no app ${JSON.stringify(name.slice(0, 100))}; "millrace account apps" lists those there are`;
    throw new PlatformError("NotFound", "APP_NOT_FOUND", message);
  }

  /** The OAuth client of a project at an app. `APP_CLIENT_MISSING`. */
  async client(projectId: string, name: string): Promise<OauthClient> {
    const client = await this.#apps.openClient(projectId, name);
    if (client !== undefined) return client;
    const message = `This project has no OAuth client for "${name}"; set the one that its provider gave you with "millrace account client ${name}"`;
    throw new PlatformError("FailedPrecondition", "APP_CLIENT_MISSING", message, { metadata: { app: name } });
  }
}

/** A definition that an older release has kept is checked again: this one may know more about it. */
function toProjectApp(name: string, own: AppRecord | undefined): ProjectApp | undefined {
  const definition = own?.definition === undefined ? builtInApps().get(name) : parseAppDefinition(own.definition);
  if (definition === undefined) return undefined;
  return { ...definition, custom: own?.definition !== undefined, hasClient: own?.hasClient === true };
}
