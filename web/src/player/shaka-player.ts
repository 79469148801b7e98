import type shakaTypes from 'shaka-player/dist/shaka-player.ui-es2021.js';
import 'shaka-player/dist/controls.css';
import shaka from 'shaka-player/dist/shaka-player.ui-es2021.js';
import type { PlayTrace } from '~/trace/play-trace';
import type { Span } from '~/trace/span';

export interface PlayerHandle {
  load(url: string, startS: number): Promise<void>;
  addStoryboard(url: string): Promise<void>;
  toggleFullscreen(): void;
  destroy(): Promise<void>;
}

export interface PlayerOptions {
  video: HTMLVideoElement;
  container: HTMLElement;
  language: string;
  trace: PlayTrace;
  onError(code: number): void;
}

/** Shaka with its interface, dressed in our colours and reporting each start-up request to the trace of the click. */
export async function createPlayer({
  video,
  container,
  language,
  trace,
  onError,
}: PlayerOptions): Promise<PlayerHandle> {
  const player = new shaka.Player();
  await player.attach(video);
  player.configure({
    streaming: { bufferingGoal: 30, retryParameters: { maxAttempts: 4, baseDelay: 500 } },
    manifest: { retryParameters: { maxAttempts: 4, baseDelay: 500 } },
  });
  traceRequests(player, trace);

  const overlay = new shaka.ui.Overlay(player, container, video);
  overlay.configure({
    // Shaka's own keys compare `event.key`, which fails under a Korean input source; see hotkeys.ts.
    enableKeyboardPlaybackControls: false,
    controlPanelElements: [
      'play_pause',
      'mute',
      'volume',
      'time_and_duration',
      'spacer',
      'captions',
      'overflow_menu',
      'picture_in_picture',
      'fullscreen',
    ],
    overflowMenuButtons: ['quality', 'playback_rate', 'language', 'captions', 'statistics'],
    playbackRates: [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2],
    castReceiverAppId: '',
    enableTooltips: true,
    seekBarColors: {
      base: 'rgba(255,255,255,.28)',
      buffered: 'rgba(255,255,255,.55)',
      played: '#ff7f22',
    },
    volumeBarColors: { base: 'rgba(255,255,255,.45)', level: '#fff' },
  });
  const controls = overlay.getControls();
  controls?.getLocalization()?.changeLocale([language]);
  player.addEventListener('error', (event) =>
    onError((event as unknown as { detail: { code: number } }).detail.code),
  );

  return {
    load: async (url, startS) => {
      // Absolute, because Shaka reads a root-relative URL as a host name.
      await player.load(new URL(url, location.href).href, startS);
    },
    addStoryboard: async (url) => {
      await player.addThumbnailsTrack(new URL(url, location.href).href);
    },
    toggleFullscreen: () => void controls?.toggleFullScreen(),
    destroy: async () => {
      await overlay.destroy();
    },
  };
}

export function errorCodeOf(cause: unknown): number | null {
  return cause instanceof shaka.util.Error ? cause.code : null;
}

/** A load given up because the page moved on; nothing went wrong. */
export const LOAD_INTERRUPTED = 7000;

function isElsewhere(uri: string | undefined): boolean {
  return uri !== undefined && new URL(uri, location.href).origin !== location.origin;
}

function traceRequests(player: shakaTypes.Player, trace: PlayTrace): void {
  const { MANIFEST, SEGMENT } = shaka.net.NetworkingEngine.RequestType;
  const open = new WeakMap<object, Span>();
  const engine = player.getNetworkingEngine();
  engine?.registerRequestFilter((type, request) => {
    if (type !== MANIFEST && type !== SEGMENT) return;
    // A CDN that the manifest names gets the cookies that came with it, and no header that would have
    // to be asked for first.
    if (isElsewhere(request.uris[0])) {
      request.allowCrossSiteCredentials = true;
      return;
    }
    const span = trace.mediaRequest(
      type === MANIFEST ? 'manifest' : 'segment',
      request.uris[0] ?? '',
    );
    if (!span) return;
    request.headers.traceparent = span.traceparent();
    open.set(request, span);
  });
  engine?.registerResponseFilter((_type, response) => {
    const span = open.get(response.originalRequest);
    if (span) trace.mediaResponse(span, response.status ?? 200, response.data.byteLength);
  });
}
