import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { session } from '~/auth/session';
import { aVideo } from '../../tests/fixtures';
import { recordWatched, watchedBy } from './continue-watching';
import { laterPosition, PositionKeeper } from './position-keeper';

const account = {
  id: 'viewer',
  email: 'v@b.c',
  name: 'V',
  role: 'viewer',
  created_at: '2026-01-01T00:00:00Z',
} as const;
const grant = (token: string, expiresInS: number) => ({
  account,
  access_token: token,
  refresh_token: 'r',
  expires_in_s: expiresInS,
  token_type: 'Bearer' as const,
});

let saved: { positionMs: number; token: string | null }[];
let renewals: string[];
/** How the server answers a save. */
let status: number;
let stop: (() => void) | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  saved = [];
  renewals = [];
  status = 204;
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(
      input instanceof Request ? input : new URL(String(input), location.href),
      init,
    );
    if (request.url.endsWith('/auth/refresh')) {
      const token = `renewed-${renewals.push('refresh')}`;
      return Response.json(grant(token, 900));
    }
    if (request.url.endsWith('/resume-position')) {
      const { position_ms } = (await request.json()) as { position_ms: number };
      saved.push({
        positionMs: position_ms,
        token: request.headers.get('authorization'),
      });
      return new Response(null, { status });
    }
    return new Response(null, { status: 204 });
  });
});

afterEach(async () => {
  stop?.();
  stop = undefined;
  await vi.advanceTimersByTimeAsync(0);
  vi.useRealTimers();
  await session.signOut();
  vi.unstubAllGlobals();
});

function playing(keeper = new PositionKeeper(aVideo())): { seconds: number; pause(): void } {
  const media = document.createElement('video');
  const clock = {
    seconds: 0,
    pause: () => void media.dispatchEvent(new Event('pause')),
  };
  Object.defineProperty(media, 'readyState', { get: () => 4 });
  Object.defineProperty(media, 'currentTime', { get: () => clock.seconds });
  stop = keeper.follow(media);
  return clock;
}

describe('the place where a viewer stopped', () => {
  it('goes on being saved when the access token has expired', async () => {
    session.accept(grant('old', 60));
    const media = playing();
    media.seconds = 9;
    await vi.advanceTimersByTimeAsync(10_000);
    await vi.advanceTimersByTimeAsync(60_000);
    media.seconds = 30;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(saved.map((one) => [one.positionMs, one.token])).toEqual([
      [9000, 'Bearer old'],
      [30_000, 'Bearer renewed-1'],
    ]);
    media.seconds = 31;
    vi.advanceTimersByTime(1_000_000);
    media.seconds = 40;
    media.pause();
    await vi.advanceTimersByTimeAsync(0);
    expect(saved.at(-1)).toMatchObject({ positionMs: 40_000, token: 'Bearer renewed-2' });
  });

  it('is sent with the token at hand when the page goes, for nothing can be waited for', () => {
    session.accept(grant('old', 60));
    const media = playing();
    vi.advanceTimersByTime(5000);
    media.seconds = 5;
    dispatchEvent(new Event('pagehide'));
    vi.setSystemTime(Date.now() + 120_000);
    media.seconds = 6;
    dispatchEvent(new Event('pagehide'));
    expect(renewals).toEqual([]);
    return vi.waitFor(() =>
      expect(saved).toEqual([
        { positionMs: 5000, token: 'Bearer old' },
        { positionMs: 6000, token: 'Bearer old' },
      ]),
    );
  });

  it('is sent again while the server has not taken it, and not when it has', async () => {
    session.accept(grant('live', 900));
    const media = playing();
    status = 503;
    media.seconds = 12;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(saved).toHaveLength(2);
    status = 204;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(saved).toHaveLength(3);
  });

  it('stays on the device of a visitor', async () => {
    const media = playing();
    media.seconds = 12;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(saved).toEqual([]);
    expect(watchedBy(null)[0]).toMatchObject({ positionMs: 12_000 });
  });

  it('is the one of this device when the server never heard of it', async () => {
    session.accept(grant('live', 900));
    const keeper = new PositionKeeper(aVideo());
    keeper.resumeAt(8000);
    const media = playing(keeper);
    status = 503;
    media.seconds = 40;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(new PositionKeeper(aVideo()).resumeAt(8000)).toBe(40_000);
  });

  it('is the one of the server when another device has saved since', async () => {
    session.accept(grant('live', 900));
    const media = playing();
    media.seconds = 40;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(new PositionKeeper(aVideo()).resumeAt(40_000)).toBe(40_000);
    expect(new PositionKeeper(aVideo()).resumeAt(20_000)).toBe(20_000);
  });

  it('is the beginning for what was seen to its end, and for what is still being encoded', () => {
    session.accept(grant('live', 900));
    expect(new PositionKeeper(aVideo()).resumeAt(59_000)).toBe(0);
    expect(new PositionKeeper(aVideo({ state: 'viewable' })).resumeAt(30_000)).toBe(0);
  });

  it('is taken from the device alone for a visitor', () => {
    recordWatched(null, {
      videoId: aVideo().id,
      positionMs: 30_000,
      durationMs: 60_000,
      atMs: 1,
    });
    expect(new PositionKeeper(aVideo()).resumeAt(0)).toBe(30_000);
  });
});

it.each([
  ['nothing anywhere', undefined, 0, 0],
  ['only the server', undefined, 9000, 9000],
  ['only this device', { positionMs: 5000 }, null, 5000],
  ['this device, before the server knew anything', { positionMs: 5000, serverMs: 0 }, 0, 5000],
  ['this device, on top of what the server has', { positionMs: 5000, serverMs: 3000 }, 3000, 5000],
  ['another device, after this one', { positionMs: 5000, serverMs: 5000 }, 3000, 3000],
])('the later position, of %s', (_, local, serverMs, expected) => {
  const entry = local && { videoId: 'v', durationMs: 60_000, atMs: 1, ...local };
  expect(laterPosition(entry, serverMs)).toBe(expected);
});
