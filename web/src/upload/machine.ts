import type { Video } from '~/api/client';

export type UploadPhase =
  | 'queued'
  | 'creating'
  | 'uploading'
  | 'paused'
  | 'processing'
  | 'viewable'
  | 'ready'
  | 'failed';

export interface UploadItem {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly phase: UploadPhase;
  readonly sentBytes: number;
  /** Bytes sent by when, over the last seconds; the speed is read from its ends. */
  readonly samples: readonly Sample[];
  readonly videoId: string | null;
  readonly video: Video | null;
  readonly problem: Error | null;
}

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export type UploadEvent =
  | { type: 'started' }
  | { type: 'draft-made'; videoId: string }
  | { type: 'sending' }
  | { type: 'progressed'; sentBytes: number; atMs: number }
  | { type: 'paused' }
  | { type: 'requeued' }
  | { type: 'received' }
  | { type: 'video-changed'; video: Video }
  | { type: 'failed'; problem: Error };

const SPEED_WINDOW_MS = 5000;

export function newItem(id: string, file: Pick<File, 'name' | 'size'>): UploadItem {
  return {
    id,
    name: file.name,
    sizeBytes: file.size,
    phase: 'queued',
    sentBytes: 0,
    samples: [],
    videoId: null,
    video: null,
    problem: null,
  };
}

/** One step of an upload. An event that does not fit the phase changes nothing: late answers of a paused request arrive. */
export function step(item: UploadItem, event: UploadEvent): UploadItem {
  switch (event.type) {
    case 'started':
      return item.phase === 'queued' ? { ...item, phase: 'creating', problem: null } : item;
    case 'draft-made':
      return { ...item, videoId: event.videoId };
    case 'sending':
      return item.phase === 'creating' ? { ...item, phase: 'uploading', samples: [] } : item;
    case 'progressed':
      return item.phase === 'uploading'
        ? {
            ...item,
            sentBytes: event.sentBytes,
            samples: recent(item.samples, event.sentBytes, event.atMs),
          }
        : item;
    case 'paused':
      return isTransferring(item.phase) || item.phase === 'queued'
        ? { ...item, phase: 'paused', samples: [] }
        : item;
    case 'requeued':
      return item.phase === 'paused' || (item.phase === 'failed' && !isReceived(item))
        ? { ...item, phase: 'queued', problem: null }
        : item;
    case 'received':
      return item.phase === 'uploading'
        ? { ...item, phase: 'processing', sentBytes: item.sizeBytes, samples: [] }
        : item;
    case 'video-changed':
      return {
        ...item,
        video: event.video,
        phase: isReceived(item) ? processingPhase(event.video) : item.phase,
      };
    case 'failed':
      return { ...item, phase: 'failed', problem: event.problem, samples: [] };
  }
}

export const isTransferring = (phase: UploadPhase): boolean =>
  phase === 'creating' || phase === 'uploading';

/** Whether the server has every byte, so that what happens next is up to it. */
export function isReceived(item: UploadItem): boolean {
  return (
    item.phase === 'processing' ||
    item.phase === 'viewable' ||
    item.phase === 'ready' ||
    item.video?.state === 'failed'
  );
}

/** Bytes per second over the last seconds; null until two samples tell something. */
export function speedOf(item: UploadItem): number | null {
  const first = item.samples[0];
  const last = item.samples.at(-1);
  if (!first || !last || last.atMs <= first.atMs || last.bytes <= first.bytes) return null;
  return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
}

export function secondsLeft(item: UploadItem): number | null {
  const speed = speedOf(item);
  return speed === null ? null : (item.sizeBytes - item.sentBytes) / speed;
}

function recent(samples: readonly Sample[], bytes: number, atMs: number): readonly Sample[] {
  return [...samples.filter((sample) => sample.atMs >= atMs - SPEED_WINDOW_MS), { atMs, bytes }];
}

function processingPhase(video: Video): UploadPhase {
  if (video.state === 'ready' || video.state === 'viewable' || video.state === 'failed')
    return video.state;
  return 'processing';
}
