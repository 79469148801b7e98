import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aGrant } from '../../tests/fixtures';
import { SessionStore } from './session';
import type { TabNews, Tabs } from './tabs';

const grant = (token: string, expiresInS = 900) =>
  aGrant({ access_token: token, expires_in_s: expiresInS, refresh_token: 'for-the-cookie-alone' });

/** A browser: one lock, and a channel that reaches every tab but the one that speaks. */
function browser(): { open(): Tabs; heard: TabNews[] } {
  const listeners: ((news: TabNews) => void)[] = [];
  const heard: TabNews[] = [];
  let last: Promise<unknown> = Promise.resolve();
  return {
    heard,
    open: () => {
      let own: ((news: TabNews) => void) | null = null;
      return {
        inTurn: (work) => {
          const turn = last.then(work);
          last = turn.catch(() => undefined);
          return turn;
        },
        tell: (news) => {
          heard.push(news);
          for (const listener of listeners) if (listener !== own) listener(structuredClone(news));
        },
        listen: (listener) => {
          own = listener;
          listeners.push(listener);
        },
      };
    },
  };
}

let asked: string[];
let inFlight: number;
let inFlightMax: number;
let respond: (path: string) => Response | Promise<Response>;

beforeEach(() => {
  asked = [];
  inFlight = 0;
  inFlightMax = 0;
  respond = () => Response.json(grant(`fresh-${asked.length}`));
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path);
    inFlight += 1;
    inFlightMax = Math.max(inFlightMax, inFlight);
    await Promise.resolve();
    try {
      return await respond(path);
    } finally {
      inFlight -= 1;
    }
  });
});

afterEach(() => vi.unstubAllGlobals());

describe('two tabs of one browser', () => {
  it('renew once between them when both wake at the same time', async () => {
    localStorage.setItem('amphi.signed-in', '1');
    const { open } = browser();
    const [one, other] = [new SessionStore(open()), new SessionStore(open())];
    expect(await Promise.all([one.token(), other.token()])).toEqual(['fresh-1', 'fresh-1']);
    expect(asked).toEqual(['/api/v1/auth/refresh']);
    expect(other.snapshot()).toMatchObject({ status: 'signed-in', account: { id: 'a' } });
  });

  it('never ask at the same time, though a refusal tells the second nothing', async () => {
    localStorage.setItem('amphi.signed-in', '1');
    const { open } = browser();
    const [one, other] = [new SessionStore(open()), new SessionStore(open())];
    respond = () => new Response(null, { status: 503 });
    await Promise.all([one.token(), other.token()]);
    expect(asked).toHaveLength(2);
    expect(inFlightMax).toBe(1);
    expect(other.snapshot()).toMatchObject({ status: 'restoring', delayed: true });
    respond = () => Response.json(grant('fresh'));
    await one.renewNow();
    expect(other.snapshot()).toMatchObject({ status: 'signed-in', delayed: false });
  });

  it('sign in and out together', async () => {
    const { open } = browser();
    const [one, other] = [new SessionStore(open()), new SessionStore(open())];
    one.accept(grant('token'));
    expect(await other.token()).toBe('token');
    respond = () => new Response(null, { status: 204 });
    await other.signOut();
    expect(one.snapshot().status).toBe('signed-out');
    expect(await one.token()).toBeNull();
  });

  it('stay signed out when one signs out while the other renews', async () => {
    const { open } = browser();
    const [one, other] = [new SessionStore(open()), new SessionStore(open())];
    one.accept(grant('old', 10));
    let answer: (response: Response) => void = () => undefined;
    respond = (path) =>
      path.endsWith('/refresh')
        ? new Promise((resolve) => {
            answer = resolve;
          })
        : new Response(null, { status: 204 });
    const renewal = one.token();
    await vi.waitFor(() => expect(asked).toEqual(['/api/v1/auth/refresh']));
    const leaving = other.signOut();
    answer(Response.json(grant('new')));
    await Promise.all([renewal, leaving]);
    expect(asked).toEqual(['/api/v1/auth/refresh', '/api/v1/auth/logout']);
    for (const store of [one, other])
      expect(store.snapshot()).toMatchObject({ status: 'signed-out', refused: false });
  });

  it('believe a token no longer than it lives, however late they hear of it', async () => {
    vi.useFakeTimers();
    try {
      const { open, heard } = browser();
      const one = new SessionStore(open());
      one.accept(grant('short', 60));
      vi.advanceTimersByTime(61_000);
      const late: Tabs = {
        ...open(),
        listen: (listener) => {
          for (const news of heard) listener(news);
        },
      };
      respond = () => Response.json(grant('renewed'));
      expect(await new SessionStore(late).token()).toBe('renewed');
    } finally {
      vi.useRealTimers();
    }
  });

  it('are never told the refresh token', () => {
    const { open, heard } = browser();
    new SessionStore(open()).accept(grant('token'));
    expect(heard).toHaveLength(1);
    expect(JSON.stringify(heard)).not.toContain('for-the-cookie-alone');
  });
});
