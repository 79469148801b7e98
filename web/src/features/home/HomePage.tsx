import { VisuallyHidden } from '@mantine/core';
import { IconMasksTheater } from '@tabler/icons-react';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { newVideosQuery, seriesListQuery, videoQuery } from '~/api/queries';
import { useSession } from '~/auth/session';
import { mayUpload } from '~/features/auth/roles';
import { useWatched } from '~/player/continue-watching';
import { EmptyState } from '~/ui/EmptyState';
import { ButtonLink, TextLink } from '~/ui/links';
import { MediaCard } from '~/ui/MediaCard';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { Rail, RailItem, RailSkeleton } from '~/ui/Rail';
import { SeriesCard } from '~/ui/SeriesCard';
import { Hero, HeroSkeleton, WelcomeHero } from './Hero';

const REFRESH_WHILE_ENCODING_MS = 5000;

export function HomePage() {
  const { t } = useTranslation();
  usePageTitle(t('home.title'));
  const { status, account } = useSession();
  const dramas = useQuery(seriesListQuery('drama'));
  const courses = useQuery(seriesListQuery('course'));
  const videos = useQuery({
    ...newVideosQuery(),
    refetchInterval: (query) =>
      query.state.data?.items.some((video) => video.state !== 'ready')
        ? REFRESH_WHILE_ENCODING_MS
        : false,
  });

  const pending = dramas.isPending || courses.isPending || videos.isPending;
  const problem = dramas.error ?? courses.error ?? videos.error;
  const dramaItems = dramas.data?.items ?? [];
  const courseItems = courses.data?.items ?? [];
  const videoItems = videos.data?.items ?? [];
  const featured = dramaItems[0] ?? courseItems[0];
  const empty =
    !pending && !problem && dramaItems.length + courseItems.length + videoItems.length === 0;

  return (
    <>
      <VisuallyHidden>
        <h1>{t('home.title')}</h1>
      </VisuallyHidden>
      {featured && <Hero series={featured} />}
      {!featured &&
        (pending ? (
          <HeroSkeleton />
        ) : (
          <WelcomeHero visitor={status === 'signed-out'} uploads={mayUpload(account)} />
        ))}
      {problem && (
        <div style={{ marginTop: '1.5rem' }}>
          <ProblemAlert
            problem={problem}
            onRetry={() => {
              for (const query of [dramas, courses, videos])
                if (query.isError) void query.refetch();
            }}
          />
        </div>
      )}
      <ContinueRail />
      {dramas.isPending && <RailSkeleton />}
      {dramaItems.length > 0 && (
        <Rail title={t('home.dramas')} more={<TextLink to="/dramas">{t('home.see_all')}</TextLink>}>
          {dramaItems.map((series) => (
            <RailItem key={series.id}>
              <SeriesCard series={series} />
            </RailItem>
          ))}
        </Rail>
      )}
      {courseItems.length > 0 && (
        <Rail
          title={t('home.courses')}
          more={<TextLink to="/courses">{t('home.see_all')}</TextLink>}
        >
          {courseItems.map((series) => (
            <RailItem key={series.id}>
              <SeriesCard series={series} />
            </RailItem>
          ))}
        </Rail>
      )}
      {videos.isPending && <RailSkeleton />}
      {videoItems.length > 0 && (
        <Rail title={t('home.new_videos')}>
          {videoItems.map((video) => (
            <RailItem key={video.id}>
              <MediaCard video={video} />
            </RailItem>
          ))}
        </Rail>
      )}
      {empty && (
        <div style={{ marginTop: '2rem' }}>
          <EmptyState
            icon={<IconMasksTheater size={44} stroke={1.4} aria-hidden />}
            title={t('home.empty_title')}
            text={t('home.empty_text')}
            action={
              (account === null || mayUpload(account)) && (
                <ButtonLink to="/upload">{t('home.welcome_upload')}</ButtonLink>
              )
            }
          />
        </div>
      )}
    </>
  );
}

/** Hidden, not empty, when nothing was started on this device. */
function ContinueRail() {
  const { t } = useTranslation();
  const { account } = useSession();
  const watched = useWatched(account?.id ?? null);
  const videos = useQueries({
    queries: watched.map((entry) => ({ ...videoQuery(entry.videoId), staleTime: 60_000 })),
  });
  const started = watched.flatMap((entry, index) => {
    const video = videos[index]?.data;
    return video ? [{ entry, video }] : [];
  });
  if (started.length === 0) return null;
  return (
    <Rail title={t('home.continue')}>
      {started.map(({ entry, video }) => (
        <RailItem key={video.id}>
          <MediaCard video={video} watched={entry.positionMs / entry.durationMs} />
        </RailItem>
      ))}
    </Rail>
  );
}
