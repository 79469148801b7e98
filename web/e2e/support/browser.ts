import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect, inject } from 'vitest';

export interface Look {
  readonly scheme: 'dark' | 'light';
  readonly language: 'en' | 'ko';
  readonly width: 360 | 390 | 1440;
}

export const DESK: Look = { scheme: 'dark', language: 'en', width: 1440 };

/** A browser window that remembers what must not happen: foreign requests, console errors, uncaught errors. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Fails when anything of the kind has happened; `allowed` names the answers that a journey provokes on purpose. */
  expectQuiet(allowed?: RegExp): void;
  close(): Promise<void>;
}

export const DEMO_PASSWORD = 'amphi-demo';
export const baseUrl = (): string => inject('baseUrl');

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.AMPHI_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export async function visit(browser: Browser, look: Look = DESK): Promise<Visit> {
  const context = await browser.newContext({
    baseURL: baseUrl(),
    viewport: { width: look.width, height: look.width === 1440 ? 900 : 844 },
    colorScheme: look.scheme,
    locale: look.language === 'ko' ? 'ko-KR' : 'en-US',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const noise: string[] = [];
  const origin = new URL(baseUrl()).origin;
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob):/.test(url))
      noise.push(`foreign request: ${url}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error')
      noise.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => noise.push(`uncaught: ${error.message}`));
  return {
    page,
    context,
    expectQuiet: (allowed) => {
      expect(noise.filter((line) => !allowed?.test(line))).toEqual([]);
    },
    close: () => context.close(),
  };
}

export async function signIn(page: Page, email: string, password = DEMO_PASSWORD): Promise<void> {
  await page.goto('/login');
  await page.locator('input[name=email]').fill(email);
  await page.locator('input[name=password]').fill(password);
  await page.locator('main button[type=submit]').click();
  await page.waitForURL((url) => url.pathname === '/');
}

/** Waits until nothing is a skeleton any more and the fonts stand: what a visitor calls "loaded". */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(
    () => document.querySelectorAll('[class*="Skeleton-root"]').length === 0,
  );
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}

interface JsonAnswer {
  items: { id: string; state?: string; title: string; kind?: string; visibility?: string }[];
}

/** Waits for a list of the public API to satisfy `enough`: the demo encodes its clips after the server is ready. */
export async function eventually(
  path: string,
  enough: (answer: JsonAnswer) => boolean,
  withinMs = 180_000,
): Promise<JsonAnswer> {
  const until = Date.now() + withinMs;
  for (;;) {
    const answer = (await (await fetch(new URL(path, baseUrl()))).json()) as JsonAnswer;
    if (enough(answer)) return answer;
    if (Date.now() > until)
      throw new Error(`${path} did not get there: ${JSON.stringify(answer).slice(0, 400)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
