import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { call, segment, type Query } from "./http.ts";
import type {
  Account,
  ApiKey,
  App,
  DataStore,
  DataStoreRecord,
  File as HouseFile,
  FirstSteps,
  ListAppsResponse,
  ListDataStoreRecordsResponse,
  ListFilesResponse,
  ListPoolsResponse,
  ListRunnersResponse,
  ListUsesResponse,
  Project,
  Retention,
  Session,
  Storage,
  User,
  Variable,
} from "./generated/types.ts";

const PAGE = 1_000;

/** All pages of a list of which there are few. */
async function all<T>(path: string, field: string, query: Query = {}): Promise<readonly T[]> {
  const found: T[] = [];
  let pageToken = "";
  do {
    const page = await call<Record<string, unknown>>("GET", path, { query: { ...query, pageSize: PAGE, pageToken } });
    found.push(...((page[field] as readonly T[] | undefined) ?? []));
    pageToken = (page["nextPageToken"] as string | undefined) ?? "";
  } while (pageToken !== "");
  return found;
}

/** The last part of a resource's name: `variables/REGION` is `REGION`. */
export function idOf(name: string | undefined): string {
  return (name ?? "").slice((name ?? "").indexOf("/") + 1);
}

export const variablesQuery = queryOptions({
  queryKey: ["variables"],
  queryFn: () => all<Variable>("variables", "variables"),
});

/** Where something is used, such as `variables/REGION`. */
export function usesQuery(target: string) {
  return infiniteQueryOptions({
    queryKey: ["uses", target],
    queryFn: ({ pageParam: pageToken }) => call<ListUsesResponse>("GET", "uses", { query: { target, pageToken } }),
    initialPageParam: "",
    getNextPageParam: ({ nextPageToken = "" }) => (nextPageToken === "" ? undefined : nextPageToken),
    gcTime: 0,
  });
}

export const firstStepsQuery = queryOptions({
  queryKey: ["first-steps"],
  queryFn: () => call<FirstSteps>("GET", "project/firstSteps"),
});

/** Ends the first steps for good. */
export function dismissFirstSteps(): Promise<FirstSteps> {
  return call<FirstSteps>("POST", "project/firstSteps:dismiss", { body: {} });
}

export const accountsQuery = queryOptions({
  queryKey: ["accounts"],
  queryFn: () => all<Account>("accounts", "accounts"),
});

export const appsQuery = queryOptions({
  queryKey: ["apps"],
  queryFn: async () => (await call<ListAppsResponse>("GET", "apps")).apps ?? ([] as readonly App[]),
  staleTime: 30_000,
});

export const dataStoresQuery = queryOptions({
  queryKey: ["dataStores"],
  queryFn: () => all<DataStore>("dataStores", "dataStores"),
});

const RECORDS_PER_PAGE = 500;
/** As much of a value as a list shows; with a million records in it, whole ones would fill the memory. */
const PREVIEW_CHARACTERS = 200;

/** Records of a store whose keys start with a text, page by page; values are shortened. */
export function recordsQuery(store: string, prefix: string) {
  return infiniteQueryOptions({
    queryKey: ["records", store, prefix],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const query = { prefix, pageSize: RECORDS_PER_PAGE, pageToken: pageParam };
      const path = `dataStores/${segment(store)}/records`;
      const { records = [], nextPageToken } = await call<ListDataStoreRecordsResponse>("GET", path, { query, signal });
      return { records: records.map(shorten), nextPageToken };
    },
    getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
    // Reading thousands of pages anew because somebody came back to the window helps nobody.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
}

/** A record as a list shows it. */
export function shorten(record: DataStoreRecord): DataStoreRecord {
  const { valueJson = "" } = record;
  return valueJson.length <= PREVIEW_CHARACTERS
    ? record
    : { ...record, valueJson: `${valueJson.slice(0, PREVIEW_CHARACTERS)}…` };
}

/** One record, whole. */
export function recordQuery(store: string, key: string) {
  return queryOptions({
    queryKey: ["record", store, key],
    queryFn: () => call<DataStoreRecord>("GET", `dataStores/${segment(store)}/records:read`, { query: { key } }),
    gcTime: 0,
  });
}

/** A directory of the project's files, page by page. */
export function filesQuery(directory: string) {
  return infiniteQueryOptions({
    queryKey: ["files", directory],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const query = { directory, pageSize: 500, pageToken: pageParam };
      const { files = [], nextPageToken } = await call<ListFilesResponse>("GET", "files", { query, signal });
      return { files: files as readonly HouseFile[], nextPageToken };
    },
    getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
  });
}

export const poolsQuery = queryOptions({
  queryKey: ["pools"],
  queryFn: async () => (await call<ListPoolsResponse>("GET", "pools")).pools ?? [],
});

export const runnersQuery = queryOptions({
  queryKey: ["runners"],
  queryFn: async () => (await call<ListRunnersResponse>("GET", "pools/-/runners")).runners ?? [],
});

/** A list that comes whole. */
async function few<T>(path: string): Promise<readonly T[]> {
  return (await call<Record<string, readonly T[] | undefined>>("GET", path))[path] ?? [];
}

export const usersQuery = queryOptions({ queryKey: ["users"], queryFn: () => few<User>("users") });
export const apiKeysQuery = queryOptions({ queryKey: ["apiKeys"], queryFn: () => few<ApiKey>("apiKeys") });
export const sessionsQuery = queryOptions({ queryKey: ["sessions"], queryFn: () => few<Session>("sessions") });
export const projectQuery = queryOptions({ queryKey: ["project"], queryFn: () => call<Project>("GET", "project") });
export const storageQuery = queryOptions({
  queryKey: ["storage"],
  queryFn: () => call<Storage>("GET", "project/storage"),
});

/** How long runs are kept: of the project, or of one workflow. */
export function retentionQuery(workflow: string | undefined) {
  const path = workflow === undefined ? "project/retention" : `workflows/${segment(workflow)}/retention`;
  return queryOptions({ queryKey: ["retention", workflow ?? ""], queryFn: () => call<Retention>("GET", path) });
}
