import { defineConfig, type OxlintOverride } from "oxlint";

/**
 * Which of our own packages each room may import. This table is the architecture: `core` and `protocol` know nothing of
 * ours, the rooms around them know those two, the processes wire them and never import one another.
 */
export const rooms: Readonly<Record<string, readonly string[]>> = {
  core: [],
  protocol: [],
  config: ["core"],
  telemetry: ["core"],
  provision: ["core"],
  bus: ["core", "protocol"],
  rpc: ["core", "protocol"],
  store: ["core", "protocol"],
  gateway: ["bus", "config", "core", "protocol", "rpc", "store", "telemetry"],
  scheduler: ["bus", "config", "core", "protocol", "rpc", "store", "telemetry"],
  // A gateway and a scheduler in one process: the one room that knows two others of the processes.
  hub: ["bus", "config", "core", "gateway", "scheduler", "telemetry"],
  // Runners hold no database credentials, so `store` is not theirs.
  runner: ["bus", "config", "core", "protocol", "rpc", "telemetry"],
  // `store` is for `dev`, which brings a new house's database up to date as an operator does for a cluster.
  cli: ["bus", "config", "core", "protocol", "provision", "rpc", "store"],
  testkit: ["bus", "core", "protocol", "provision", "rpc", "store"],
  // A browser knows the house by its API alone.
  web: [],
};

/** Libraries that only one room may know; every other room goes through that one. The testkit drives scratch servers. */
const onlyIn: Readonly<Record<string, readonly string[]>> = {
  bus: ["@nats-io/*"],
  store: ["pg", "kysely", "pg-*"],
  telemetry: ["@opentelemetry/sdk-*", "@opentelemetry/exporter-*"],
};

/** The contracts inside the house by themselves: whoever is no door need not load the code of the whole API. */
const innerContracts = ["control", "session", "step"].map((name) => `@millrace/protocol/${name}`);

interface ImportPattern {
  group?: string[];
  regex?: string;
  message: string;
}

function importPatterns(room: string, allowed: readonly string[]): ImportPattern[] {
  const foreign = Object.entries(onlyIn)
    .filter(([owner]) => owner !== room && room !== "testkit")
    .flatMap(([, libraries]) => libraries);
  return [
    {
      group: [
        "@millrace/*",
        ...allowed.map((name) => `!@millrace/${name}`),
        ...(allowed.includes("bus") ? ["!@millrace/bus/identity"] : []),
        ...(allowed.includes("protocol") ? innerContracts.map((path) => `!${path}`) : []),
      ],
      message: `The room '${room}' may import only: ${allowed.join(", ") || "nothing of ours"}. See oxlint.config.ts.`,
    },
    {
      // Keys and credentials alone are for commands that open no connection and want to start fast.
      group: ["@millrace/*/**", "!@millrace/bus/identity", ...innerContracts.map((path) => `!${path}`)],
      message: "Import a package by its name; its exports are its public surface.",
    },
    { regex: "^(\\.\\./)+(packages/|[^.]+/src/)", message: "No relative path into another package." },
    ...(foreign.length === 0
      ? []
      : [{ group: foreign, message: "This library belongs to one room only. See oxlint.config.ts." }]),
  ];
}

const core: OxlintOverride = {
  files: ["packages/core/src/**/*.ts"],
  excludeFiles: ["**/*.test.ts"],
  rules: {
    "no-restricted-globals": [
      "error",
      ...[
        "process",
        "console",
        "setTimeout",
        "setInterval",
        "setImmediate",
        "queueMicrotask",
        "fetch",
        "performance",
      ].map((name) => ({ name, message: "core is pure: time, ids, randomness and I/O arrive as arguments." })),
    ],
    "no-restricted-properties": [
      "error",
      { object: "Date", property: "now", message: "core is pure: time arrives as an argument." },
      { object: "Math", property: "random", message: "core is pure: randomness arrives as an argument." },
      { object: "crypto", property: "randomUUID", message: "core is pure: ids arrive as arguments." },
      { object: "crypto", property: "getRandomValues", message: "core is pure: randomness arrives as an argument." },
    ],
  },
};

