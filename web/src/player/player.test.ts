import { describe, expect, it, vi } from 'vitest';
import { forgetWatched, recordWatched, watchedBy } from './continue-watching';
import { actionOf, applyAction, isTaken } from './hotkeys';
import { notePlayIntent, playIntentFor } from './play-intent';
import { streamFormatOf } from './stream-format';

const press = (code: string, more: Partial<KeyboardEvent> = {}) =>
  actionOf({ code, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });

describe('hotkeys', () => {
  it('go by where the key lies, so that a Korean keyboard works', () => {
    const event = new KeyboardEvent('keydown', { key: 'ㅏ', code: 'KeyK' });
    expect(actionOf(event)).toEqual({ type: 'toggle-play' });
  });

  it('leave the shortcuts of the browser alone', () => {
    expect(press('KeyF', { ctrlKey: true })).toBeNull();
    expect(press('KeyM', { metaKey: true })).toBeNull();
    expect(press('ArrowLeft', { altKey: true })).toBeNull();
  });

  it('jump by tenths with digits and the number pad', () => {
    expect(press('Digit7')).toEqual({ type: 'seek-to-share', share: 0.7 });
    expect(press('Numpad3')).toEqual({ type: 'seek-to-share', share: 0.3 });
  });

  it('change speed with < and >, one step at a time, within bounds', () => {
    const video = document.createElement('video');
    const faster = press('Period', { shiftKey: true });
    for (let count = 0; count < 9; count += 1)
      if (faster) applyAction(faster, video, () => undefined);
    expect(video.playbackRate).toBe(2);
    const slower = press('Comma', { shiftKey: true });
    if (slower) applyAction(slower, video, () => undefined);
    expect(video.playbackRate).toBe(1.75);
  });

  it('never seek before the beginning', () => {
    const video = document.createElement('video');
    const back = press('KeyJ');
    if (back) applyAction(back, video, () => undefined);
    expect(video.currentTime).toBe(0);
  });

  it.each([
    ['<input type="text">', 'KeyK', true],
    ['<textarea></textarea>', 'KeyF', true],
    ['<input type="range">', 'ArrowLeft', true],
    ['<input type="range">', 'KeyK', false],
    ['<button type="button">x</button>', 'Space', true],
    ['<button type="button">x</button>', 'KeyK', false],
    ['<div role="dialog"><button type="button">x</button></div>', 'KeyK', true],
  ])('on %s the key %s is taken: %s', (html, code, taken) => {
    document.body.innerHTML = html;
    const target = document.querySelector('button, input, textarea');
    let seen: boolean | null = null;
    document.body.addEventListener(
      'keydown',
      (event) => {
        seen = isTaken(event);
      },
      { once: true },
    );
    target?.dispatchEvent(new KeyboardEvent('keydown', { code, bubbles: true }));
    expect(seen).toBe(taken);
  });
});

describe('continue watching', () => {
  const entry = (videoId: string, positionMs = 30_000) => ({
    videoId,
    positionMs,
    durationMs: 60_000,
    atMs: 1,
  });

  it('keeps the latest first and each video once, per account', () => {
    recordWatched('a1', entry('x'));
    recordWatched('a1', entry('y'));
    recordWatched('a1', entry('x', 31_000));
    expect(watchedBy('a1').map((one) => one.videoId)).toEqual(['x', 'y']);
    expect(watchedBy('a1')[0]?.positionMs).toBe(31_000);
    expect(watchedBy('a2')).toEqual([]);
  });

  it('lets go of what is finished or was hardly begun', () => {
    recordWatched('a3', entry('x'));
    recordWatched('a3', entry('x', 59_000));
    recordWatched('a3', entry('y', 1000));
    expect(watchedBy('a3')).toEqual([]);
  });

  it('forgets a deleted video', () => {
    recordWatched('a4', entry('x'));
    forgetWatched('a4', 'x');
    expect(watchedBy('a4')).toEqual([]);
  });

  it('does not trust what it finds in storage', () => {
    localStorage.setItem('amphi.watched.a5', '[{"videoId":7},null,"x"]');
    expect(watchedBy('a5')).toEqual([]);
    localStorage.setItem('amphi.watched.a6', 'not json');
    expect(watchedBy('a6')).toEqual([]);
  });
});

describe('a press of play on a card', () => {
  it('counts for that video, for a few seconds', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    notePlayIntent('v1');
    expect(playIntentFor('v1')).not.toBeNull();
    expect(playIntentFor('v2')).toBeNull();
    vi.advanceTimersByTime(11_000);
    expect(playIntentFor('v1')).toBeNull();
    vi.useRealTimers();
  });
});

it('knows two stream formats and no third', () => {
  expect(streamFormatOf('hls')).toBe('hls');
  expect(streamFormatOf('dash')).toBe('dash');
  expect(streamFormatOf('smooth')).toBeUndefined();
});
