import { Skeleton, Title } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { useRouterState } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemError } from '~/api/problem';
import { type Account, session, useSession } from '~/auth/session';
import { EmptyState } from '~/ui/EmptyState';
import { ButtonLink } from '~/ui/links';
import { ProblemAlert } from '~/ui/ProblemAlert';

/** Shows its children to a signed-in account; everybody else is asked in, and brought back here afterwards. */
export function SignInGate({
  title,
  text,
  headingOrder = 1,
  children,
}: {
  title: string;
  text?: string;
  headingOrder?: 1 | 2;
  children: (account: Account) => ReactNode;
}) {
  const { t } = useTranslation();
  const current = useSession();
  const here = useRouterState({ select: (state) => state.location.href });
  if (current.status === 'restoring' && current.delayed)
    return (
      <>
        <Title order={headingOrder} mb="md">
          {t('auth.delayed_title')}
        </Title>
        <ProblemAlert
          title={null}
          problem={new ProblemError({ status: 503, code: 'sign_in_delayed' })}
          onRetry={() => void session.renewNow()}
        />
      </>
    );
  if (current.status === 'restoring')
    return <Skeleton h={240} radius="lg" aria-label={t('app.loading')} />;
  if (current.status === 'signed-in') return children(current.account);
  return (
    <EmptyState
      headingOrder={headingOrder}
      icon={<IconLock size={44} stroke={1.4} aria-hidden />}
      title={title}
      {...(text ? { text } : {})}
      action={
        <ButtonLink to="/login" search={{ next: here }}>
          {t('nav.sign_in')}
        </ButtonLink>
      }
    />
  );
}
