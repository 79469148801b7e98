import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DESK, launch, signIn, visit } from './support/browser';

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser?.close());

/** What is on top in the middle of each label of the map, where that is not the label itself. */
const coveredLabels = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll('.react-flow__edgelabel-renderer > div')].flatMap((label) => {
      const { left, top, width, height } = label.getBoundingClientRect();
      // Labels let the pointer through to the map, which a hit test would follow.
      (label as HTMLElement).style.pointerEvents = 'all';
      const hit = document.elementFromPoint(left + width / 2, top + height / 2);
      return label.contains(hit) ? [] : [`${label.textContent} under ${hit?.outerHTML}`];
    }),
  );

it('the map covers none of the figures on its calls', async () => {
  const seen = await visit(browser);
  const { page } = seen;
  await signIn(page, 'admin@amphi.local');
  await page.goto('/observatory?window=3600');
  await page.locator('.react-flow__edgelabel-renderer > div').nth(4).waitFor();
  await page.locator('.react-flow').evaluate((map) => map.scrollIntoView({ block: 'center' }));
  expect(await coveredLabels(page)).toEqual([]);
  seen.expectQuiet();
  await seen.close();
});

it('a phone shows the map as a table first, and as a graph when asked', async () => {
  const seen = await visit(browser, { ...DESK, width: 390 });
  const { page } = seen;
  await signIn(page, 'admin@amphi.local');
  await page.goto('/observatory?window=3600');
  await page.getByRole('table').first().getByRole('rowheader', { name: 'gateway' }).waitFor();
  expect(await page.locator('.react-flow').count()).toBe(0);
  await page.getByRole('radiogroup', { name: 'View' }).getByText('Graph').click();
  await page.locator('.react-flow__node').first().waitFor();
  expect(new URL(page.url()).searchParams.get('view')).toBe('graph');
  await page.reload();
  await page.locator('.react-flow__node').first().waitFor();
  seen.expectQuiet();
  await seen.close();
});

it('which choice is made shows in the dark too', async () => {
  const seen = await visit(browser);
  const { page } = seen;
  await signIn(page, 'admin@amphi.local');
  await page.goto('/observatory');
  const control = page.getByRole('radiogroup', { name: 'Time window' });
  const [chosen, rest] = await control.evaluate((root) => [
    getComputedStyle(root.querySelector('[class*="indicator"]') ?? root).backgroundColor,
    getComputedStyle(root).backgroundColor,
  ]);
  expect(chosen).not.toBe(rest);
  await seen.close();
});
