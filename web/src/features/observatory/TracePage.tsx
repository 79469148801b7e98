import { Title } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { SignInGate } from '~/features/auth/SignInGate';
import { TextLink } from '~/ui/links';
import { usePageTitle } from '~/ui/page-title';
import { TraceView } from './TraceView';

export function TracePage({ traceId }: { traceId: string }) {
  const { t } = useTranslation();
  const title = t('trace.title', { id: traceId.slice(0, 8) });
  usePageTitle(title);
  return (
    <SignInGate title={t('trace.sign_in_title')}>
      {(account) => (
        <>
          {account.role === 'admin' && (
            <TextLink
              to="/observatory"
              style={{ display: 'inline-flex', alignItems: 'center', gap: 6, minHeight: 44 }}
            >
              <IconArrowLeft size={18} aria-hidden />
              {t('trace.back')}
            </TextLink>
          )}
          <Title order={1} mb="md">
            {title}
          </Title>
          <TraceView traceId={traceId} />
        </>
      )}
    </SignInGate>
  );
}
