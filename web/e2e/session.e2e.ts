import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launch, signIn, visit } from './support/browser';

const REFRESH = '**/api/v1/auth/refresh';

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser?.close());

const accountMenu = (page: Page) => page.getByRole('button', { name: 'Account menu' });

it('two tabs that open together renew one after the other, and sign out together', async () => {
  const seen = await visit(browser);
  const { page: one, context } = seen;
  await signIn(one, 'viewer@amphi.local');
  const other = await context.newPage();

  let inFlight = 0;
  let inFlightMax = 0;
  let letGo: () => void = () => undefined;
  const bothOpen = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await context.route(REFRESH, async (route) => {
    inFlight += 1;
    inFlightMax = Math.max(inFlightMax, inFlight);
    await bothOpen;
    const response = await route.fetch();
    inFlight -= 1;
    await route.fulfill({ response });
  });
  await Promise.all([one.goto('/courses'), other.goto('/dramas')]);
  for (const page of [one, other])
    await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' });
  letGo();
  await Promise.all([accountMenu(one).waitFor(), accountMenu(other).waitFor()]);
  expect(inFlightMax).toBe(1);

  await accountMenu(one).click();
  await one.getByRole('menuitem', { name: 'Sign out' }).click();
  for (const page of [one, other])
    await page.getByRole('link', { name: 'Sign in', exact: true }).first().waitFor();
  seen.expectQuiet();
  await seen.close();
});

it('a page for signing in is left when somebody has signed in in another tab', async () => {
  const seen = await visit(browser);
  const { page, context } = seen;
  const other = await context.newPage();
  await other.goto('/login?next=%2Fdramas%3Ffrom%3Dlink');
  await other.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await signIn(page, 'viewer@amphi.local');
  await other.waitForURL((url) => url.pathname === '/dramas' && url.search === '?from=link');
  seen.expectQuiet();
  await seen.close();
});

it('a session that the server has ended is said to have ended, once', async () => {
  const seen = await visit(browser);
  const { page, context } = seen;
  await signIn(page, 'viewer@amphi.local');
  await context.clearCookies();
  await page.goto('/account');
  await page.getByRole('status').getByText('Your session has ended. Sign in again.').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: /^Sign in/ }).waitFor();
  expect(await page.getByText('Your session has ended').count()).toBe(0);
  seen.expectQuiet(/status of 401/);
  await seen.close();
});

it('a server that cannot renew just now signs nobody out', async () => {
  const seen = await visit(browser);
  const { page } = seen;
  await signIn(page, 'viewer@amphi.local');
  await page.route(REFRESH, (route) => route.fulfill({ status: 503, body: '' }));
  await page.goto('/account');
  await page.getByRole('alert').waitFor();
  expect(await page.getByRole('link', { name: 'Sign in', exact: true }).count()).toBe(0);
  await page.unroute(REFRESH);
  await page.getByRole('button', { name: 'Try again' }).click();
  await accountMenu(page).waitFor();
  await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();
  seen.expectQuiet(/status of 503/);
  await seen.close();
});
