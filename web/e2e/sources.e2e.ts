/** Files as people have them, in a real browser: each plays by HLS and by DASH, and switches quality. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseUrl, DEMO_PASSWORD, eventually, launch, visit } from './support/browser';
import { expectPlaysPast, pictureHeight, switchQuality } from './support/player';

const PLAYED_S = 3;
const ENCODED_WITHIN_MS = 240_000;
const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=6'];

const picture = (size: string, rate = 24): string[] => [
  ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=6`],
];
const hevc = (pixels: string): string[] => [
  ...['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error'],
  ...['-tag:v', 'hvc1', '-pix_fmt', pixels, '-c:a', 'aac'],
];
const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac'];

const SOURCES = [
  { name: '1080p.mp4', make: [...picture('1920x1080'), ...TONE, ...h264], upright: false },
  {
    name: '4k-hevc.mp4',
    make: [...picture('3840x2160', 12), ...TONE, ...hevc('yuv420p')],
    upright: false,
  },
  {
    name: 'portrait-phone.mov',
    make: [...picture('1280x720'), ...TONE, ...h264],
    rotated: true,
    upright: true,
  },
  {
    name: '10-bit.mp4',
    make: [...picture('1280x720'), ...TONE, ...hevc('yuv420p10le')],
    upright: false,
  },
];

let browser: Browser;
let folder: string;

beforeAll(async () => {
  browser = await launch();
  folder = await mkdtemp(path.join(tmpdir(), 'amphi-sources-'));
});

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

const ffmpeg = (args: string[]) => promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...args]);

async function token(): Promise<string> {
  const answer = await fetch(new URL('/api/v1/auth/login', baseUrl()), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'creator@amphi.local', password: DEMO_PASSWORD }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Uploads a file in one request and waits until its whole ladder is there. */
async function upload(file: string): Promise<string> {
  const bytes = await readFile(file);
  const authorization = `Bearer ${await token()}`;
  const encoded = Buffer.from(path.basename(file)).toString('base64');
  const created = await fetch(new URL('/uploads', baseUrl()), {
    method: 'POST',
    headers: {
      authorization,
      'tus-resumable': '1.0.0',
      'upload-length': String(bytes.length),
      'upload-metadata': `filename ${encoded}`,
      'content-type': 'application/offset+octet-stream',
    },
    body: bytes,
  });
  expect(created.status).toBe(201);
  const id = created.headers.get('amphi-video-id') ?? '';
  await eventually(
    '/api/v1/videos?limit=50',
    ({ items }) => items.some((video) => video.id === id && video.state === 'ready'),
    ENCODED_WITHIN_MS,
  );
  return id;
}

describe.each(SOURCES)('$name', ({ name, make, rotated, upright }) => {
  let id: string;

  beforeAll(async () => {
    const file = path.join(folder, name);
    if (rotated) {
      const lying = path.join(folder, `lying-${name}`);
      await ffmpeg([...make, lying]);
      await ffmpeg(['-i', lying, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', file]);
    } else {
      await ffmpeg([...make, file]);
    }
    id = await upload(file);
  }, 2 * ENCODED_WITHIN_MS);

  it.each(['hls', 'dash'])(
    'plays by %s past three seconds, and switches quality',
    async (format) => {
      const seen = await visit(browser);
      const { page } = seen;
      await page.goto(`/watch/${id}?format=${format}`);
      await page.getByRole('button', { name: /^Play / }).click();
      await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) >= 3);
      await switchQuality(page);
      await expectPlaysPast(page, PLAYED_S);
      const width = await page.evaluate(() => document.querySelector('video')?.videoWidth ?? 0);
      expect((await pictureHeight(page)) > width).toBe(upright);
      seen.expectQuiet();
      await seen.close();
    },
  );
});
