import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { expectAccessible } from './support/axe';
import { launch, type Visit, visit } from './support/browser';
import { expectPlaysPast, positionS, switchQuality } from './support/player';

const PLAYED_S = 3;
const ENCODED_WITHIN_MS = 120_000;

let browser: Browser;
let seen: Visit;
let page: Page;
let watchPath: string;

beforeAll(async () => {
  browser = await launch();
  seen = await visit(browser);
  page = seen.page;
});

afterAll(() => browser?.close());

it('registers an account', async () => {
  await page.goto('/register');
  await page.getByLabel('Name').fill('Newcomer');
  await page.getByLabel('E-mail address').fill(`newcomer-${Date.now()}@example.org`);
  await page.getByLabel('Password', { exact: true }).fill('a long enough sentence');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.waitForURL((url) => url.pathname === '/');
  await page.getByRole('button', { name: 'Account menu' }).waitFor();
});

it(
  'uploads a clip, edits it while it goes, and sees it become viewable',
  async () => {
    await page.goto('/upload');
    await page.locator('input[type=file]').setInputFiles(inject('clip'));
    const card = page.getByRole('article', { name: path.basename(inject('clip')) });
    await card.waitFor();
    await card.getByLabel('Title').fill('A walk along the harbour');
    await card.getByText('Saved').waitFor();
    await card
      .getByRole('listitem')
      .filter({ hasText: 'Received' })
      .filter({ hasText: 'done' })
      .waitFor();
    await expectAccessible(page);
    const watchNow = card.getByRole('link', { name: 'Watch now' });
    await watchNow.waitFor({ timeout: ENCODED_WITHIN_MS });
    watchPath = (await watchNow.getAttribute('href')) ?? '';
    await card
      .locator('xpath=self::*[@data-phase="ready"]')
      .waitFor({ timeout: ENCODED_WITHIN_MS });
    await card.getByRole('listitem').filter({ hasText: /^\d+p/ }).first().waitFor();
  },
  2 * ENCODED_WITHIN_MS,
);

it('shows it in the studio under its new title', async () => {
  await page.goto('/studio');
  await page
    .getByRole('row', { name: /A walk along the harbour/ })
    .getByText('Ready')
    .waitFor();
});

it.each(['dash', 'hls'])(
  'plays it by %s past three seconds, and switches quality',
  async (format) => {
    await page.goto(`${watchPath}?format=${format}`);
    const manifest = page.waitForRequest((request) =>
      request.url().includes(format === 'hls' ? '.m3u8' : '.mpd'),
    );
    await page.getByRole('button', { name: 'Play A walk along the harbour' }).click();
    const { headers } = { headers: (await manifest).headers() };
    expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) >= 3);
    await expectPlaysPast(page, 0.2);
    await page.evaluate(() => {
      const video = document.querySelector('video');
      if (video) video.currentTime = 0;
    });
    await switchQuality(page);
    await expectPlaysPast(page, PLAYED_S);
    await expectAccessible(page);
  },
);

it('obeys the keys by where they lie, under a Korean input source too', async () => {
  await page.evaluate(() => {
    document.body.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'ㅡ', code: 'KeyM', bubbles: true }),
    );
  });
  await expect.poll(() => page.evaluate(() => document.querySelector('video')?.muted)).toBe(true);
});

it('shows what happened when play was pressed, across browser and services', async () => {
  await page.getByTestId('what-happened').click();
  const waterfall = page.getByRole('treegrid', { name: 'Waterfall' });
  await waterfall.getByRole('row', { name: /browser play(?!back)/ }).waitFor();
  const legend = page.getByRole('dialog').getByRole('list');
  for (const service of ['browser', 'gateway', 'playback', 'media']) {
    await legend
      .getByRole('listitem')
      .filter({ hasText: new RegExp(`^${service}\\s*\\d`) })
      .waitFor({ timeout: 20_000 });
  }
  await waterfall
    .getByRole('row', { name: /SELECT|database/i })
    .first()
    .waitFor();
  // Folded, all that the browser itself did is in view; a long waterfall renders only the rows one sees.
  await waterfall.getByRole('row', { name: /browser play(?!back)/ }).focus();
  await page.keyboard.press('BracketRight');
  for (const name of ['playback session', 'manifest', 'segment', 'first frame']) {
    await waterfall
      .getByRole('row', { name: new RegExp(`browser ${name}`) })
      .first()
      .waitFor();
  }
  await waterfall.getByText('on the critical path').first().waitFor({ state: 'attached' });
  await expectAccessible(page);
});

it('opens the same waterfall on a page of its own, where a span tells its details', async () => {
  await page.getByRole('link', { name: 'Open on its own page' }).click();
  await page.waitForURL(/\/observatory\/traces\/[0-9a-f]{32}$/);
  const row = page.getByRole('row', { name: /browser playback session/ });
  await row.click();
  await page
    .getByRole('dialog', { name: 'Span details' })
    .getByText('http.request.method')
    .waitFor();
  await expectAccessible(page);
});

it('goes on where the viewer left', async () => {
  await page.goto(watchPath);
  await page.getByRole('button', { name: /^Play / }).click();
  await page.getByText(/^Continued at/).waitFor({ timeout: 30_000 });
  expect(await positionS(page)).toBeGreaterThan(1);
});

it('deletes the video after asking', async () => {
  await page.goto('/studio');
  await page.getByRole('button', { name: 'Delete A walk along the harbour' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('heading', { name: 'Drop your first video here' }).waitFor();
  await page.getByRole('status').getByText('Deleted “A walk along the harbour”.').waitFor();
  // The deleted video answers 404 from now on, which the browser itself writes to the console.
  await page.goto(watchPath);
  await page.getByRole('heading', { level: 1, name: 'Nothing plays here' }).waitFor();
  seen.expectQuiet(/status of 404/);
});
