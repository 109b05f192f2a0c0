// Bundles src/ into the folder given as argument: content-hashed files, each with .gz and .br beside it, and manifest.json.
// Static files bypass the server's compression, so they are compressed here, once.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { brotliCompress, constants, gzip } from "node:zlib";
import { promisify } from "node:util";

import { build } from "esbuild";

const target = path.resolve(process.argv[2] ?? "../static/built");
const here = path.dirname(new URL(import.meta.url).pathname);

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "none",
  charset: "utf8",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: target,
  metafile: true,
  logLevel: "warning",
};
const pages = await build({ ...common, entryPoints: { page: "src/page.ts", style: "src/style/main.css" }, splitting: true });
// The API page's library on its own: it shares nothing, so the other pages weigh what they weigh without it.
const api = await build({ ...common, entryPoints: { api: "src/api.ts", apistyle: "src/style/api.css" } });

const manifest = {};
const written = [];
for (const [file, output] of Object.entries({ ...pages.metafile.outputs, ...api.metafile.outputs })) {
  const name = path.basename(file);
  written.push(name);
  if (output.entryPoint !== undefined) {
    manifest[`${name.split("-")[0]}${path.extname(name)}`] = name;
  }
}
for (const name of written) {
  const body = await readFile(path.join(target, name));
  await writeFile(path.join(target, `${name}.gz`), await promisify(gzip)(body, { level: 9 }));
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } };
  await writeFile(path.join(target, `${name}.br`), await promisify(brotliCompress)(body, quality));
}
await writeFile(path.join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
