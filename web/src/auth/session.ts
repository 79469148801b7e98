import { useSyncExternalStore } from 'react';
import type { components } from '~/api/generated/schema';
import { ProblemError } from '~/api/problem';
import { retryAfterMs } from './retry-after';
import { browserTabs, loneTab, type TabNews, type Tabs } from './tabs';

export type Account = components['schemas']['Account'];
type AuthSession = components['schemas']['AuthSession'];

/**
 * `delayed`: the last renewal failed without being a refusal; another one is on its way.
 * `refused`: nobody signed out; the server no longer accepts the session.
 */
export type Session =
  | { status: 'restoring'; account: null; delayed: boolean }
  | { status: 'signed-out'; account: null; refused: boolean }
  | { status: 'signed-in'; account: Account; delayed: boolean };

const SIGNED_OUT = { status: 'signed-out', account: null, refused: false } as const;

/** The refresh cookie is HttpOnly, so this mark alone tells whether asking for a refresh makes sense. */
const SIGNED_IN_MARK = 'amphi.signed-in';
const RENEW_BEFORE_EXPIRY_MS = 30_000;
const FIRST_RETRY_MS = 1000;
const BACKOFF_MS_MAX = 60_000;
const RETRY_AFTER_MS_MAX = 300_000;
/** An answer that never comes must not keep the other tabs from their turn. */
const ANSWER_MS_MAX = 20_000;

/**
 * Holds the access token in memory only (a page script injected by mistake finds nothing in storage) and renews it
 * through the cookie. Renewals are single-flight, in this tab and across all tabs: the server rotates refresh tokens and
 * treats a second use as theft. What one tab is granted, the others are told.
 * Only a 401 ends the session; a server that is busy, broken or away is asked again, after ever longer waits.
 */
export class SessionStore {
  #session: Session = SIGNED_OUT;
  #accessToken: string | null = null;
  #expiresAt = 0;
  #renewal: Promise<string | null> | null = null;
  #failures = 0;
  #retryAt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Changes with every sign-in and sign-out, so that an answer meant for the one before is dropped. */
  #era = 0;
  readonly #listeners = new Set<() => void>();
  readonly #tabs: Tabs;

