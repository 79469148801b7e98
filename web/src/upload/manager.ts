import { useSyncExternalStore } from 'react';
import { DetailedError, Upload } from 'tus-js-client';
import { api, unwrap, type Video, type Visibility } from '~/api/client';
import { ProblemError } from '~/api/problem';
import { session } from '~/auth/session';
import { followVideo } from '~/features/watch/use-video';
import { isTransferring, newItem, step, type UploadEvent, type UploadItem } from './machine';
import { fingerprintOf } from './unfinished';

const AT_ONCE = 2;
const CHUNK_BYTES = 64 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000];

interface Running {
  readonly file: File;
  upload: Upload | null;
  readonly following: AbortController;
}

/** All uploads of this tab. Lives outside the pages, so that leaving the upload page does not end an upload. */
export class UploadManager {
  #items: readonly UploadItem[] = [];
  readonly #running = new Map<string, Running>();
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): readonly UploadItem[] => this.#items;

  add(files: Iterable<File>): void {
    for (const file of files) {
      const item = newItem(crypto.randomUUID(), file);
      this.#running.set(item.id, { file, upload: null, following: new AbortController() });
      this.#items = [item, ...this.#items];
    }
    this.#changed();
    this.#startNext();
  }

  pause(id: string): void {
    this.#apply(id, { type: 'paused' });
    void this.#running.get(id)?.upload?.abort();
    this.#startNext();
  }

  /** Goes on where a pause or a failure stopped. */
  resume(id: string): void {
    this.#apply(id, { type: 'requeued' });
    this.#startNext();
  }

  /** Ends the transfer, has the server forget its bytes, and deletes the draft made for it. */
  async cancel(id: string): Promise<void> {
    const item = this.#items.find((known) => known.id === id);
    const upload = this.#running.get(id)?.upload;
    this.dismiss(id);
    await upload?.abort(true).catch(() => undefined);
    if (item?.videoId) {
      await api
        .DELETE('/api/v1/videos/{id}', { params: { path: { id: item.videoId } } })
        .catch(() => undefined);
    }
  }

  dismiss(id: string): void {
    const running = this.#running.get(id);
    running?.following.abort();
    void running?.upload?.abort().catch(() => undefined);
    this.#running.delete(id);
    this.#items = this.#items.filter((item) => item.id !== id);
    this.#changed();
    this.#startNext();
  }

  noteVideo(id: string, video: Video): void {
    this.#apply(id, { type: 'video-changed', video });
  }

  #startNext(): void {
    const free = AT_ONCE - this.#items.filter((item) => isTransferring(item.phase)).length;
    // New items stand in front; the oldest goes first.
    const waiting = this.#items.filter((item) => item.phase === 'queued').reverse();
    for (const item of waiting.slice(0, Math.max(0, free))) {
      this.#apply(item.id, { type: 'started' });
      this.#start(item.id).catch((cause: unknown) => this.#fail(item.id, cause));
    }
  }

  async #start(id: string): Promise<void> {
    const running = this.#running.get(id);
    const accountId = session.snapshot().account?.id;
    if (!running || !accountId) throw new ProblemError({ status: 401, code: 'unauthenticated' });
    const upload = running.upload ?? (await this.#prepare(id, running.file, accountId));
    running.upload = upload;
    if (this.#items.find((item) => item.id === id)?.phase !== 'creating') return;
    this.#apply(id, { type: 'sending' });
    upload.start();
  }

  async #prepare(id: string, file: File, accountId: string): Promise<Upload> {
    const title = titleOf(file.name);
    const upload = new Upload(file, {
      endpoint: '/uploads',
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: true,
      fingerprint: async () => fingerprintOf(file, accountId),
      metadata: { filename: file.name, filetype: file.type, title },
      onBeforeRequest: async (request) => {
        const token = await session.token();
        if (token) request.setHeader('Authorization', `Bearer ${token}`);
      },
      onShouldRetry: (error) => worthRetrying(error.originalResponse?.getStatus() ?? 0),
      onProgress: (sentBytes) =>
        this.#apply(id, { type: 'progressed', sentBytes, atMs: performance.now() }),
      onSuccess: () => {
        this.#apply(id, { type: 'received' });
        this.#startNext();
        this.#follow(id);
      },
      onError: (error) => this.#fail(id, error),
    });
    const [previous] = await upload.findPreviousUploads();
    const known = previous?.metadata.video_id
      ? await existingVideo(previous.metadata.video_id)
      : null;
    if (previous && known) {
      upload.resumeFromPreviousUpload(previous);
      upload.options.metadata = { ...upload.options.metadata, video_id: known.id };
      this.#apply(id, { type: 'draft-made', videoId: known.id });
      this.noteVideo(id, known);
      return upload;
    }
    const draft = await unwrap(
      api.POST('/api/v1/videos', {
        params: { header: { 'Idempotency-Key': id } },
        body: { title, visibility: 'private' satisfies Visibility },
      }),
    );
    upload.options.metadata = { ...upload.options.metadata, video_id: draft.id };
    this.#apply(id, { type: 'draft-made', videoId: draft.id });
    this.noteVideo(id, draft);
    return upload;
  }

  #follow(id: string): void {
    const running = this.#running.get(id);
    const videoId = this.#items.find((item) => item.id === id)?.videoId;
    if (running && videoId)
      void followVideo(videoId, running.following.signal, {
        onChange: (video) => this.noteVideo(id, video),
      });
  }

  #fail(id: string, cause: unknown): void {
    this.#apply(id, { type: 'failed', problem: toProblemError(cause) });
    this.#startNext();
  }

  #apply(id: string, event: UploadEvent): void {
    this.#items = this.#items.map((item) => (item.id === id ? step(item, event) : item));
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** `my-holiday_2026.mp4` → `my holiday 2026`: a title to begin with, not a file name. */
export function titleOf(fileName: string): string {
  const bare = fileName
    .replace(/\.[^.]{1,8}$/, '')
    .replace(/[_-]+/g, ' ')
    .trim();
  return (bare || fileName).slice(0, 200);
}

/** The network, the server's own trouble and conflicts pass; a refusal stays one. */
function worthRetrying(status: number): boolean {
  return (
    status === 0 ||
    status === 401 ||
    status === 409 ||
    status === 423 ||
    status === 429 ||
    status >= 500
  );
}

async function existingVideo(id: string): Promise<Video | null> {
  try {
    return await unwrap(api.GET('/api/v1/videos/{id}', { params: { path: { id } } }));
  } catch (cause) {
    if (cause instanceof ProblemError && cause.status < 500 && cause.status !== 0) return null;
    throw cause;
  }
}

function toProblemError(cause: unknown): Error {
  if (!(cause instanceof DetailedError))
    return cause instanceof Error ? cause : new Error(String(cause));
  const response = cause.originalResponse;
  if (!response) return new ProblemError({ status: 0 });
  let body: object = {};
  try {
    body = JSON.parse(response.getBody()) as object;
  } catch {
    // Not a problem document; the status alone has to do.
  }
  return new ProblemError({ ...body, status: response.getStatus() });
}

export const uploads = new UploadManager();

export function useUploads(): readonly UploadItem[] {
  return useSyncExternalStore(uploads.subscribe, uploads.snapshot);
}
