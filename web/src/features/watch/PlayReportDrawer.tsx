import { Drawer } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { TraceView } from '~/features/observatory/TraceView';
import { ButtonLink } from '~/ui/links';

export function PlayReportDrawer({ traceId, onClose }: { traceId: string; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened
      onClose={onClose}
      position="bottom"
      size="80%"
      title={t('watch.trace_title')}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <TraceView traceId={traceId} fresh />
      <ButtonLink
        to="/observatory/traces/$traceId"
        params={{ traceId }}
        variant="default"
        mt="md"
        leftSection={<IconExternalLink size={18} aria-hidden />}
      >
        {t('watch.open_trace_page')}
      </ButtonLink>
    </Drawer>
  );
}
