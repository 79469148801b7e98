import { Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Episode, Series } from '~/api/client';
import { notePlayIntent } from '~/player/play-intent';
import { formatClock } from '~/ui/format';
import { Poster } from '~/ui/Poster';
import { StateBadge } from '~/ui/StateBadge';
import classes from './SeriesPage.module.css';

export function playableEpisode(episode: Episode): boolean {
  return episode.video.state === 'viewable' || episode.video.state === 'ready';
}

export function EpisodeList({
  series,
  currentVideoId,
  compact = false,
}: {
  series: Series;
  currentVideoId?: string;
  compact?: boolean;
}) {
  const { t } = useTranslation();
  if (series.episodes.length === 0) return <Text c="dimmed">{t('series.no_episodes')}</Text>;
  return (
    <ol className={classes.list}>
      {series.episodes.map((episode) => {
        const current = episode.video.id === currentVideoId;
        return (
          <li
            key={episode.id}
            className={classes.episode}
            data-compact={compact || undefined}
            data-current={current || undefined}
          >
            {!compact && <span className={`${classes.number} tabular`}>{episode.number}</span>}
            <div className={classes.picture}>
              <Poster id={episode.video.id} url={episode.video.poster_url} />
            </div>
            <h3 className={classes.name}>
              {playableEpisode(episode) ? (
                <Link
                  to="/watch/$videoId"
                  params={{ videoId: episode.video.id }}
                  search={{ series: series.id }}
                  className={classes.link}
                  aria-current={current ? 'true' : undefined}
                  onClick={() => notePlayIntent(episode.video.id)}
                >
                  {compact && `${episode.number}. `}
                  {episode.title}
                </Link>
              ) : (
                episode.title
              )}
            </h3>
            <div className={`${classes.side} tabular`}>
              {playableEpisode(episode) && episode.video.duration_ms !== null ? (
                formatClock(episode.video.duration_ms)
              ) : (
                <StateBadge state={episode.video.state} />
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
