import { afterEach, expect, it, vi } from 'vitest';
import { followVideo } from './use-video';

afterEach(() => vi.unstubAllGlobals());

/** Answers every request with an event stream that ends after `events`; tells how often it was asked. */
function streamOf(events: string): () => number {
  let asked = 0;
  vi.stubGlobal('fetch', async () => {
    asked += 1;
    return new Response(events, { headers: { 'content-type': 'text/event-stream' } });
  });
  return () => asked;
}

it('follows a video until it is ready', async () => {
  const asked = streamOf(
    'event: video\ndata: {"state":"encoding"}\n\nevent: video\ndata: {"state":"ready"}\n\n',
  );
  const seen: string[] = [];
  await followVideo('v', new AbortController().signal, {
    onChange: (video) => seen.push(video.state),
  });
  expect(seen).toEqual(['encoding', 'ready']);
  expect(asked()).toBe(1);
});

it('asks no more for a video that is gone, and says so once', async () => {
  const asked = streamOf('event: gone\ndata: {"id":"v"}\n\n');
  const onGone = vi.fn();
  await followVideo('v', new AbortController().signal, { onChange: vi.fn(), onGone });
  expect(onGone).toHaveBeenCalledOnce();
  expect(asked()).toBe(1);
});
