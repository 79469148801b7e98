import { Button, Skeleton, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { isNotFound } from '~/api/problem';
import { EpisodeList } from '~/features/series/EpisodeList';
import { NotFound } from '~/features/shell/NotFound';
import type { StartedPlay } from '~/player/Player';
import type { StreamFormat } from '~/player/stream-format';
import { formatAge, formatClock, formatPercent } from '~/ui/format';
import { ProblemPage } from '~/ui/ProblemPage';
import { usePageTitle } from '~/ui/page-title';
import { StateBadge } from '~/ui/StateBadge';
import { PlayReport } from './PlayReport';
import { Stage } from './Stage';
import { useSeriesOf } from './use-series-of';
import { isFinal, useLiveVideo } from './use-video';
import { WatchActions } from './WatchActions';
import classes from './WatchPage.module.css';

export function WatchPage({
  videoId,
  format,
  seriesId,
}: {
  videoId: string;
  format: StreamFormat;
  seriesId: string | null;
}) {
  const { t } = useTranslation();
  const video = useLiveVideo(videoId);
  usePageTitle(video.data?.title);
  if (isNotFound(video.error)) return <NotFound text={t('watch.not_found')} />;
  if (video.error)
    return <ProblemPage problem={video.error} onRetry={() => void video.refetch()} />;
  if (!video.data) return <WatchSkeleton />;
  return <LoadedWatchPage video={video.data} format={format} seriesId={seriesId} />;
}

function LoadedWatchPage({
  video,
  format,
  seriesId,
}: {
  video: Video;
  format: StreamFormat;
  seriesId: string | null;
}) {
  const { t } = useTranslation();
  const [started, setStarted] = useState<StartedPlay | null>(null);
  const [restart, setRestart] = useState(0);
  const series = useSeriesOf(video.id, seriesId);
  return (
    <div className={classes.page} data-with-aside={series.data ? true : undefined}>
      <div className={classes.main}>
        <Stage
          key={restart}
          fromStart={restart > 0}
          video={video}
          format={format}
          onStarted={setStarted}
        />
        <div className={classes.heading}>
          <Title order={1} className={classes.title}>
            {video.title}
          </Title>
          {!isFinal(video.state) && <StateBadge state={video.state} progress={video.progress} />}
        </div>
        <div className={classes.bar}>
          <Text c="dimmed">
            <Text span fw={600} c="var(--text)">
              {video.owner.name}
            </Text>
            {' · '}
            <time dateTime={video.created_at}>{formatAge(video.created_at)}</time>
          </Text>
          <WatchActions video={video} format={format} />
        </div>
        {video.state === 'viewable' && (
          <Text size="sm" c="dimmed" mt="xs" role="status">
            {t('watch.still_encoding', { percent: formatPercent(video.progress) })}
          </Text>
        )}
        {started && started.startMs > 0 && (
          <Text size="sm" c="dimmed" mt="xs" component="div">
            {t('watch.resumed_at', { time: formatClock(started.startMs) })}{' '}
            <Button
              size="compact-sm"
              mih={32}
              variant="subtle"
              c="var(--link)"
              onClick={() => setRestart((count) => count + 1)}
            >
              {t('watch.start_over')}
            </Button>
          </Text>
        )}
        <PlayReport started={started} />
        <section className={classes.description} aria-label={t('watch.description')}>
          <Text style={{ whiteSpace: 'pre-line' }} c={video.description ? undefined : 'dimmed'}>
            {video.description || t('watch.no_description')}
          </Text>
        </section>
      </div>
      {series.data && (
        <aside className={classes.aside}>
          <Title order={2} size="h3" mb="sm">
            {t('watch.up_next', { title: series.data.title })}
          </Title>
          <EpisodeList series={series.data} currentVideoId={video.id} compact />
        </aside>
      )}
    </div>
  );
}

function WatchSkeleton() {
  const { t } = useTranslation();
  return (
    <div className={classes.page} role="status" aria-label={t('app.loading')}>
      <div className={classes.main}>
        <Skeleton style={{ aspectRatio: '16 / 9' }} h="auto" radius={12} />
        <Skeleton h={30} w="60%" mt="lg" />
        <Skeleton h={18} w="30%" mt="sm" />
      </div>
    </div>
  );
}
