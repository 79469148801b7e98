import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconActivityHeartbeat } from '@tabler/icons-react';
import { useRouterState } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/auth/session';
import type { StartedPlay } from '~/player/Player';
import { formatMicros } from '~/ui/format';
import { ButtonLink } from '~/ui/links';
import classes from './PlayReport.module.css';

const PlayReportDrawer = lazy(() =>
  import('./PlayReportDrawer').then((module) => ({ default: module.PlayReportDrawer })),
);

/** Opens the waterfall of this very click. Traces are for people who are signed in, so a visitor is asked in instead. */
export function PlayReport({ started }: { started: StartedPlay | null }) {
  const { t } = useTranslation();
  const { status } = useSession();
  const here = useRouterState({ select: (state) => state.location.href });
  const [opened, drawer] = useDisclosure(false);
  return (
    <div className={classes.report}>
      <Group justify="space-between" gap="xs">
        {status === 'signed-out' ? (
          <ButtonLink to="/login" search={{ next: here }} {...LOOK}>
            {t('watch.what_happened_sign_in')}
          </ButtonLink>
        ) : (
          <Button
            onClick={drawer.open}
            disabled={!started || status !== 'signed-in'}
            data-testid="what-happened"
            {...LOOK}
            c={started ? LOOK.c : 'dimmed'}
          >
            {t('watch.what_happened')}
          </Button>
        )}
        {(started || status !== 'signed-out') && (
          <Text size="sm" c="dimmed" className={`${classes.hint} tabular`}>
            {started
              ? t('watch.started_in', { duration: formatMicros(started.startupMs * 1000) })
              : t('watch.what_happened_hint')}
          </Text>
        )}
      </Group>
      {started && opened && status === 'signed-in' && (
        <Suspense>
          <PlayReportDrawer traceId={started.traceId} onClose={drawer.close} />
        </Suspense>
      )}
    </div>
  );
}

const LOOK = {
  variant: 'subtle',
  c: 'var(--link)',
  className: classes.button,
  leftSection: <IconActivityHeartbeat size={20} aria-hidden />,
} as const;
