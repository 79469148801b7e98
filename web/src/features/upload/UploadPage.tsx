import { Stack, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { CreatorGate } from '~/features/auth/CreatorGate';
import { PageHeader } from '~/ui/PageHeader';
import { usePageTitle } from '~/ui/page-title';
import { uploads, useUploads } from '~/upload/manager';
import { DropZone } from './DropZone';
import { UnfinishedUploads } from './UnfinishedUploads';
import { UploadCard } from './UploadCard';

export function UploadPage() {
  const { t } = useTranslation();
  usePageTitle(t('upload.title'));
  const items = useUploads();
  return (
    <CreatorGate title={t('upload.sign_in_title')} text={t('upload.sign_in_text')}>
      {(account) => (
        <>
          <PageHeader title={t('upload.title')} lead={t('upload.lead')} />
          <DropZone onFiles={(files) => uploads.add(files)} compact={items.length > 0} />
          <UnfinishedUploads accountId={account.id} />
          {items.length > 0 && (
            <section aria-labelledby="upload-queue">
              <Title order={2} id="upload-queue" mt="xl" mb="sm">
                {t('upload.queue')}
              </Title>
              <Stack>
                {items.map((item) => (
                  <UploadCard key={item.id} item={item} />
                ))}
              </Stack>
            </section>
          )}
        </>
      )}
    </CreatorGate>
  );
}
