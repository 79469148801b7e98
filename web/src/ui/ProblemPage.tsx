import { Stack, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ProblemAlert } from './ProblemAlert';

/** A page that could not be shown: what went wrong, said once, under the page's own heading. */
export function ProblemPage({ problem, onRetry }: { problem: Error; onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <Stack>
      <Title order={1}>{t('problem.title')}</Title>
      <ProblemAlert problem={problem} title={null} onRetry={onRetry} />
    </Stack>
  );
}
