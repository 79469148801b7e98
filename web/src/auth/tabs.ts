import type { components } from '~/api/generated/schema';

type Account = components['schemas']['Account'];

/** What one tab tells the others of the same browser. */
export type TabNews =
  | { kind: 'signed-in'; account: Account; accessToken: string; expiresAtMs: number }
  | { kind: 'signed-out' };

/** The tabs of one browser: they share the refresh cookie, and so have to agree on who uses it. */
export interface Tabs {
  /** Runs `work` while no other tab is having its turn. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  tell(news: TabNews): void;
  listen(listener: (news: TabNews) => void): void;
}

/** For a browser without tabs that could be told of anything. */
export const loneTab: Tabs = {
  inTurn: (work) => work(),
  tell: () => undefined,
  listen: () => undefined,
};

const NAME = 'amphi.session';

/**
 * Turns by Web Locks, news by BroadcastChannel: both end at the origin, and neither stores anything. Over plain HTTP a
 * browser offers no locks; the server then takes two uses of one cookie in the same moments for two tabs, not for theft.
 */
export function browserTabs(): Tabs {
  if (typeof BroadcastChannel === 'undefined') return loneTab;
  const channel = new BroadcastChannel(NAME);
  const locks: LockManager | undefined = navigator.locks;
  return {
    inTurn: (work) => (locks ? locks.request(NAME, work) : work()),
    tell: (news) => channel.postMessage(news),
    listen: (listener) =>
      channel.addEventListener('message', (event: MessageEvent<TabNews>) => listener(event.data)),
  };
}
