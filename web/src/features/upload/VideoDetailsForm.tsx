import { Select, Stack, Textarea, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconCheck } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, unwrap, type Video, type Visibility } from '~/api/client';
import { videoQuery } from '~/api/queries';
import { ProblemAlert } from '~/ui/ProblemAlert';
import classes from './UploadCard.module.css';
import { useVisibilityOptions } from './visibility';

const TYPING_MS = 600;

interface Details {
  title: string;
  description: string;
  visibility: Visibility;
}

/** Title, description and visibility, saved as they are typed: the upload under way needs no waiting for a button. */
export function VideoDetailsForm({
  video,
  onSaved,
}: {
  video: Video;
  onSaved: (video: Video) => void;
}) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const visibilities = useVisibilityOptions();
  const [details, setDetails] = useState<Details>({
    title: video.title,
    description: video.description,
    visibility: video.visibility,
  });
  const save = useMutation({
    mutationFn: (body: Details) =>
      unwrap(api.PATCH('/api/v1/videos/{id}', { params: { path: { id: video.id } }, body })),
    onSuccess: (saved) => {
      queryClient.setQueryData(videoQuery(video.id).queryKey, saved);
      onSaved(saved);
    },
  });
  const saveSoon = useDebouncedCallback(
    (next: Details) => {
      if (next.title.trim()) save.mutate(next);
    },
    { delay: TYPING_MS, flushOnUnmount: true },
  );
  const change = (part: Partial<Details>) => {
    const next = { ...details, ...part };
    setDetails(next);
    saveSoon(next);
  };

  return (
    <Stack gap="sm">
      <TextInput
        label={t('upload.video_title')}
        value={details.title}
        maxLength={200}
        error={details.title.trim() ? undefined : t('upload.title_required')}
        onChange={(event) => change({ title: event.currentTarget.value })}
      />
      <Textarea
        label={t('upload.video_description')}
        value={details.description}
        autosize
        minRows={2}
        maxRows={8}
        onChange={(event) => change({ description: event.currentTarget.value })}
      />
      <Select
        label={t('upload.visibility')}
        description={t(`video.visibility_${details.visibility}_hint`)}
        data={visibilities}
        value={details.visibility}
        onChange={(value) => value && change({ visibility: value as Visibility })}
      />
      {save.error && <ProblemAlert problem={save.error} onRetry={() => save.mutate(details)} />}
      <span className={classes.saved} role="status">
        {save.isPending && t('upload.saving')}
        {save.isSuccess && (
          <>
            <IconCheck size={15} aria-hidden />
            {t('upload.saved')}
          </>
        )}
      </span>
    </Stack>
  );
}
