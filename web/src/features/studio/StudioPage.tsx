import { Button, Group, Skeleton } from '@mantine/core';
import { IconUpload } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { myVideosQuery } from '~/api/queries';
import { CreatorGate } from '~/features/auth/CreatorGate';
import { DropZone } from '~/features/upload/DropZone';
import { isFinal } from '~/features/watch/use-video';
import { ButtonLink } from '~/ui/links';
import { PageHeader } from '~/ui/PageHeader';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { uploads } from '~/upload/manager';
import { DeleteDialog } from './DeleteDialog';
import { EditDialog } from './EditDialog';
import { VideoTable } from './VideoTable';

const REFRESH_WHILE_ENCODING_MS = 2000;

export function StudioPage() {
  const { t } = useTranslation();
  usePageTitle(t('studio.title'));
  return <CreatorGate title={t('studio.sign_in_title')}>{() => <Studio />}</CreatorGate>;
}

function Studio() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [edited, setEdited] = useState<Video | null>(null);
  const [deleted, setDeleted] = useState<Video | null>(null);
  const list = useInfiniteQuery({
    ...myVideosQuery(),
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) =>
        page.items.some((video) => !isFinal(video.state) && video.state !== 'draft'),
      )
        ? REFRESH_WHILE_ENCODING_MS
        : false,
  });
  const videos = list.data?.pages.flatMap((page) => page.items) ?? [];
  const empty = list.isSuccess && videos.length === 0;
  return (
    <>
      <PageHeader
        title={t('studio.title')}
        lead={t('studio.lead')}
        actions={
          !empty && (
            <ButtonLink
              to="/upload"
              hiddenFrom="xs"
              leftSection={<IconUpload size={18} aria-hidden />}
            >
              {t('nav.upload')}
            </ButtonLink>
          )
        }
      />
      {list.error && <ProblemAlert problem={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && (
        <div role="status" aria-label={t('app.loading')}>
          {[0, 1, 2, 3].map((row) => (
            <Skeleton key={row} h={72} mb="sm" />
          ))}
        </div>
      )}
      {empty && (
        <DropZone
          invitation={{ title: t('studio.empty_title'), text: t('studio.empty_text') }}
          onFiles={(files) => {
            uploads.add(files);
            void navigate({ to: '/upload' });
          }}
        />
      )}
      {videos.length > 0 && <VideoTable videos={videos} onEdit={setEdited} onDelete={setDeleted} />}
      {list.hasNextPage && (
        <Group justify="center" mt="lg">
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t('app.load_more')}
          </Button>
        </Group>
      )}
      <EditDialog video={edited} onClose={() => setEdited(null)} />
      <DeleteDialog video={deleted} onClose={() => setDeleted(null)} />
    </>
  );
}
