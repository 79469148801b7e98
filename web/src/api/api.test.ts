import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { authorizedFetch, SessionStore, session } from '~/auth/session';
import { aGrant, anAccount } from '../../tests/fixtures';
import { api, unwrap } from './client';
import { followEvents, readEvents } from './events';
import { ProblemError, traceIdOf } from './problem';

const account = anAccount();
const grant = (token: string, expiresInS = 900) =>
  aGrant({ access_token: token, expires_in_s: expiresInS });
const answer = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });

let calls: Request[];
let respond: (request: Request) => Response | Promise<Response>;

beforeEach(() => {
  calls = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(
      input instanceof Request ? input : new URL(String(input), location.href),
      init,
    );
    calls.push(request);
    return respond(request);
  });
});

afterEach(async () => {
  vi.useRealTimers();
  respond = () => new Response(null, { status: 204 });
  await session.signOut();
  vi.unstubAllGlobals();
});

const request = () => new Request(new URL('/api/v1/me', location.href));
const pathOf = (one: Request) => new URL(one.url).pathname;

describe('the session', () => {
  it('asks for no renewal when nobody has signed in here: a visitor causes no 401', async () => {
    expect(await new SessionStore().token()).toBeNull();
    expect(calls).toEqual([]);
  });

  it('renews once for many requests at the same time', async () => {
    localStorage.setItem('amphi.signed-in', '1');
    respond = () => answer(grant('fresh'));
    const store = new SessionStore();
    expect(store.snapshot().status).toBe('restoring');
    expect(await Promise.all([store.token(), store.token(), store.token()])).toEqual([
      'fresh',
      'fresh',
      'fresh',
    ]);
    expect(calls).toHaveLength(1);
    expect(store.snapshot()).toMatchObject({ status: 'signed-in', account: { id: 'a' } });
  });

  it('renews a token that is about to expire', async () => {
    const store = new SessionStore();
    store.accept(grant('old', 10));
    respond = () => answer(grant('new'));
    expect(await store.token()).toBe('new');
  });

  it('is signed out when the renewal is refused, and stays signed in when the network is away', async () => {
    const store = new SessionStore();
    store.accept(grant('old', 10));
    respond = () => Promise.reject(new TypeError('offline'));
    expect(await store.token()).toBe('old');
    expect(store.snapshot().status).toBe('signed-in');
    respond = () => answer({ code: 'unauthenticated' }, 401);
    expect(await store.renewNow()).toBeNull();
    expect(store.snapshot()).toMatchObject({ status: 'signed-out', refused: true });
    expect(localStorage.getItem('amphi.signed-in')).toBeNull();
  });

  it.each([429, 500, 503])(
    'outlives a renewal answered with %i, and is renewed after the wait asked for',
    async (status) => {
      vi.useFakeTimers();
      const store = new SessionStore();
      store.accept(grant('old', 60));
      vi.advanceTimersByTime(61_000);
      respond = () => answer({ code: 'busy' }, status, { 'retry-after': '5' });
      expect(await store.token()).toBeNull();
      expect(store.snapshot()).toMatchObject({
        status: 'signed-in',
        account: { name: 'A' },
        delayed: true,
      });
      expect(localStorage.getItem('amphi.signed-in')).toBe('1');
      await vi.advanceTimersByTimeAsync(4_900);
      await store.token();
      expect(calls, 'not asked again before its time').toHaveLength(1);
      respond = () => answer(grant('new'));
      await vi.advanceTimersByTimeAsync(200);
      expect(await store.token()).toBe('new');
      expect(store.snapshot()).toMatchObject({ status: 'signed-in', delayed: false });
    },
  );

  it('waits ever longer for a server that is away, but never more than a minute', async () => {
    vi.useFakeTimers();
    localStorage.setItem('amphi.signed-in', '1');
    const store = new SessionStore();
    const asked: number[] = [];
    respond = () => {
      asked.push(Date.now());
      return Promise.reject(new TypeError('offline'));
    };
    await store.token();
    expect(store.snapshot()).toMatchObject({ status: 'restoring', delayed: true });
    await vi.advanceTimersByTimeAsync(400_000);
    const waits = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
    expect(waits.slice(0, 8)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(store.snapshot().status).toBe('restoring');
  });

  it('does not come back when the answer to a renewal is overtaken by signing out', async () => {
    const store = new SessionStore();
    store.accept(grant('old', 10));
    let letGo: (response: Response) => void = () => undefined;
    respond = (one) =>
      pathOf(one).endsWith('/refresh')
        ? new Promise((resolve) => {
            letGo = resolve;
          })
        : new Response(null, { status: 204 });
    const renewal = store.token();
    await store.signOut();
    letGo(answer(grant('too late')));
    expect(await renewal).toBeNull();
    expect(store.snapshot().status).toBe('signed-out');
  });

  it('never writes a token to storage', () => {
    session.accept(grant('very-secret'));
    expect(JSON.stringify({ ...localStorage })).not.toContain('very-secret');
  });
});

describe('an authorized request', () => {
  it('carries the token, and is repeated once with a new one after a 401', async () => {
    session.accept(grant('old'));
    respond = (one) => {
      if (pathOf(one).endsWith('/refresh')) return answer(grant('new'));
      return one.headers.get('authorization') === 'Bearer new' ? answer(account) : answer({}, 401);
    };
    expect((await authorizedFetch(request())).status).toBe(200);
    expect(calls.map(pathOf)).toEqual(['/api/v1/me', '/api/v1/auth/refresh', '/api/v1/me']);
  });

  it('is not told "not found" while the renewal is only delayed', async () => {
    vi.useFakeTimers();
    session.accept(grant('old', 60));
    vi.advanceTimersByTime(61_000);
    respond = (one) =>
      pathOf(one).endsWith('/refresh') ? answer({}, 503) : answer({ code: 'not_found' }, 404);
    await expect(authorizedFetch(request())).rejects.toMatchObject({
      status: 503,
      code: 'sign_in_delayed',
    });
  });

  it('gives up after the second 401', async () => {
    session.accept(grant('old'));
    respond = (one) => (pathOf(one).endsWith('/refresh') ? answer(grant('new')) : answer({}, 401));
    expect((await authorizedFetch(request())).status).toBe(401);
    expect(calls).toHaveLength(3);
  });
});

describe('a refusal', () => {
  it('becomes a problem with its code, fields and trace id', async () => {
    respond = () =>
      answer(
        {
          code: 'validation',
          title: 'Invalid',
          status: 422,
          detail: 'Look',
          errors: [{ pointer: '/email', code: 'taken', detail: 'Taken' }],
        },
        422,
        {
          'content-type': 'application/problem+json',
          traceparent: `00-${'b'.repeat(32)}-${'c'.repeat(16)}-01`,
        },
      );
    const problem = await unwrap(api.GET('/api/v1/me', { baseUrl: location.origin })).catch(
      (cause: unknown) => cause,
    );
    expect(problem).toBeInstanceOf(ProblemError);
    expect(problem).toMatchObject({ status: 422, code: 'validation', traceId: 'b'.repeat(32) });
    expect((problem as ProblemError).fieldDetail('email')).toBe('Taken');
  });

  it('is told from a network that is away', async () => {
    respond = () => Promise.reject(new TypeError('offline'));
    await expect(authorizedFetch(request())).rejects.toMatchObject({
      status: 0,
      code: 'network_unreachable',
    });
  });

  it('takes the trace id only from a well-formed traceparent', () => {
    expect(traceIdOf('00-short-1-01')).toBeNull();
    expect(traceIdOf(null)).toBeNull();
  });
});

describe('server-sent events', () => {
  const streamOf = (...chunks: string[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        controller.close();
      },
    });
  const collect = async (...chunks: string[]) => {
    const events = [];
    for await (const event of readEvents(streamOf(...chunks))) events.push(event);
    return events;
  };

  it('are read across chunk borders, with comments skipped and lines joined', async () => {
    expect(
      await collect(
        ': hello\n\nevent: vi',
        'deo\ndata: {"a":',
        '1}\n\ndata: one\ndata: two\r\n\r\n',
      ),
    ).toEqual([
      { event: 'video', data: '{"a":1}' },
      { event: 'message', data: 'one\ntwo' },
    ]);
  });

  it('drop an event that was cut off', async () => {
    expect(await collect('event: video\ndata: {"half"')).toEqual([]);
  });

  it('reconnect after a lost connection, and end with a refusal', async () => {
    let attempt = 0;
    respond = () => {
      attempt += 1;
      if (attempt === 1) return new Response(streamOf('data: first\n\n'));
      return answer({ code: 'not_found' }, 404, { 'content-type': 'application/problem+json' });
    };
    const seen: string[] = [];
    let problem: Error | null = null;
    await followEvents('/api/v1/videos/v/events', {
      signal: new AbortController().signal,
      onEvent: ({ data }) => {
        seen.push(data);
        return undefined;
      },
      onProblem: (cause) => {
        problem = cause;
      },
    });
    expect(seen).toEqual(['first']);
    expect(problem).toMatchObject({ code: 'not_found' });
  });
});
