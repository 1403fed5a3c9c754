import pg from "pg";

const INT8 = 20;
const DATE = 1082;
const TIMESTAMPTZ = 1184;

const parseTimestamp = pg.types.getTypeParser(TIMESTAMPTZ, "text") as (text: string) => Date;

const parsers = new Map<number, (text: string) => unknown>([
  // Counters and sequences of ours stay below 2^53: epoch * 2^32 + counter has room for two million takeovers.
  [INT8, Number],
  [DATE, (text) => text],
  // Points in time are ms since 1970 everywhere in the house.
  [TIMESTAMPTZ, (text) => parseTimestamp(text).getTime()],
]);

/** How values of the database become JavaScript's: numbers for int8, ms since 1970 for timestamps, text for dates. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: "text" | "binary") =>
    (format === "text" && parsers.get(oid)) || pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};
