// @vitest-environment node
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';

interface Chunk {
  file: string;
  css?: string[];
  imports?: string[];
  dynamicImports?: string[];
}

const DIST = path.resolve(import.meta.dirname, '../dist');
const KB = 1000;

let manifest: Record<string, Chunk>;

beforeAll(() => {
  const file = path.join(DIST, '.vite/manifest.json');
  if (!existsSync(file)) throw new Error('dist/ is missing: run `npm run build` first');
  manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Chunk>;
});

/** Every script and style sheet that loading these modules makes a browser fetch. */
function filesOf(keys: readonly string[]): Set<string> {
  const files = new Set<string>();
  const seen = new Set<string>();
  const visit = (key: string): void => {
    if (seen.has(key)) return;
    seen.add(key);
    const chunk = manifest[key];
    if (!chunk) throw new Error(`${key} is not in the manifest`);
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
    for (const next of chunk.imports ?? []) visit(next);
  };
  for (const key of keys) visit(key);
  return files;
}

function gzipBytes(files: Iterable<string>): number {
  return [...files].reduce(
    (sum, file) => sum + gzipSync(readFileSync(path.join(DIST, file))).length,
    0,
  );
}

function modules(...parts: readonly string[]): string[] {
  return parts.map((part) => {
    const found = Object.keys(manifest).filter((key) => key.includes(part));
    if (found.length !== 1)
      throw new Error(`${part} names ${found.length} modules: ${found.join(', ')}`);
    return found[0] as string;
  });
}

const HOME = ['index.html', 'src/routes/index.tsx', 'src/i18n/ko.json'];

function added(parts: readonly string[]): number {
  const home = filesOf(modules(...HOME));
  return gzipBytes([...filesOf(modules(...parts))].filter((file) => !home.has(file)));
}

it('loads the home page within 250 kB', () => {
  const bytes = gzipBytes(filesOf(modules(...HOME)));
  expect(bytes).toBeGreaterThan(50 * KB);
  expect(bytes).toBeLessThanOrEqual(250 * KB);
});

it('adds at most 310 kB for watching', () => {
  const bytes = added(['src/routes/watch.$videoId.tsx', 'src/player/shaka-player.ts']);
  expect(bytes).toBeGreaterThan(200 * KB);
  expect(bytes).toBeLessThanOrEqual(310 * KB);
});

it('adds at most 200 kB for the observatory', () => {
  const bytes = added([
    'src/routes/observatory.index.tsx',
    'src/features/observatory/ServiceGraph.tsx',
    'src/routes/observatory.traces.$traceId.tsx',
  ]);
  expect(bytes).toBeGreaterThan(30 * KB);
  expect(bytes).toBeLessThanOrEqual(200 * KB);
});

it('keeps the player and the observatory out of the first load', () => {
  const first = [...filesOf(modules(...HOME))].join(' ');
  expect(first).not.toMatch(/shaka|ServiceGraph|TraceView|observatory/);
});

it('names no foreign origin in its style sheets', () => {
  const sheets = Object.values(manifest).flatMap((chunk) => chunk.css ?? []);
  expect(sheets.length).toBeGreaterThan(0);
  for (const sheet of new Set(sheets)) {
    const content = readFileSync(path.join(DIST, sheet), 'utf8');
    expect(content, sheet).not.toMatch(/url\(["']?(https?:)?\/\//);
  }
});

it('has nothing inline in its pages, as the content security policy demands', () => {
  for (const page of ['index.html', 'scalar/index.html']) {
    const html = readFileSync(path.join(DIST, page), 'utf8');
    expect(html, page).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>/);
    expect(html, page).not.toMatch(/\son[a-z]+=/);
    expect(html, page).not.toMatch(/(src|href)="https?:/);
  }
});
