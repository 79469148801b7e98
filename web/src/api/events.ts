import { authorizedFetch } from '~/auth/session';
import { problemOf } from './problem';

export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** Splits a `text/event-stream` into events (WHATWG HTML §9.2). Comments, ids and retry hints are skipped. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let buffer = '';
  let event = 'message';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      buffer += value;
      const lines = buffer.split(/\r\n|\n|\r(?!$)/);
      buffer = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) yield { event, data: data.join('\n') };
          event = 'message';
          data = [];
        } else if (line.startsWith('event:')) {
          event = line.slice(6).trimStart();
        } else if (line.startsWith('data:')) {
          data.push(line.slice(5).replace(/^ /, ''));
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const RECONNECT_MS = [500, 1000, 2000, 5000, 10_000] as const;

/**
 * Follows an event stream with the bearer token (EventSource cannot send one) until `signal` aborts or `onEvent`
 * returns `'stop'`. A lost connection is retried with growing pauses; a refusal (4xx) ends it through `onProblem`.
 */
export async function followEvents(
  url: string,
  options: {
    signal: AbortSignal;
    onEvent: (event: ServerSentEvent) => 'stop' | undefined;
    onConnected?: (connected: boolean) => void;
    onProblem?: (problem: Error) => void;
  },
): Promise<void> {
  const { signal, onEvent, onConnected, onProblem } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const response = await authorizedFetch(
        new Request(new URL(url, location.href), {
          headers: { accept: 'text/event-stream' },
          signal,
        }),
      );
      if (!response.ok || !response.body) {
        const problem = await problemOf(response);
        if (response.status < 500) {
          onProblem?.(problem);
          return;
        }
        throw problem;
      }
      onConnected?.(true);
      for await (const event of readEvents(response.body)) {
        failures = 0;
        if (onEvent(event) === 'stop') return;
      }
    } catch {
      // Fall through to the pause below; an abort ends the loop there.
    }
    if (signal.aborted) return;
    onConnected?.(false);
    await pause(RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] ?? 10_000, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
