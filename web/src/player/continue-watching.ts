import { useSyncExternalStore } from 'react';

/** One started video on this device. The server knows positions per video; the order of watching is kept here. */
export interface Watched {
  readonly videoId: string;
  readonly positionMs: number;
  readonly durationMs: number;
  readonly atMs: number;
  /** The position that the server held when this one was recorded, as far as this device knows. */
  readonly serverMs?: number;
}

const KEY_PREFIX = 'amphi.watched.';
const KEPT = 12;
/** Past this share the credits are rolling: the video counts as seen. */
export const SEEN_SHARE = 0.95;
const STARTED_MS = 3000;

const listeners = new Set<() => void>();
const cache = new Map<string, readonly Watched[]>();

export function recordWatched(accountId: string | null, entry: Watched): void {
  const others = watchedBy(accountId).filter((other) => other.videoId !== entry.videoId);
  const counts = entry.positionMs >= STARTED_MS && entry.positionMs < entry.durationMs * SEEN_SHARE;
  store(accountId, counts ? [entry, ...others].slice(0, KEPT) : others);
}

export function forgetWatched(accountId: string | null, videoId: string): void {
  store(
    accountId,
    watchedBy(accountId).filter((other) => other.videoId !== videoId),
  );
}

export function useWatched(accountId: string | null): readonly Watched[] {
  return useSyncExternalStore(subscribe, () => watchedBy(accountId));
}

export function watchedBy(accountId: string | null): readonly Watched[] {
  const key = keyOf(accountId);
  const known = cache.get(key);
  if (known) return known;
  const read = readStored(key);
  cache.set(key, read);
  return read;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function store(accountId: string | null, entries: readonly Watched[]): void {
  const key = keyOf(accountId);
  cache.set(key, entries);
  try {
    localStorage.setItem(key, JSON.stringify(entries));
  } catch {
    // A full or forbidden storage only costs the rail after a reload.
  }
  for (const listener of listeners) listener();
}

function readStored(key: string): readonly Watched[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(parsed) ? parsed.filter(isWatched) : [];
  } catch {
    return [];
  }
}

function isWatched(value: unknown): value is Watched {
  const entry = value as Partial<Watched> | null;
  return (
    typeof entry?.videoId === 'string' &&
    typeof entry.positionMs === 'number' &&
    typeof entry.durationMs === 'number' &&
    typeof entry.atMs === 'number' &&
    (entry.serverMs === undefined || typeof entry.serverMs === 'number')
  );
}

const keyOf = (accountId: string | null): string => `${KEY_PREFIX}${accountId ?? 'visitor'}`;