function roomOverrides(): OxlintOverride[] {
  return Object.entries(rooms).flatMap(([room, allowed]) => [
    {
      files: [`packages/${room}/src/**/*.{ts,tsx}`],
      rules: { "no-restricted-imports": ["error", { patterns: importPatterns(room, allowed) }] },
    },
    {
      files: [`packages/${room}/src/**/*.test.ts`],
      rules: {
        "no-restricted-imports": [
          "error",
          { patterns: importPatterns(room, [...allowed, "testkit", room]).slice(0, 3) },
        ],
      },
    },
  ]);
}

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node"],
  categories: { correctness: "error" },
  ignorePatterns: ["**/generated/**", "node_modules/**", "packages/web/dist*/**", "**/.venv/**", ".millrace/**"],
  rules: {
    eqeqeq: ["error", "always", { null: "ignore" }],
    "no-var": "error",
    "prefer-const": "error",
    "no-console": "error",
    "no-throw-literal": "error",
    "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    "no-warning-comments": ["error", { terms: ["todo", "fixme", "xxx", "hack"] }],
    "max-lines": ["error", { max: 500, skipBlankLines: true, skipComments: true }],
    "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
    // Imports of types alone are gone at run time.
    "import/no-cycle": ["error", { ignoreTypes: true }],
    "import/no-self-import": "error",
    "import/no-default-export": "error",
    "typescript/no-explicit-any": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-floating-promises": [
      "error",
      {
        allowForKnownSafeCalls: [
          // The runner of the tests owns what these return.
          { from: "package", package: "node:test", name: ["test", "describe", "it", "suite", "before", "after"] },
        ],
      },
    ],
    "typescript/no-misused-promises": ["error", { checksVoidReturn: false }],
    "typescript/await-thenable": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "unicorn/filename-case": ["error", { case: "kebabCase" }],
    "unicorn/prefer-node-protocol": "error",
    "unicorn/throw-new-error": "error",
    // Our messages have fields called `then`; nothing awaits a message.
    "unicorn/no-thenable": "off",
    // Copies before a loop that changes what it walks through, and `...(given && { … })`, are meant.
    "unicorn/no-useless-spread": "off",
    "typescript/require-array-sort-compare": "off",
    "typescript/no-misused-spread": "off",
    "typescript/no-base-to-string": "off",
  },
  overrides: [
    ...roomOverrides(),
    core,
    {
      files: ["test/**/*.ts"],
      rules: {
        "no-restricted-imports": [
          "error",
          { patterns: [{ regex: "^\\.\\./.*packages/", message: "Import a package by its name." }] },
        ],
      },
    },
    {
      files: ["**/*.test.ts", "test/**/*.ts", "packages/testkit/**/*.ts"],
      rules: { "max-lines-per-function": "off", "max-lines": "off" },
    },
    {
      // The app is one page after another in a browser: React's own rules, and those of people who use no mouse.
      files: ["packages/web/src/**/*.{ts,tsx}"],
      plugins: ["typescript", "unicorn", "oxc", "import", "promise", "react", "jsx-a11y"],
      rules: {
        "react/no-danger": "error",
        "max-lines-per-function": ["error", { max: 100, skipBlankLines: true, skipComments: true }],
        // Virtual rows cannot be table elements; what scrolls must be reached by keyboard.
        "jsx-a11y/prefer-tag-over-role": "off",
        "jsx-a11y/no-noninteractive-tabindex": "off",
        "jsx-a11y/no-autofocus": "off",
        // Rules of the React compiler, which is not used.
        "react/incompatible-library": "off",
        "react/purity": "off",
        "react/set-state-in-effect": "off",
        "react/rules-of-hooks": "error",
        "react/exhaustive-deps": "error",
        "react/jsx-no-target-blank": "error",
      },
    },
    {
      // The simulated world holds its parts, and each part refers to the world.
      files: ["test/simulation/**/*.ts"],
      rules: { "import/no-cycle": "off" },
    },
    {
      // Commands talk to people: printing is what they are for.
      files: ["scripts/**", "packages/cli/**", "packages/provision/**", "test/**"],
      rules: { "no-console": "off" },
    },
    { files: ["*.config.ts", "**/*.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
});
