import { copyFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Plugin } from 'vite';

/** Copies the standalone API reference beside the app, so that `/docs` needs nothing from elsewhere. */
export function embedScalar(): Plugin {
  let root = '';
  let outDir = '';
  return {
    name: 'amphi:embed-scalar',
    apply: 'build',
    configResolved(config) {
      root = config.root;
      outDir = path.resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      const entry = createRequire(import.meta.url).resolve('@scalar/api-reference');
      const packageRoot = entry.slice(0, entry.lastIndexOf(`${path.sep}dist${path.sep}`));
      const target = path.join(outDir, 'scalar');
      await mkdir(target, { recursive: true });
      await Promise.all([
        copyFile(
          path.join(packageRoot, 'dist/browser/standalone.js'),
          path.join(target, 'standalone.js'),
        ),
        ...['index.html', 'init.js', 'scalar.css'].map((name) =>
          copyFile(path.join(root, 'scalar', name), path.join(target, name)),
        ),
      ]);
    },
  };
}
