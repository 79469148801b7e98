import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { notePlayIntent } from '~/player/play-intent';
import { formatAge, formatClock, formatPercent } from './format';
import classes from './MediaCard.module.css';
import { Poster } from './Poster';
import { StateBadge } from './StateBadge';

export interface MediaCardProps {
  video: Pick<Video, 'id' | 'title' | 'poster_url' | 'duration_ms' | 'state' | 'progress'> &
    Partial<Pick<Video, 'owner' | 'created_at'>>;
  /** Share already watched, 0..1. */
  watched?: number;
  series?: string;
  headingLevel?: 2 | 3;
}

export function MediaCard({ video, watched, series, headingLevel = 3 }: MediaCardProps) {
  const { t } = useTranslation();
  const Heading = `h${headingLevel}` as const;
  return (
    <article className={classes.card}>
      <div className={classes.frame}>
        <Poster id={video.id} url={video.poster_url} />
        {video.duration_ms !== null && (
          <span className={`${classes.duration} tabular`}>
            <span aria-hidden>{formatClock(video.duration_ms)}</span>
            <span className={classes.hidden}>
              {t('video.duration', { duration: formatClock(video.duration_ms) })}
            </span>
          </span>
        )}
        {watched !== undefined && (
          <span className={classes.watched} style={{ width: formatPercentCss(watched) }}>
            <span className={classes.hidden}>
              {t('video.watched', { percent: formatPercent(watched) })}
            </span>
          </span>
        )}
      </div>
      <Heading className={classes.title}>
        <Link
          to="/watch/$videoId"
          params={{ videoId: video.id }}
          search={series ? { series } : {}}
          className={classes.link}
          onClick={() => notePlayIntent(video.id)}
        >
          {video.title}
        </Link>
      </Heading>
      <div className={classes.meta}>
        {video.owner && <span>{video.owner.name}</span>}
        {video.created_at && <time dateTime={video.created_at}>{formatAge(video.created_at)}</time>}
        {video.state !== 'ready' && <StateBadge state={video.state} progress={video.progress} />}
      </div>
    </article>
  );
}

const formatPercentCss = (share: number): string => `${Math.min(1, Math.max(0, share)) * 100}%`;
