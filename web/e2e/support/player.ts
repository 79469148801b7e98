import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const STARTS_WITHIN_MS = 60_000;
const SWITCHES_WITHIN_MS = 30_000;

export const positionS = (page: Page): Promise<number> =>
  page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);

export const pictureHeight = (page: Page): Promise<number> =>
  page.evaluate(() => document.querySelector('video')?.videoHeight ?? 0);

/** What the player's menu names a quality by. */
const shortSide = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const video = document.querySelector('video');
    return video ? Math.min(video.videoWidth, video.videoHeight) : 0;
  });

export async function expectPlaysPast(page: Page, seconds: number): Promise<void> {
  await expect
    .poll(() => positionS(page), { timeout: STARTS_WITHIN_MS, interval: 200 })
    .toBeGreaterThan(seconds);
}

/** Chooses the first quality in the player's menu that is not the one playing, and waits for its picture. */
export async function switchQuality(page: Page): Promise<void> {
  const before = await pictureHeight(page);
  const playing = await shortSide(page);
  await page.locator('.shaka-controls-container').hover();
  await page.locator('.shaka-overflow-menu-button').click();
  await page.locator('.shaka-resolution-button').click();
  await page
    .locator('button.explicit-resolution')
    .filter({ hasNotText: new RegExp(`\\b${playing}p`) })
    .first()
    .click();
  await expect.poll(() => pictureHeight(page), { timeout: SWITCHES_WITHIN_MS }).not.toBe(before);
}
