import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, unwrap, type Video } from '~/api/client';
import { videoQuery } from '~/api/queries';
import { useSession } from '~/auth/session';
import { forgetWatched } from '~/player/continue-watching';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { toast } from '~/ui/Toasts';

export function DeleteDialog({ video, onClose }: { video: Video | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={video !== null}
      onClose={onClose}
      title={t('studio.delete_title')}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      {video && <DeleteForm key={video.id} video={video} onClose={onClose} />}
    </Modal>
  );
}

function DeleteForm({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const { account } = useSession();
  const remove = useMutation({
    mutationFn: () =>
      unwrap(api.DELETE('/api/v1/videos/{id}', { params: { path: { id: video.id } } })),
    onSuccess: async () => {
      forgetWatched(account?.id ?? null, video.id);
      queryClient.removeQueries({ queryKey: videoQuery(video.id).queryKey });
      await queryClient.invalidateQueries({ queryKey: ['videos'] });
      onClose();
      toast(t('studio.deleted', { title: video.title }));
    },
  });
  return (
    <Stack>
      <Text>{t('studio.delete_text', { title: video.title })}</Text>
      {remove.error && <ProblemAlert problem={remove.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('app.cancel')}
        </Button>
        <Button color="red.9" loading={remove.isPending} onClick={() => remove.mutate()}>
          {t('studio.delete_confirm')}
        </Button>
      </Group>
    </Stack>
  );
}
