// @vitest-environment node
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readSource, sources } from './sources';

const STYLES = path.resolve(import.meta.dirname, '../node_modules/@mantine/core/styles');

it('imports the style sheet of every Mantine part in use', () => {
  const used = new Set(
    sources().flatMap(({ text }) =>
      [...text.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)].flatMap((match) =>
        (match[1] ?? '').split(',').map((name) => name.trim()),
      ),
    ),
  );
  const needed = [...used].filter(
    (name) => /^[A-Z]/.test(name) && existsSync(path.join(STYLES, `${name}.css`)),
  );
  expect(needed.length).toBeGreaterThan(15);
  const sheet = readSource('mantine.css');
  expect(needed.filter((name) => !sheet.includes(`/styles/${name}.css`))).toEqual([]);
});
