import type { Video } from '~/api/client';
import { authorizedFetch, session } from '~/auth/session';
import { recordWatched, SEEN_SHARE, type Watched, watchedBy } from './continue-watching';

const SAVE_EVERY_MS = 10_000;

/** Remembers where the viewer of one video stopped: on this device at once, on the server for whoever is signed in. */
export class PositionKeeper {
  readonly #video: Video;
  #recordedMs = -1;
  /** What the server is known to hold; null until it has said so. */
  #serverMs: number | null = null;

  constructor(video: Video) {
    this.#video = video;
  }

  /** What is still being encoded begins at its beginning: the place remembered may not exist yet. */
  resumeAt(serverMs: number): number {
    this.#serverMs ??= serverMs;
    if (this.#video.state !== 'ready') return 0;
    const accountId = session.snapshot().account?.id ?? null;
    const local = watchedBy(accountId).find((entry) => entry.videoId === this.#video.id);
    const positionMs = laterPosition(local, accountId === null ? null : serverMs);
    return positionMs < (this.#video.duration_ms ?? 0) * SEEN_SHARE ? positionMs : 0;
  }

  /** Saves while it plays, at every pause, and when the page or the player goes. */
  follow(media: HTMLVideoElement): () => void {
    const save = (): void => void this.#save(media);
    const leave = (): void => this.#leave(media);
    const timer = setInterval(save, SAVE_EVERY_MS);
    media.addEventListener('pause', save);
    addEventListener('pagehide', leave);
    return () => {
      save();
      clearInterval(timer);
      media.removeEventListener('pause', save);
      removeEventListener('pagehide', leave);
    };
  }

  async #save(media: HTMLVideoElement): Promise<void> {
    const positionMs = this.#record(media);
    const accountId = session.snapshot().account?.id;
    if (positionMs === null || positionMs === this.#serverMs || !accountId) return;
    const token = await session.token();
    // A renewal takes time: the visitor may have gone on, or may be somebody else by now.
    if (!token || positionMs !== this.#recordedMs || session.snapshot().account?.id !== accountId)
      return;
    const answer = await authorizedFetch(this.#request(positionMs)).catch(() => null);
    if (!answer?.ok) return;
    this.#serverMs = positionMs;
    this.#store(accountId, this.#recordedMs, media);
  }

  /** The page is going and nothing can be waited for: the token is sent as it stands. */
  #leave(media: HTMLVideoElement): void {
    const positionMs = this.#record(media);
    const token = session.tokenNow();
    if (positionMs === null || positionMs === this.#serverMs || !token) return;
    const request = this.#request(positionMs);
    request.headers.set('authorization', `Bearer ${token}`);
    void fetch(request).catch(() => undefined);
  }

  #record(media: HTMLVideoElement): number | null {
    if (media.readyState === 0 || media.currentTime === 0) return null;
    const positionMs = Math.round(media.currentTime * 1000);
    if (positionMs !== this.#recordedMs) {
      this.#recordedMs = positionMs;
      this.#store(session.snapshot().account?.id ?? null, positionMs, media);
    }
    return positionMs;
  }

  #store(accountId: string | null, positionMs: number, media: HTMLVideoElement): void {
    recordWatched(accountId, {
      videoId: this.#video.id,
      positionMs,
      durationMs:
        this.#video.duration_ms ?? (Number.isFinite(media.duration) ? media.duration * 1000 : 0),
      atMs: Date.now(),
      ...(this.#serverMs === null ? {} : { serverMs: this.#serverMs }),
    });
  }

  /** Keepalive, so that the last position survives the page. */
  #request(positionMs: number): Request {
    const path = `/api/v1/videos/${this.#video.id}/resume-position`;
    return new Request(new URL(path, location.href), {
      method: 'PUT',
      keepalive: true,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ position_ms: positionMs }),
    });
  }
}

/**
 * Which of two remembered positions was saved last. The server tells no time with its own, but what this device last knew
 * it to hold does: while it still holds that, nobody has saved since, and what was recorded here is the later one.
 */
export function laterPosition(local: Watched | undefined, serverMs: number | null): number {
  if (!local) return serverMs ?? 0;
  if (serverMs === null || serverMs === 0 || serverMs === local.serverMs) return local.positionMs;
  return serverMs;
}
