import { nowMs } from '~/trace/span';

const MAX_AGE_MS = 10_000;

let intent: { videoId: string; atMs: number } | null = null;

/** Remembers that the visitor pressed play on a card, so that the watch page starts by itself and times from that click. */
export function notePlayIntent(videoId: string): void {
  intent = { videoId, atMs: nowMs() };
}

/** When the visitor pressed play for this video on the page before, in epoch milliseconds; null when they did not. */
export function playIntentFor(videoId: string): number | null {
  return intent?.videoId === videoId && nowMs() - intent.atMs < MAX_AGE_MS ? intent.atMs : null;
}
