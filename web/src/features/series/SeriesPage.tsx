import { Group, Skeleton, Text, Title } from '@mantine/core';
import { IconClock, IconPlayerPlayFilled, IconStack2, IconUserCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Series } from '~/api/client';
import { isNotFound } from '~/api/problem';
import { seriesQuery } from '~/api/queries';
import { NotFound } from '~/features/shell/NotFound';
import { notePlayIntent } from '~/player/play-intent';
import { formatAmountOfTime } from '~/ui/format';
import { ButtonLink } from '~/ui/links';
import { Poster } from '~/ui/Poster';
import { ProblemPage } from '~/ui/ProblemPage';
import { usePageTitle } from '~/ui/page-title';
import { EpisodeList, playableEpisode } from './EpisodeList';
import classes from './SeriesPage.module.css';

export function SeriesPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const series = useQuery(seriesQuery(id));
  usePageTitle(series.data?.title);
  if (isNotFound(series.error)) return <NotFound text={t('series.not_found')} />;
  if (series.error)
    return <ProblemPage problem={series.error} onRetry={() => void series.refetch()} />;
  if (!series.data) return <SeriesSkeleton />;
  return <LoadedSeries series={series.data} />;
}

function LoadedSeries({ series }: { series: Series }) {
  const { t } = useTranslation();
  const drama = series.kind === 'drama';
  const first = series.episodes.find(playableEpisode);
  const totalMs = series.episodes.reduce(
    (sum, episode) => sum + (episode.video.duration_ms ?? 0),
    0,
  );
  return (
    <>
      <div className={classes.top}>
        <div className={classes.about}>
          <span className={classes.kind}>
            {drama ? t('home.kind_drama') : t('home.kind_course')}
          </span>
          <Title order={1} className={classes.title}>
            {series.title}
          </Title>
          <Text className={classes.description}>{series.description}</Text>
          <Group gap="lg" mt="md" c="dimmed" className={classes.facts}>
            <Fact icon={<IconUserCircle size={18} aria-hidden />}>{series.owner.name}</Fact>
            <Fact icon={<IconStack2 size={18} aria-hidden />}>
              {drama
                ? t('series.episodes', { count: series.episode_count })
                : t('series.sessions', { count: series.episode_count })}
            </Fact>
            {totalMs > 0 && (
              <Fact icon={<IconClock size={18} aria-hidden />}>
                {t('series.total', { duration: formatAmountOfTime(totalMs / 1000) })}
              </Fact>
            )}
          </Group>
          {first && (
            <ButtonLink
              to="/watch/$videoId"
              params={{ videoId: first.video.id }}
              search={{ series: series.id }}
              onClick={() => notePlayIntent(first.video.id)}
              size="md"
              mt="lg"
              leftSection={<IconPlayerPlayFilled size={18} aria-hidden />}
            >
              {drama
                ? t('home.play_first', { number: first.number })
                : t('home.start_course', { number: first.number })}
            </ButtonLink>
          )}
        </div>
        <div className={classes.poster}>
          <Poster id={series.id} url={series.poster_url} eager />
        </div>
      </div>
      <Title order={2} mt="xl" mb="sm">
        {drama ? t('series.episode_heading') : t('series.session_heading')}
      </Title>
      <EpisodeList series={series} />
    </>
  );
}

function Fact({ icon, children }: { icon: React.ReactNode; children: React.ReactNode }) {
  return (
    <Group gap={6} wrap="nowrap">
      {icon}
      <span>{children}</span>
    </Group>
  );
}

function SeriesSkeleton() {
  const { t } = useTranslation();
  return (
    <div className={classes.top} role="status" aria-label={t('app.loading')}>
      <div className={classes.about}>
        <Skeleton h={20} w={72} />
        <Skeleton h={40} w="70%" mt="md" />
        <Skeleton h={16} mt="lg" />
        <Skeleton h={16} w="80%" mt="xs" />
      </div>
      <div className={classes.poster}>
        <Skeleton style={{ aspectRatio: '16 / 9' }} h="auto" />
      </div>
    </div>
  );
}
