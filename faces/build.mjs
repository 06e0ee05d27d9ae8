// Bundles the faces into src/linli/web/static: names carry a content hash, manifest.json says which, and every file
// stands there compressed too, so that the server only picks one.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', 'src', 'linli', 'web', 'static');
const FACES = ['resident', 'helper', 'worker', 'city', 'style', 'sign-in'];
const maplibre = (name) => join(here, 'node_modules', 'maplibre-gl', 'dist', name);

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const manifest = {};

const result = await build({
  absWorkingDir: here,
  entryPoints: FACES.flatMap((face) => [
    { in: `${face}/${face}.js`, out: face },
    { in: `${face}/${face}.css`, out: face },
  ]),
  outdir: out,
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022'],
  minify: true,
  legalComments: 'none',
  metafile: true,
});
for (const [path, made] of Object.entries(result.metafile.outputs)) {
  const name = basename(path);
  manifest[made.entryPoint ? basename(made.entryPoint) : name] = name;
}

// The map's worker is a file of its own (its address must be of our origin), its style sheet is loaded with the map.
for (const [plain, source] of [
  ['map-worker.mjs', maplibre('maplibre-gl-worker.mjs')],
  ['map.css', maplibre('maplibre-gl.css')],
  ['mark.svg', join(here, 'shared', 'mark.svg')],
]) {
  let bytes = await readFile(source);
  if (plain === 'map-worker.mjs') bytes = Buffer.from(bytes.toString().replace(/^\/\/# sourceMappingURL=.*$/m, ''));
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8).toUpperCase();
  const name = plain.replace(/(\.\w+)$/, `-${hash}$1`);
  await writeFile(join(out, name), bytes);
  manifest[plain] = name;
}

for (const name of await readdir(out)) {
  const bytes = await readFile(join(out, name));
  await writeFile(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  const packed = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  await writeFile(join(out, `${name}.br`), packed);
}
await writeFile(join(out, 'manifest.json'), JSON.stringify(manifest, null, 1));
console.log(`faces: ${Object.keys(manifest).length} files in src/linli/web/static`);
