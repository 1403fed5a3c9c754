import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

// "node scripts/build.mjs FOLDER": builds the app into a folder, each file also compressed, so that no gateway has to do it.
const folder = process.argv[2];
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
await build({ root, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });

for (const name of readdirSync(folder, { recursive: true }).filter((file) => /\.(js|css|svg)$/.test(file))) {
  const path = join(folder, name);
  const bytes = readFileSync(path);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
