import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { DEMO_PASSWORD, launch, signIn, visit } from './support/browser';

const TABS_MAX = 40;

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser?.close());

/** Presses Tab until the focus is on what carries this name, as a person without a mouse would. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let count = 0; count < TABS_MAX; count += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      // A new page takes the focus as a whole; its text is not the name of anything to press.
      if (element instanceof HTMLElement && element.tabIndex < 0) return '';
      const labels =
        element instanceof HTMLInputElement
          ? [...(element.labels ?? [])].map((label) => label.textContent)
          : [];
      return [element?.getAttribute('aria-label'), element?.textContent, ...labels]
        .filter(Boolean)
        .join(' ');
    });
    if (name.test(focused)) return;
  }
  throw new Error(`${name} cannot be reached with Tab`);
}

it('the first Tab offers to skip to the content', async () => {
  const seen = await visit(browser);
  await seen.page.goto('/');
  await seen.page.locator('h1').waitFor({ state: 'attached' });
  await seen.page.keyboard.press('Tab');
  const skip = seen.page.getByRole('link', { name: 'Skip to content' });
  expect(await skip.evaluate((element) => element === document.activeElement)).toBe(true);
  await expect
    .poll(() => skip.evaluate((element) => element.getBoundingClientRect().top))
    .toBeGreaterThanOrEqual(0);
  await seen.page.keyboard.press('Enter');
  expect(await seen.page.evaluate(() => document.activeElement?.id)).toBe('content');
  await seen.close();
});

it('signs in without a mouse, and says what is wrong on the way', async () => {
  const seen = await visit(browser);
  const { page } = seen;
  await page.goto('/');
  await page.locator('h1').waitFor({ state: 'attached' });
  await tabTo(page, /Sign in/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await tabTo(page, /E-mail address/);
  await page.keyboard.type('creator@amphi.local');
  await tabTo(page, /Password/);
  await page.keyboard.type('not my password');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('Address or password is not right.').waitFor();
  await page.locator('input[name=password]').focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.type(DEMO_PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/');
  await page.getByRole('button', { name: 'Account menu' }).waitFor();
  seen.expectQuiet(/status of 401/);
  await seen.close();
});

it('uploads without a mouse', async () => {
  const seen = await visit(browser);
  const { page } = seen;
  await signIn(page, 'creator@amphi.local');
  await tabTo(page, /^Upload$/);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/upload$/);
  await page.getByRole('heading', { level: 1, name: 'Upload' }).waitFor();
  // Asked for early: the browser has to be told to hand the chooser over before the key is pressed.
  const opened = page.waitForEvent('filechooser');
  await tabTo(page, /Choose files/);
  await page.keyboard.press('Enter');
  const chooser = await opened;
  await chooser.setFiles(inject('clip'));
  const card = page.getByRole('article', { name: path.basename(inject('clip')) });
  await card.waitFor();
  await tabTo(page, /^Title/);
  await page.keyboard.press('Control+A');
  await page.keyboard.type('By keyboard');
  await card.getByText('Saved').waitFor();
  await card.getByRole('link', { name: 'Watch now' }).waitFor({ timeout: 120_000 });
  await tabTo(page, /Watch now/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'By keyboard' }).waitFor();
  await expect
    .poll(() => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0), {
      timeout: 60_000,
    })
    .toBeGreaterThan(0.5);
  seen.expectQuiet();
  await seen.close();
});
