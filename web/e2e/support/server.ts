import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    baseUrl: string;
    /** An H.264/AAC clip of eight seconds, wide enough for two rungs. */
    clip: string;
  }
}

const START_MS_MAX = 60_000;
const DEMO_MS_MAX = 900_000;
/** Two dramas and a course, of three each. */
const DEMO_EPISODES = 9;
const STOP_MS_MAX = 15_000;
const LOG_LINES_KEPT = 60;

/** Starts the real server with the demo on an empty folder; `AMPHI_E2E_URL` names one that already runs instead. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'amphi-e2e-'));
  const clip = path.join(folder, 'harbour walk.mp4');
  await makeClip(clip);
  project.provide('clip', clip);

  const running = process.env.AMPHI_E2E_URL;
  const server = running ? null : await startServer(path.join(folder, 'data'));
  const url = running ?? server?.url ?? '';
  project.provide('baseUrl', url);
  await demoEncoded(url).catch(async (cause: unknown) => {
    if (server) await stop(server.child);
    throw cause;
  });
  return async () => {
    if (server) await stop(server.child);
    await rm(folder, { recursive: true, force: true });
  };
}

interface SeriesList {
  items: { episodes: { video: { state: string } }[] }[];
}

/** The demo's clips are encoded after the server is ready; journeys timed against that work would measure the machine. */
async function demoEncoded(url: string): Promise<void> {
  const until = Date.now() + DEMO_MS_MAX;
  for (;;) {
    const { items } = (await (await fetch(new URL('/api/v1/series', url))).json()) as SeriesList;
    const states = items.flatMap((series) => series.episodes.map((episode) => episode.video.state));
    if (states.length >= DEMO_EPISODES && states.every((state) => state === 'ready')) return;
    if (Date.now() > until)
      throw new Error(`the demo was not encoded in time: ${states.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function makeClip(target: string): Promise<void> {
  await promisify(execFile)('ffmpeg', [
    ...['-v', 'error', '-y'],
    ...['-f', 'lavfi', '-i', 'testsrc=size=1280x720:rate=25:duration=8'],
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:duration=8'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', target],
  ]);
}

async function startServer(data: string): Promise<{ child: ChildProcess; url: string }> {
  const binary =
    process.env.AMPHI_BIN ?? path.resolve(import.meta.dirname, '../../../target/debug/amphi');
  const child = spawn(
    binary,
    [
      'serve',
      '--data',
      data,
      '--listen',
      '127.0.0.1:0',
      '--internal-listen',
      '127.0.0.1:0',
      '--demo',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log: string[] = [];
  const keep = (line: string): void => {
    log.push(line);
    if (log.length > LOG_LINES_KEPT) log.shift();
  };
  createInterface({ input: child.stderr }).on('line', keep);
  const url = await new Promise<string>((resolve, reject) => {
    const refuse = (why: string) => reject(new Error(`${binary}: ${why}\n${log.join('\n')}`));
    const timer = setTimeout(() => refuse('not ready in time'), START_MS_MAX);
    child.once('error', (cause) => refuse(cause.message));
    child.once('exit', (code) => refuse(`ended with ${code} before it was ready`));
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(line);
      const ready = /^ready http=(\S+)/.exec(line);
      if (!ready?.[1]) return;
      clearTimeout(timer);
      resolve(ready[1]);
    });
  }).catch(async (cause: unknown) => {
    await stop(child);
    throw cause;
  });
  return { child, url };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(timer);
}
