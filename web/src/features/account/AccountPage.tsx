import { Button, Group, Paper, SimpleGrid, Skeleton, Table, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconLogout } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { loginsQuery } from '~/api/queries';
import { type Account, session } from '~/auth/session';
import { SignInGate } from '~/features/auth/SignInGate';
import { formatDate, formatDateTime } from '~/ui/format';
import { PageHeader } from '~/ui/PageHeader';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { ScrollTable } from '~/ui/ScrollTable';
import classes from './AccountPage.module.css';
import { deviceOf } from './device';

export function AccountPage() {
  const { t } = useTranslation();
  usePageTitle(t('account.title'));
  return (
    <SignInGate title={t('account.sign_in_title')}>
      {(account) => (
        <>
          <PageHeader
            title={t('account.title')}
            actions={
              <Button
                variant="default"
                leftSection={<IconLogout size={18} aria-hidden />}
                onClick={() => void session.signOut()}
              >
                {t('nav.sign_out')}
              </Button>
            }
          />
          <Profile account={account} />
          <LoginHistory />
        </>
      )}
    </SignInGate>
  );
}

function Profile({ account }: { account: Account }) {
  const { t } = useTranslation();
  const facts = [
    [t('account.name'), account.name],
    [t('account.email'), account.email],
    [t('account.role'), t(`account.role_${account.role}`)],
    [t('account.since'), formatDate(account.created_at)],
  ] as const;
  return (
    <Paper component="section" className={classes.panel} aria-label={t('account.profile')}>
      <Title order={2} mb="md">
        {t('account.profile')}
      </Title>
      <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 4 }} className={classes.facts}>
        {facts.map(([label, value]) => (
          <div key={label}>
            <Text component="dt" size="sm" c="dimmed">
              {label}
            </Text>
            <Text component="dd" m={0} fw={600}>
              {value}
            </Text>
          </div>
        ))}
      </SimpleGrid>
    </Paper>
  );
}

function LoginHistory() {
  const { t } = useTranslation();
  const logins = useInfiniteQuery(loginsQuery());
  const items = logins.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Paper component="section" className={classes.panel} aria-label={t('account.logins')}>
      <Title order={2}>{t('account.logins')}</Title>
      <Text c="dimmed" size="sm" mb="md">
        {t('account.logins_lead')}
      </Text>
      {logins.error && (
        <ProblemAlert problem={logins.error} onRetry={() => void logins.refetch()} />
      )}
      {logins.isPending && <Skeleton h={160} />}
      {logins.isSuccess && items.length === 0 && <Text>{t('account.logins_empty')}</Text>}
      {items.length > 0 && (
        <ScrollTable label={t('account.logins')} minWidth="35rem" verticalSpacing="sm">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('account.column_when')}</Table.Th>
              <Table.Th>{t('account.column_outcome')}</Table.Th>
              <Table.Th>{t('account.column_device')}</Table.Th>
              <Table.Th>{t('account.column_ip')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((login) => (
              <Table.Tr key={login.id}>
                <Table.Td className="tabular">{formatDateTime(login.at)}</Table.Td>
                <Table.Td>
                  <Outcome outcome={login.outcome} />
                </Table.Td>
                <Table.Td title={login.user_agent ?? undefined}>
                  {deviceOf(login.user_agent) ?? t('account.unknown_device')}
                </Table.Td>
                <Table.Td className="mono">{login.ip}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ScrollTable>
      )}
      {logins.hasNextPage && (
        <Group justify="center" mt="md">
          <Button
            variant="default"
            loading={logins.isFetchingNextPage}
            onClick={() => void logins.fetchNextPage()}
          >
            {t('app.load_more')}
          </Button>
        </Group>
      )}
    </Paper>
  );
}

function Outcome({ outcome }: { outcome: string }) {
  const { t } = useTranslation();
  const succeeded = outcome === 'succeeded';
  return (
    <Group gap={6} wrap="nowrap" c={succeeded ? 'var(--ok)' : 'var(--hot)'} fw={600}>
      {succeeded ? (
        <IconCircleCheck size={17} aria-hidden />
      ) : (
        <IconAlertTriangle size={17} aria-hidden />
      )}
      {isKnown(outcome) ? t(`account.outcome_${outcome}`) : outcome.replaceAll('_', ' ')}
    </Group>
  );
}

const OUTCOMES = ['succeeded', 'wrong_password', 'locked', 'refresh_reused'] as const;

const isKnown = (outcome: string): outcome is (typeof OUTCOMES)[number] =>
  (OUTCOMES as readonly string[]).includes(outcome);
