import { Button, Group } from '@mantine/core';
import { IconMasksTheater, IconSchool } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { SeriesKind } from '~/api/client';
import { seriesPagesQuery } from '~/api/queries';
import { CardGrid, CardGridSkeleton } from '~/ui/CardGrid';
import { EmptyState } from '~/ui/EmptyState';
import { PageHeader } from '~/ui/PageHeader';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { SeriesCard } from '~/ui/SeriesCard';

export function SeriesListPage({ kind }: { kind: SeriesKind }) {
  const { t } = useTranslation();
  const drama = kind === 'drama';
  const title = drama ? t('series.dramas_title') : t('series.courses_title');
  usePageTitle(title);
  const list = useInfiniteQuery(seriesPagesQuery(kind));
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const Icon = drama ? IconMasksTheater : IconSchool;
  return (
    <>
      <PageHeader title={title} lead={drama ? t('series.dramas_lead') : t('series.courses_lead')} />
      {list.error && <ProblemAlert problem={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <CardGridSkeleton />}
      {list.isSuccess && items.length === 0 && (
        <EmptyState
          icon={<Icon size={44} stroke={1.4} aria-hidden />}
          title={drama ? t('series.dramas_empty') : t('series.courses_empty')}
          text={t('series.empty_hint')}
          action={
            <Button component="a" href="/docs" variant="default">
              {t('app.api')}
            </Button>
          }
        />
      )}
      <CardGrid>
        {items.map((series) => (
          <SeriesCard key={series.id} series={series} headingLevel={2} />
        ))}
      </CardGrid>
      {list.hasNextPage && (
        <Group justify="center" mt="xl">
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t('app.load_more')}
          </Button>
        </Group>
      )}
    </>
  );
}
