import { describe, expect, it } from 'vitest';
import { aRendition, aVideo } from '../../tests/fixtures';
import {
  isReceived,
  newItem,
  secondsLeft,
  speedOf,
  step,
  type UploadEvent,
  type UploadItem,
} from './machine';
import { titleOf } from './manager';
import { stagesOf } from './stages';
import { fingerprintOf } from './unfinished';

const itemAfter = (...events: UploadEvent[]): UploadItem =>
  events.reduce(step, newItem('1', { name: 'clip.mp4', size: 1000 }));

const sending: UploadEvent[] = [
  { type: 'started' },
  { type: 'draft-made', videoId: 'v' },
  { type: 'sending' },
];

describe('the upload machine', () => {
  it('goes from queued to ready', () => {
    const item = itemAfter(
      ...sending,
      { type: 'progressed', sentBytes: 400, atMs: 0 },
      { type: 'received' },
      { type: 'video-changed', video: aVideo({ state: 'encoding' }) },
    );
    expect(item).toMatchObject({ phase: 'processing', sentBytes: 1000, videoId: 'v' });
    const viewable = step(item, { type: 'video-changed', video: aVideo({ state: 'viewable' }) });
    expect(viewable.phase).toBe('viewable');
    expect(step(viewable, { type: 'video-changed', video: aVideo({ state: 'ready' }) }).phase).toBe(
      'ready',
    );
  });

  it('pauses and goes on from where it was', () => {
    const paused = itemAfter(
      ...sending,
      { type: 'progressed', sentBytes: 400, atMs: 0 },
      { type: 'paused' },
    );
    expect(paused).toMatchObject({ phase: 'paused', sentBytes: 400 });
    expect(step(paused, { type: 'requeued' }).phase).toBe('queued');
  });

  it('ignores progress that arrives after the pause', () => {
    const paused = itemAfter(...sending, { type: 'paused' });
    expect(step(paused, { type: 'progressed', sentBytes: 900, atMs: 5 })).toBe(paused);
  });

  it('does not call an upload received while its video is edited', () => {
    const item = itemAfter(...sending, {
      type: 'video-changed',
      video: aVideo({ state: 'uploading' }),
    });
    expect(item.phase).toBe('uploading');
    expect(isReceived(item)).toBe(false);
  });

  it('keeps the reason of a failure and may be tried again', () => {
    const failed = itemAfter(...sending, { type: 'failed', problem: new Error('disk full') });
    expect(failed).toMatchObject({ phase: 'failed' });
    expect(failed.problem?.message).toBe('disk full');
    expect(step(failed, { type: 'requeued' })).toMatchObject({ phase: 'queued', problem: null });
  });

  it('does not send again what the server has refused to encode', () => {
    const item = itemAfter(
      ...sending,
      { type: 'received' },
      { type: 'video-changed', video: aVideo({ state: 'failed' }) },
    );
    expect(item.phase).toBe('failed');
    expect(step(item, { type: 'requeued' }).phase).toBe('failed');
  });

  it('reads speed and time left from the last five seconds alone', () => {
    const item = itemAfter(
      ...sending,
      { type: 'progressed', sentBytes: 0, atMs: 0 },
      { type: 'progressed', sentBytes: 100, atMs: 10_000 },
      { type: 'progressed', sentBytes: 300, atMs: 12_000 },
    );
    expect(speedOf(item)).toBe(100);
    expect(secondsLeft(item)).toBe(7);
  });

  it('claims no speed before it has measured one', () => {
    const item = itemAfter(...sending, { type: 'progressed', sentBytes: 10, atMs: 1 });
    expect(speedOf(item)).toBeNull();
    expect(secondsLeft(item)).toBeNull();
  });
});

describe('the stages', () => {
  const names = (item: UploadItem) =>
    stagesOf(item).map((stage) => `${stage.detail ?? stage.kind}:${stage.status}`);

  it('are unknown beyond inspection until the server has planned the rungs', () => {
    expect(names(itemAfter(...sending, { type: 'progressed', sentBytes: 500, atMs: 0 }))).toEqual([
      'received:active',
      'inspected:waiting',
      'ready:waiting',
    ]);
  });

  it('list the rungs from the lowest with their own progress', () => {
    const video = aVideo({
      state: 'viewable',
      renditions: [
        aRendition({ id: 'v720', height: 720, segments_done: 0 }),
        aRendition({ id: 'v360', height: 360, segments_done: 10, complete: true }),
        aRendition({ id: 'v480', height: 480, segments_done: 4 }),
        aRendition({ id: 'a0', kind: 'audio', height: null, language: 'ko', complete: true }),
      ],
    });
    const item = itemAfter(...sending, { type: 'received' }, { type: 'video-changed', video });
    expect(names(item)).toEqual([
      'received:done',
      'inspected:done',
      '360p:done',
      '480p:active',
      '720p:waiting',
      'ko:done',
      'ready:waiting',
    ]);
    expect(stagesOf(item)[3]?.share).toBeCloseTo(0.4);
  });

  it('say where it failed', () => {
    const item = itemAfter(
      ...sending,
      { type: 'received' },
      { type: 'video-changed', video: aVideo({ state: 'failed' }) },
    );
    expect(names(item)).toEqual(['received:done', 'inspected:failed', 'ready:waiting']);
  });
});

describe('names', () => {
  it.each([
    ['my-holiday_2026.mp4', 'my holiday 2026'],
    ['제주 여행.mov', '제주 여행'],
    ['.mp4', '.mp4'],
    ['archive.tar.gz', 'archive.tar'],
  ])('turns %s into the title %s', (file, title) => {
    expect(titleOf(file)).toBe(title);
  });

  it('recognises the same file again, but not for another account', () => {
    const file = { name: 'a|b.mp4', size: 5, lastModified: 7 };
    expect(fingerprintOf(file, 'me')).toBe(fingerprintOf({ ...file }, 'me'));
    expect(fingerprintOf(file, 'me')).not.toBe(fingerprintOf(file, 'you'));
    expect(fingerprintOf(file, 'me').split('|')).toHaveLength(5);
  });
});
