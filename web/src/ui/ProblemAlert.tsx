import { Alert, Button, CopyButton, Group, Text } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconCopy, IconRefresh } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { ProblemError } from '~/api/problem';
import { useProblemText } from './problem-text';

/** What the visitor typed was refused: they can mend it, and no operator has anything to look up. */
const VISITORS_OWN: ReadonlySet<number> = new Set([400, 401, 422]);

/** A failure in words, inline where it happened, with the trace id that lets an operator look it up. */
export function ProblemAlert({
  problem,
  title,
  onRetry,
}: {
  problem: Error;
  /** null where a heading beside it says so already. */
  title?: string | null;
  onRetry?: (() => void) | undefined;
}) {
  const { t } = useTranslation();
  const text = useProblemText(problem);
  const traceId =
    problem instanceof ProblemError && !VISITORS_OWN.has(problem.status) ? problem.traceId : null;
  return (
    <Alert
      role="alert"
      icon={<IconAlertTriangle aria-hidden />}
      title={title === undefined ? t('problem.title') : title}
      styles={{
        root: { background: 'var(--hot-soft)', border: '1px solid var(--hot)' },
        title: { color: 'var(--hot)' },
        icon: { color: 'var(--hot)' },
        message: { color: 'var(--text)' },
      }}
    >
      <Text size="sm">{text}</Text>
      {(traceId || onRetry) && (
        <Group gap="xs" mt="sm">
          {onRetry && (
            <Button
              size="sm"
              variant="default"
              leftSection={<IconRefresh size={16} aria-hidden />}
              onClick={onRetry}
            >
              {t('app.retry')}
            </Button>
          )}
          {traceId && (
            <CopyButton value={traceId}>
              {({ copied, copy }) => (
                <Button
                  size="sm"
                  variant="subtle"
                  color="gray"
                  c="var(--text-dim)"
                  leftSection={
                    copied ? (
                      <IconCheck size={16} aria-hidden />
                    ) : (
                      <IconCopy size={16} aria-hidden />
                    )
                  }
                  onClick={copy}
                >
                  {copied ? t('app.copied') : t('problem.trace', { id: traceId.slice(0, 8) })}
                </Button>
              )}
            </CopyButton>
          )}
        </Group>
      )}
    </Alert>
  );
}
