import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Series } from '~/api/client';
import classes from './MediaCard.module.css';
import { Poster } from './Poster';
import stack from './SeriesCard.module.css';

export function SeriesCard({ series, headingLevel = 3 }: { series: Series; headingLevel?: 2 | 3 }) {
  const { t } = useTranslation();
  const Heading = `h${headingLevel}` as const;
  return (
    <article className={`${classes.card} ${stack.card}`}>
      <div className={classes.frame}>
        <Poster id={series.id} url={series.poster_url} />
        <span className={classes.duration}>
          {series.kind === 'drama'
            ? t('series.episodes', { count: series.episode_count })
            : t('series.sessions', { count: series.episode_count })}
        </span>
      </div>
      <Heading className={classes.title}>
        <Link
          to={series.kind === 'drama' ? '/dramas/$id' : '/courses/$id'}
          params={{ id: series.id }}
          className={classes.link}
        >
          {series.title}
        </Link>
      </Heading>
      <div className={classes.meta}>
        <span>{series.owner.name}</span>
      </div>
    </article>
  );
}
