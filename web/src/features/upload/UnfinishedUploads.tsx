import { Button, Group, Paper, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { formatAge, formatBytes } from '~/ui/format';
import { useUploads } from '~/upload/manager';
import { findUnfinished, forgetUnfinished } from '~/upload/unfinished';
import classes from './UploadCard.module.css';

/** What a reload or a crash interrupted: the server keeps its bytes, only the file itself has to be shown again. */
export function UnfinishedUploads({ accountId }: { accountId: string }) {
  const { t } = useTranslation();
  const items = useUploads();
  const unfinished = useQuery({
    queryKey: ['unfinished-uploads', accountId, items.length],
    queryFn: () => findUnfinished(accountId),
    staleTime: 0,
  });
  const current = new Set(items.map((item) => `${item.name}|${item.sizeBytes}`));
  const left = (unfinished.data ?? []).filter(
    (one) => !current.has(`${one.name}|${one.sizeBytes}`),
  );
  if (left.length === 0) return null;
  return (
    <Paper component="section" className={classes.card} mt="lg" aria-labelledby="unfinished">
      <Title order={2} size="h3" id="unfinished">
        {t('upload.unfinished_title')}
      </Title>
      <Text c="dimmed" size="sm" mb="xs">
        {t('upload.unfinished_text')}
      </Text>
      {left.map((one) => (
        <Group key={one.key} justify="space-between">
          <div>
            <Text fw={600}>{one.name}</Text>
            <Text size="sm" c="dimmed">
              {t('upload.unfinished_from', {
                size: formatBytes(one.sizeBytes ?? 0),
                when: formatAge(one.startedAt),
              })}
            </Text>
          </div>
          <Button
            variant="default"
            aria-label={t('upload.forget_file', { name: one.name })}
            onClick={() => void forgetUnfinished(one.key).then(() => unfinished.refetch())}
          >
            {t('upload.forget')}
          </Button>
        </Group>
      ))}
    </Paper>
  );
}
