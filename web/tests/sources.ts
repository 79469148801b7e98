import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const SRC = path.resolve(import.meta.dirname, '../src');

export interface Source {
  /** Relative to `src/`. */
  readonly name: string;
  readonly text: string;
}

/** Every source file of the app that is neither generated nor a test. */
export function sources(): Source[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.|\.gen\.|generated/.test(name))
    .map((name) => ({ name, text: readFileSync(path.join(SRC, name), 'utf8') }));
}

export const readSource = (name: string): string => readFileSync(path.join(SRC, name), 'utf8');
