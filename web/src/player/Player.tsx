import { useEffect, useEffectEvent, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { api, type Playback, unwrap, type Video } from '~/api/client';
import { currentLanguage } from '~/i18n';
import { spanExporter } from '~/trace';
import { PlayTrace } from '~/trace/play-trace';
import { actionOf, applyAction, isTaken } from './hotkeys';
import classes from './Player.module.css';
import { PositionKeeper } from './position-keeper';
import type { PlayerHandle } from './shaka-player';
import type { StreamFormat } from './stream-format';

export interface StartedPlay {
  readonly traceId: string;
  readonly startupMs: number;
  /** Where playback began; 0 from the beginning. */
  readonly startMs: number;
}

export interface PlayerProps {
  video: Video;
  format: StreamFormat;
  /** When the visitor pressed play, in epoch milliseconds. */
  clickedAtMs: number;
  /** Overrides the remembered position, to go on where another format stopped. */
  startAtMs: number | null;
  onStarted(play: StartedPlay): void;
  onPosition(positionMs: number): void;
  onProblem(problem: Error, playerCode: number | null): void;
}

export function Player({
  video,
  format,
  clickedAtMs,
  startAtMs,
  onStarted,
  onPosition,
  onProblem,
}: PlayerProps) {
  const { t } = useTranslation();
  const element = useRef<HTMLVideoElement>(null);
  const container = useRef<HTMLDivElement>(null);
  const handle = useRef<PlayerHandle | null>(null);

  const begin = useEffectEvent((media: HTMLVideoElement, box: HTMLElement) =>
    startPlayback(
      media,
      box,
      { video, format, clickedAtMs, startAtMs, onStarted, onPosition, onProblem },
      handle,
    ),
  );

  // One start per mounted player: its parent gives it a new key for another video or format.
  useEffect(() => {
    if (!element.current || !container.current) return;
    return begin(element.current, container.current);
  }, []);

  const onPress = useEffectEvent((event: KeyboardEvent) => {
    const action = actionOf(event);
    if (!action || !element.current || isTaken(event)) return;
    event.preventDefault();
    applyAction(action, element.current, () => handle.current?.toggleFullscreen());
  });

  useEffect(() => {
    const listener = (event: KeyboardEvent) => onPress(event);
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, []);

  return (
    <div ref={container} className={classes.player} role="region" aria-label={t('watch.player')}>
      <video
        ref={element}
        className={classes.video}
        poster={video.poster_url ?? undefined}
        playsInline
      />
    </div>
  );
}

function startPlayback(
  media: HTMLVideoElement,
  box: HTMLElement,
  props: PlayerProps,
  handle: { current: PlayerHandle | null },
): () => void {
  const { video, format, clickedAtMs } = props;
  let left = false;
  const trace = new PlayTrace(
    spanExporter,
    { 'amphi.video.id': video.id, 'media.format': format },
    clickedAtMs,
  );

  const keeper = new PositionKeeper(video);

  const run = async (): Promise<void> => {
    const [module, playback] = await Promise.all([
      trace.step('load player', () => import('./shaka-player')),
      openSession(trace, video.id),
    ]);
    if (left) return;
    const player = await module.createPlayer({
      video: media,
      container: box,
      language: currentLanguage(),
      trace,
      onError: (code) => props.onProblem(new Error(String(code)), code),
    });
    handle.current = player;
    if (left) {
      await player.destroy();
      return;
    }
    const resumeMs = keeper.resumeAt(playback.resume_position_ms);
    const startMs = props.startAtMs ?? resumeMs;
    whenFirstFrame(media, () => {
      if (left) return;
      trace.showFirstFrame({ 'media.height': media.videoHeight });
      props.onStarted({ traceId: trace.traceId, startupMs: trace.elapsedMs(), startMs });
    });
    await player.load(format === 'hls' ? playback.hls_url : playback.dash_url, startMs / 1000);
    trace.awaitFirstFrame();
    // A browser may refuse to start with sound before any gesture; the control then waits to be pressed.
    await media.play().catch(() => undefined);
    if (playback.storyboard_url)
      await player.addStoryboard(playback.storyboard_url).catch(() => undefined);
  };

  run().catch(async (cause: unknown) => {
    if (left) return;
    const { errorCodeOf, LOAD_INTERRUPTED } = await import('./shaka-player');
    const code = errorCodeOf(cause);
    if (code === LOAD_INTERRUPTED) return;
    trace.fail(code === null ? String(cause) : `player error ${code}`);
    props.onProblem(cause instanceof Error ? cause : new Error(String(cause)), code);
  });

  const report = (): void => props.onPosition(Math.round(media.currentTime * 1000));
  media.addEventListener('timeupdate', report);
  const stopKeeping = keeper.follow(media);
  return () => {
    left = true;
    media.removeEventListener('timeupdate', report);
    stopKeeping();
    trace.abandon();
    void handle.current?.destroy();
    handle.current = null;
  };
}

function openSession(trace: PlayTrace, videoId: string): Promise<Playback> {
  return trace.step(
    'playback session',
    (traceparent) =>
      unwrap(
        api.POST('/api/v1/videos/{id}/playback', {
          params: { path: { id: videoId }, header: { traceparent } },
        }),
      ),
    { 'http.request.method': 'POST', 'http.route': '/api/v1/videos/{id}/playback' },
  );
}

function whenFirstFrame(media: HTMLVideoElement, shown: () => void): void {
  if ('requestVideoFrameCallback' in media) {
    media.requestVideoFrameCallback(() => shown());
    // Sound alone paints no frame.
    media.addEventListener('playing', () => media.videoHeight === 0 && shown(), { once: true });
  } else {
    (media as HTMLVideoElement).addEventListener('playing', shown, { once: true });
  }
}