  constructor(tabs: Tabs = loneTab) {
    this.#tabs = tabs;
    tabs.listen((news) => this.#hear(news));
    if (readMark()) this.#session = { status: 'restoring', account: null, delayed: false };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): Session => this.#session;

  /** A token with life left in it, or null for a signed-out visitor. Never rejects. */
  async token(): Promise<string | null> {
    if (this.#session.status === 'signed-out') return null;
    if (this.#accessToken && Date.now() < this.#expiresAt - RENEW_BEFORE_EXPIRY_MS) {
      return this.#accessToken;
    }
    return this.renew();
  }

  /** The token as it stands, for senders that cannot wait (page unload). */
  tokenNow(): string | null {
    return this.#accessToken;
  }

  /** Asks for a new token, unless the server was asked a moment ago and could not answer. */
  renew(): Promise<string | null> {
    if (Date.now() < this.#retryAt) return Promise.resolve(this.#living());
    return this.renewNow();
  }

  /** Asks without waiting for the next try: somebody pressed "try again". */
  renewNow(): Promise<string | null> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  accept({ account, access_token, expires_in_s }: AuthSession): void {
    const expiresAtMs = Date.now() + expires_in_s * 1000;
    this.#enter(account, access_token, expiresAtMs);
    this.#tabs.tell({ kind: 'signed-in', account, accessToken: access_token, expiresAtMs });
  }

  async signOut(): Promise<void> {
    // In its turn, so that no tab comes back with a renewal that was under way.
    await this.#tabs.inTurn(() => post('/api/v1/auth/logout'));
    this.#leave(SIGNED_OUT);
  }

  async #renew(): Promise<string | null> {
    const era = this.#era;
    // Whoever had the turn before may have renewed for all, or signed out.
    return this.#tabs.inTurn(async () => (era === this.#era ? this.#ask(era) : this.#living()));
  }

  async #ask(era: number): Promise<string | null> {
    const response = await post('/api/v1/auth/refresh');
    const granted = response?.ok
      ? await (response.json() as Promise<AuthSession>).catch(() => null)
      : null;
    if (era !== this.#era) return this.#living();
    if (granted) this.accept(granted);
    else if (response?.status === 401) this.#leave({ ...SIGNED_OUT, refused: true });
    else this.#tryLater(retryAfterMs(response?.headers.get('retry-after') ?? null));
    return this.#living();
  }

  #tryLater(askedForMs: number | null): void {
    const waitMs =
      askedForMs === null
        ? Math.min(BACKOFF_MS_MAX, FIRST_RETRY_MS * 2 ** this.#failures)
        : Math.min(RETRY_AFTER_MS_MAX, Math.max(FIRST_RETRY_MS, askedForMs));
    this.#failures += 1;
    this.#retryAt = Date.now() + waitMs;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.renewNow(), waitMs);
    if (this.#session.status !== 'signed-out') this.#set({ ...this.#session, delayed: true });
  }

  #living(): string | null {
    return Date.now() < this.#expiresAt ? this.#accessToken : null;
  }

  #startOver(): void {
    this.#era += 1;
    this.#failures = 0;
    this.#retryAt = 0;
    clearTimeout(this.#retry);
  }

  #hear(news: TabNews): void {
    if (news.kind === 'signed-out') this.#forget(SIGNED_OUT);
    else this.#enter(news.account, news.accessToken, news.expiresAtMs);
  }

  #enter(account: Account, accessToken: string, expiresAtMs: number): void {
    this.#startOver();
    this.#accessToken = accessToken;
    this.#expiresAt = expiresAtMs;
    writeMark(true);
    this.#set({ status: 'signed-in', account, delayed: false });
  }

  #leave(left: Session): void {
    this.#forget(left);
    this.#tabs.tell({ kind: 'signed-out' });
  }

  #forget(left: Session): void {
    this.#startOver();
    this.#accessToken = null;
    this.#expiresAt = 0;
    writeMark(false);
    this.#set(left);
  }

  #set(session: Session): void {
    this.#session = session;
    for (const listener of this.#listeners) listener();
  }
}

/** The answer, or null when none came. */
function post(path: string): Promise<Response | null> {
  return fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  }).catch(() => null);
}

function readMark(): boolean {
  try {
    return localStorage.getItem(SIGNED_IN_MARK) === '1';
  } catch {
    return false;
  }
}

function writeMark(signedIn: boolean): void {
  try {
    if (signedIn) localStorage.setItem(SIGNED_IN_MARK, '1');
    else localStorage.removeItem(SIGNED_IN_MARK);
  } catch {
    // Without storage the visitor signs in again after a reload; nothing else is lost.
  }
}

export const session = new SessionStore(browserTabs());

export function useSession(): Session {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}

/**
 * `fetch` with the bearer token; renews it once when the server no longer accepts it. Throws `ProblemError` with status 0
 * when no answer came, and with status 503 when the answer would have been another one with a token that is on its way.
 */
export async function authorizedFetch(request: Request): Promise<Response> {
  const token = await session.token();
  const retry = token ? request.clone() : null;
  const response = await send(request, token);
  if (!token && session.snapshot().status !== 'signed-out' && HIDDEN.has(response.status))
    throw new ProblemError({ status: 503, code: 'sign_in_delayed' });
  if (response.status !== 401 || !retry) return response;
  const renewed = await session.renew();
  return renewed && renewed !== token ? send(retry, renewed) : response;
}

/** What a visitor is told about things that only somebody signed in may see. */
const HIDDEN: ReadonlySet<number> = new Set([401, 403, 404]);

async function send(request: Request, token: string | null): Promise<Response> {
  if (token) request.headers.set('authorization', `Bearer ${token}`);
  try {
    return await fetch(request);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ProblemError({ status: 0, detail: String(cause) });
  }
}
