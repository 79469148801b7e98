import { Loader, Text } from '@mantine/core';
import { IconAlertTriangle, IconHourglass, IconPlayerPlayFilled } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { Player, type StartedPlay } from '~/player/Player';
import { playIntentFor } from '~/player/play-intent';
import type { StreamFormat } from '~/player/stream-format';
import { nowMs } from '~/trace/span';
import { formatPercent } from '~/ui/format';
import { Poster } from '~/ui/Poster';
import { ProblemAlert } from '~/ui/ProblemAlert';
import classes from './Stage.module.css';
import { isViewable } from './use-video';

interface Press {
  readonly atMs: number;
  readonly format: StreamFormat;
  readonly startAtMs: number | null;
}

/**
 * The 16:9 place where the picture is: a poster with a play button, the player, or why there is neither. Nothing is
 * asked of the server before "play" is pressed (here, or on the card that led here), so that its trace is the whole story.
 */
export function Stage({
  video,
  format,
  fromStart,
  onStarted,
}: {
  video: Video;
  format: StreamFormat;
  fromStart: boolean;
  onStarted: (play: StartedPlay) => void;
}) {
  const { t } = useTranslation();
  const positionMs = useRef(0);
  const [running, setRunning] = useState(false);
  const [failure, setFailure] = useState<{ problem: Error; code: number | null } | null>(null);
  const [press, setPress] = useState<Press | null>(() => {
    if (fromStart) return { atMs: nowMs(), format, startAtMs: 0 };
    const atMs = playIntentFor(video.id);
    return atMs === null ? null : { atMs, format, startAtMs: null };
  });

  // Choosing the other format is a press of "play" of its own, at the place where the first one stopped.
  if (press && press.format !== format) {
    setPress({ atMs: nowMs(), format, startAtMs: positionMs.current });
    setRunning(false);
    setFailure(null);
  }

  const start = () => {
    setFailure(null);
    setRunning(false);
    setPress({ atMs: nowMs(), format, startAtMs: positionMs.current || null });
  };

  if (video.state === 'failed') {
    return (
      <div className={classes.stage}>
        <Notice
          icon={<IconAlertTriangle size={40} aria-hidden />}
          title={t('watch.failed_title')}
          text={video.state_reason ?? ''}
        />
      </div>
    );
  }
  if (!isViewable(video.state)) {
    return (
      <div className={classes.stage}>
        <Notice
          icon={<IconHourglass size={40} aria-hidden />}
          title={`${t('watch.waiting_title')} · ${formatPercent(video.progress)}`}
          text={t('watch.waiting_text')}
        />
      </div>
    );
  }
  if (failure) {
    return (
      <div className={classes.stage} data-failed>
        <ProblemAlert
          title={t('watch.playback_failed')}
          problem={
            failure.code === null
              ? failure.problem
              : new Error(t('watch.player_error', { code: failure.code }))
          }
          onRetry={start}
        />
      </div>
    );
  }
  return (
    <div className={classes.stage}>
      {press && press.format === format ? (
        <>
          <Player
            key={`${press.format}-${press.atMs}`}
            video={video}
            format={press.format}
            clickedAtMs={press.atMs}
            startAtMs={press.startAtMs}
            onStarted={(play) => {
              setRunning(true);
              onStarted(play);
            }}
            onPosition={(ms) => {
              positionMs.current = ms;
            }}
            onProblem={(problem, code) => setFailure({ problem, code })}
          />
          {!running && (
            <div className={classes.starting} role="status" aria-label={t('watch.loading_player')}>
              <Loader color="white" aria-hidden />
            </div>
          )}
        </>
      ) : (
        <button
          type="button"
          className={classes.poster}
          onClick={start}
          aria-label={t('watch.play_video', { title: video.title })}
        >
          <Poster id={video.id} url={video.poster_url} eager />
          <span className={classes.play}>
            <IconPlayerPlayFilled size={38} aria-hidden />
          </span>
        </button>
      )}
    </div>
  );
}

function Notice({ icon, title, text }: { icon: React.ReactNode; title: string; text: string }) {
  return (
    <div className={classes.notice} role="status">
      {icon}
      <Text fw={700} size="lg">
        {title}
      </Text>
      <Text maw="34rem">{text}</Text>
    </div>
  );
}
