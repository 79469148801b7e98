import type { Rendition, Video } from '~/api/client';
import { isReceived, type UploadItem } from './machine';

export type StageStatus = 'done' | 'active' | 'waiting' | 'failed';

export interface Stage {
  readonly key: string;
  readonly kind: 'received' | 'inspected' | 'rung' | 'audio' | 'ready';
  /** Height in pixels for a rung, language for sound. */
  readonly detail: string | null;
  readonly status: StageStatus;
  /** 0..1 */
  readonly share: number;
}

/** received → inspected → each rung, lowest first → sound → ready, as far as the server has told. */
export function stagesOf(item: UploadItem): Stage[] {
  const { video } = item;
  const received = isReceived(item);
  const sent = item.sizeBytes === 0 ? 0 : item.sentBytes / item.sizeBytes;
  const failed = item.phase === 'failed';
  const inspected = video !== null && INSPECTED.has(video.state);
  const first: Stage[] = [
    stage('received', null, received ? 1 : sent, failed && !received, sent > 0),
    stage('inspected', null, inspected ? 1 : 0, failed && received && !inspected, received),
  ];
  if (!video || !inspected) return [...first, stage('ready', null, 0, false, false)];
  const rungs = video.renditions
    .filter((rendition) => rendition.kind === 'video')
    .toSorted((a, b) => (a.height ?? 0) - (b.height ?? 0));
  const sounds = video.renditions.filter((rendition) => rendition.kind === 'audio');
  return [
    ...first,
    ...rungs.map((rendition) =>
      renditionStage(rendition, 'rung', `${rendition.height ?? '?'}p`, failed),
    ),
    ...sounds.map((rendition) => renditionStage(rendition, 'audio', rendition.language, failed)),
    stage('ready', null, video.state === 'ready' ? 1 : 0, failed, false),
  ];
}

const INSPECTED: ReadonlySet<Video['state']> = new Set(['encoding', 'viewable', 'ready']);

function renditionStage(
  rendition: Rendition,
  kind: 'rung' | 'audio',
  detail: string | null,
  failed: boolean,
): Stage {
  const share = rendition.complete
    ? 1
    : rendition.segments_total
      ? Math.min(0.99, rendition.segments_done / rendition.segments_total)
      : 0;
  return { ...stage(kind, detail, share, failed && share < 1, share > 0), key: rendition.id };
}

function stage(
  kind: Stage['kind'],
  detail: string | null,
  share: number,
  failed: boolean,
  active: boolean,
): Stage {
  const status: StageStatus =
    share >= 1 ? 'done' : failed ? 'failed' : active ? 'active' : 'waiting';
  return { key: kind, kind, detail, status, share };
}
