import { Button, Group, Modal, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, unwrap, type Video } from '~/api/client';
import { ProblemError } from '~/api/problem';
import { videoQuery } from '~/api/queries';
import { useVisibilityOptions } from '~/features/upload/visibility';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { toast } from '~/ui/Toasts';

export function EditDialog({ video, onClose }: { video: Video | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={video !== null}
      onClose={onClose}
      size="lg"
      title={video ? t('studio.edit_video', { title: video.title }) : ''}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      {video && <EditForm key={video.id} video={video} onClose={onClose} />}
    </Modal>
  );
}

function EditForm({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const visibilities = useVisibilityOptions();
  const form = useForm({
    initialValues: {
      title: video.title,
      description: video.description,
      visibility: video.visibility,
    },
    validate: { title: (value) => (value.trim() ? null : t('upload.title_required')) },
  });
  const save = useMutation({
    mutationFn: (body: typeof form.values) =>
      unwrap(api.PATCH('/api/v1/videos/{id}', { params: { path: { id: video.id } }, body })),
    onSuccess: async (saved) => {
      queryClient.setQueryData(videoQuery(video.id).queryKey, saved);
      await queryClient.invalidateQueries({ queryKey: ['videos'] });
      onClose();
      toast(t('studio.saved', { title: saved.title }));
    },
  });
  const conflict = save.error instanceof ProblemError && save.error.status === 412;
  return (
    <form noValidate onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        {save.error && (
          <ProblemAlert problem={conflict ? new Error(t('studio.conflict')) : save.error} />
        )}
        <TextInput
          {...form.getInputProps('title')}
          label={t('upload.video_title')}
          maxLength={200}
          data-autofocus
        />
        <Textarea
          {...form.getInputProps('description')}
          label={t('upload.video_description')}
          autosize
          minRows={3}
          maxRows={10}
        />
        <Select
          {...form.getInputProps('visibility')}
          label={t('upload.visibility')}
          description={t(`video.visibility_${form.values.visibility}_hint`)}
          data={visibilities}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('app.cancel')}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t('app.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
