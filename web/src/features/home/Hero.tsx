import { Group, Skeleton, Text } from '@mantine/core';
import { IconInfoCircle, IconPlayerPlayFilled } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Series } from '~/api/client';
import { notePlayIntent } from '~/player/play-intent';
import { ButtonLink } from '~/ui/links';
import { hues } from '~/ui/Poster';
import classes from './Hero.module.css';

const playable = (state: string): boolean => state === 'viewable' || state === 'ready';

export function Hero({ series }: { series: Series }) {
  const { t } = useTranslation();
  const first = series.episodes.find((episode) => playable(episode.video.state));
  const backdrop = series.poster_url ?? first?.video.poster_url ?? null;
  const drama = series.kind === 'drama';
  return (
    <section className={classes.hero} style={hues(series.id)} aria-label={series.title}>
      {backdrop && <img className={classes.backdrop} src={backdrop} alt="" fetchPriority="high" />}
      <div className={classes.shade} />
      <div className={classes.text}>
        <span className={classes.kind}>{drama ? t('home.kind_drama') : t('home.kind_course')}</span>
        <h2 className={classes.title}>{series.title}</h2>
        <Text className={classes.synopsis}>{series.description}</Text>
        <p className={classes.meta}>
          {drama
            ? t('series.episodes', { count: series.episode_count })
            : t('series.sessions', { count: series.episode_count })}
          {' · '}
          {t('series.by', { name: series.owner.name })}
        </p>
        <Group gap="sm" mt="md">
          {first && (
            <ButtonLink
              to="/watch/$videoId"
              params={{ videoId: first.video.id }}
              search={{ series: series.id }}
              onClick={() => notePlayIntent(first.video.id)}
              size="md"
              variant="white"
              c="#0b101c"
              leftSection={<IconPlayerPlayFilled size={18} aria-hidden />}
            >
              {drama
                ? t('home.play_first', { number: first.number })
                : t('home.start_course', { number: first.number })}
            </ButtonLink>
          )}
          <ButtonLink
            to={drama ? '/dramas/$id' : '/courses/$id'}
            params={{ id: series.id }}
            size="md"
            className={classes.ghost}
            leftSection={<IconInfoCircle size={18} aria-hidden />}
          >
            {t('home.details')}
          </ButtonLink>
        </Group>
      </div>
    </section>
  );
}

/** What Amphi is, for a server on which nothing has been published yet. */
export function WelcomeHero({ visitor, uploads }: { visitor: boolean; uploads: boolean }) {
  const { t } = useTranslation();
  return (
    <section className={classes.hero} data-welcome aria-label={t('home.welcome_title')}>
      <div className={classes.arcs} aria-hidden />
      <div className={classes.text}>
        <h2 className={classes.title}>{t('home.welcome_title')}</h2>
        <Text className={classes.synopsis}>{t('home.welcome_text')}</Text>
        <Group gap="sm" mt="md">
          {uploads && (
            <ButtonLink to="/upload" size="md" variant="white" c="#0b101c">
              {t('home.welcome_upload')}
            </ButtonLink>
          )}
          {visitor && (
            <>
              <ButtonLink to="/register" size="md" variant="white" c="#0b101c">
                {t('nav.register')}
              </ButtonLink>
              <ButtonLink to="/login" size="md" className={classes.ghost}>
                {t('nav.sign_in')}
              </ButtonLink>
            </>
          )}
        </Group>
      </div>
    </section>
  );
}

export function HeroSkeleton() {
  return <Skeleton className={classes.skeleton} radius={16} h="auto" aria-hidden />;
}
