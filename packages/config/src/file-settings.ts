import { integer } from "./setting.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Settings of the doors through which files come and go: uploads, file stores, downloads. */
export const fileSettings = {
  uploadLimitBytes: integer({
    env: "MILLRACE_UPLOAD_LIMIT_BYTES",
    description: "Largest request with files, or body that is one, to a trigger; a larger one gets 413.",
    default: 100 * MIB,
    min: 0,
    max: 64 * GIB,
    unit: "bytes",
  }),
  uploadFilesMax: integer({
    env: "MILLRACE_UPLOAD_FILES_MAX",
    description: "Most files in one request to a trigger; more get 413.",
    default: 100,
    min: 0,
    max: 10_000,
  }),
  uploadsMax: integer({
    env: "MILLRACE_UPLOADS_MAX",
    description: "Uploads that a gateway receives at the same time; more get 503.",
    default: 64,
    min: 1,
    max: 10_000,
  }),
  downloadsMax: integer({
    env: "MILLRACE_DOWNLOADS_MAX",
    description: "Files that a gateway sends at the same time; more get 503.",
    default: 200,
    min: 1,
    max: 10_000,
  }),
  fileLimitBytes: integer({
    env: "MILLRACE_FILE_LIMIT_BYTES",
    description: "Largest file in a project's file store.",
    default: GIB,
    min: 0,
    max: 64 * GIB,
    unit: "bytes",
  }),
  fileStoreBytesMax: integer({
    env: "MILLRACE_FILE_STORE_BYTES_MAX",
    description: "What the files of one project may take together.",
    default: 10 * GIB,
    min: 0,
    max: 64 * 1024 * GIB,
    unit: "bytes",
  }),
  fileStoreFilesMax: integer({
    env: "MILLRACE_FILE_STORE_FILES_MAX",
    description: "Most files of one project.",
    default: 1_000_000,
    min: 0,
    max: 100_000_000,
  }),
} as const;
