// Bundles each widget of js/ into the Python package. `--watch` rebuilds on every change (make dev).

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = `${root}retune_widget/view/static`;
const { entryPoints } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
const watch = process.argv.includes("--watch");

const scripts = {
  absWorkingDir: root,
  entryPoints: entryPoints.map((name) => `js/${name}.ts`),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  legalComments: "none",
  outdir,
  logLevel: "info",
};
const styles = {
  absWorkingDir: root,
  entryPoints: ["js/styles.css"],
  bundle: true,
  minify: !watch,
  outdir,
  logLevel: "info",
};

if (watch) {
  for (const options of [scripts, styles]) {
    await (await context(options)).watch();
  }
} else {
  // All or nothing: an old bundle must not hide that a new one failed. make looks at styles.css, so that is written last.
  const results = [];
  for (const options of [scripts, styles]) {
    results.push(await build({ ...options, write: false }));
  }
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  for (const file of results.flatMap((result) => result.outputFiles)) {
    await writeFile(file.path, file.contents);
  }
}
