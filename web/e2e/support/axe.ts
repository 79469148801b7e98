import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Parts of the player's own interface that we cannot repair from outside. */
const EXCLUDED = ['.shaka-overflow-menu', '.shaka-settings-menu'];

/** No serious or critical finding, with the rule and the element in the message when there is one. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(await source);
  const results = (await page.evaluate(
    (exclude) =>
      (
        window as unknown as { axe: { run(context: unknown, options: unknown): Promise<unknown> } }
      ).axe.run(
        { exclude: exclude.map((selector) => [selector]) },
        { resultTypes: ['violations'] },
      ),
    EXCLUDED,
  )) as AxeResults;
  const findings = results.violations
    .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
    .flatMap((violation) =>
      violation.nodes.map(
        (node) => `${violation.id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`,
      ),
    );
  expect(findings).toEqual([]);
}
