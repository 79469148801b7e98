import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contrast } from '../tests/colour-vision';
import { expectAccessible } from './support/axe';
import {
  DESK,
  eventually,
  type Look,
  launch,
  settled,
  signIn,
  type Visit,
  visit,
} from './support/browser';

const TOUCH_PX_MIN = 40;
const SCREENSHOTS = path.resolve(import.meta.dirname, 'screenshots');

const LOOKS: readonly Look[] = [
  { scheme: 'dark', language: 'en', width: 1440 },
  { scheme: 'light', language: 'ko', width: 1440 },
  { scheme: 'dark', language: 'ko', width: 390 },
  { scheme: 'light', language: 'en', width: 390 },
  { scheme: 'light', language: 'ko', width: 360 },
];

let browser: Browser;
let paths: Record<string, string>;

beforeAll(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  browser = await launch();
  const [videos, series] = await Promise.all([
    eventually('/api/v1/videos', ({ items }) => items.some((video) => video.state === 'ready')),
    eventually('/api/v1/series', ({ items }) =>
      ['drama', 'course'].every((kind) => items.some((one) => one.kind === kind)),
    ),
  ]);
  const video = videos.items.find((one) => one.state === 'ready');
  const drama = series.items.find((one) => one.kind === 'drama');
  const course = series.items.find((one) => one.kind === 'course');
  paths = {
    home: '/',
    dramas: '/dramas',
    drama: `/dramas/${drama?.id}`,
    courses: '/courses',
    course: `/courses/${course?.id}`,
    watch: `/watch/${video?.id}`,
    upload: '/upload',
    studio: '/studio',
    account: '/account',
    observatory: '/observatory',
    'observatory-table': '/observatory?view=table',
    'not-found': '/no/such/page',
  };
}, 240_000);

afterAll(() => browser?.close());

async function inspect(seen: Visit, name: string, look: Look): Promise<void> {
  const { page } = seen;
  await settled(page);
  await expect.poll(() => page.title()).toMatch(/Amphi$/);
  expect(await page.locator('h1').count(), 'one h1').toBe(1);
  expect(await page.evaluate(() => document.documentElement.lang)).toBe(look.language);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, 'no sideways scrolling').toBeLessThanOrEqual(0);
  if (look.width < 1440) {
    const small = await page.evaluate(
      (least) =>
        [...document.querySelectorAll('button, header a, nav a')].flatMap((target) => {
          const { width, height } = target.getBoundingClientRect();
          const name = target.getAttribute('aria-label') ?? target.textContent;
          return width > 0 && height < least ? [`${name}: ${height} px`] : [];
        }),
      TOUCH_PX_MIN,
    );
    expect(small, 'large enough for a finger').toEqual([]);
  }
  if (look.language === 'ko') {
    const names = await page.evaluate(() =>
      [...document.querySelectorAll('button[aria-label]')].map((button) =>
        button.getAttribute('aria-label'),
      ),
    );
    expect(names.filter((name) => !/[가-힣]/.test(name ?? ''))).toEqual([]);
  }
  await page.screenshot({
    path: path.join(SCREENSHOTS, `${name}-${look.width}-${look.scheme}-${look.language}.png`),
    fullPage: true,
  });
  await expectAccessible(page);
}

/** `#rrggbb` of a computed `rgb(r, g, b)`. */
const hexOf = (colour = ''): string =>
  `#${[...colour.matchAll(/\d+/g)].map(([channel]) => Number(channel).toString(16).padStart(2, '0')).join('')}`;

describe.each(LOOKS)('in $scheme $language at $width px', (look) => {
  it('every page of a visitor is sound', async () => {
    const seen = await visit(browser, look);
    for (const [name, url] of [
      ['visitor-home', '/'],
      ['login', '/login'],
      ['register', '/register'],
      ['visitor-upload', '/upload'],
      ['visitor-watch', paths.watch ?? ''],
    ] as const) {
      await seen.page.goto(url);
      await inspect(seen, name, look);
    }
    seen.expectQuiet();
    await seen.close();
  });

  it('every page of a signed-in administrator is sound', async () => {
    const seen = await visit(browser, look);
    await signIn(seen.page, 'admin@amphi.local');
    for (const [name, url] of Object.entries(paths)) {
      await seen.page.goto(url);
      await inspect(seen, name, look);
    }
    seen.expectQuiet();
    await seen.close();
  });
});

it.each(['dark', 'light'] as const)(
  'the edge of a field stands out from its card in the %s scheme',
  async (scheme) => {
    const seen = await visit(browser, { ...DESK, scheme });
    await seen.page.goto('/login');
    const [edge, card] = await seen.page
      .locator('input[name=email]')
      .evaluate((field) => [
        getComputedStyle(field).borderTopColor,
        getComputedStyle(field.closest('form')?.parentElement ?? field).backgroundColor,
      ]);
    expect(contrast(hexOf(edge), hexOf(card))).toBeGreaterThanOrEqual(3);
    await seen.close();
  },
);

it('the API reference works from our own origin alone', async () => {
  const seen = await visit(browser);
  await seen.page.goto('/docs');
  await seen.page.getByText('/api/v1/auth/register').first().waitFor();
  seen.expectQuiet();
  await seen.close();
});

it('tells an account without the right that the observatory is for administrators', async () => {
  const seen = await visit(browser);
  await signIn(seen.page, 'viewer@amphi.local');
  await seen.page.goto('/observatory');
  await seen.page.getByRole('heading', { level: 1, name: 'For administrators' }).waitFor();
  seen.expectQuiet();
  await seen.close();
});
