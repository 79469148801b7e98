import { IconVideoOff } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '~/auth/session';
import { EmptyState } from '~/ui/EmptyState';
import { mayUpload } from './roles';
import { SignInGate } from './SignInGate';

/** Shows its children to accounts that may upload, and tells the others why theirs may not, before they choose a file. */
export function CreatorGate({
  title,
  text,
  children,
}: {
  title: string;
  text?: string;
  children: (account: Account) => ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <SignInGate title={title} {...(text ? { text } : {})}>
      {(account) =>
        mayUpload(account) ? (
          children(account)
        ) : (
          <EmptyState
            headingOrder={1}
            icon={<IconVideoOff size={44} stroke={1.4} aria-hidden />}
            title={t('auth.creators_only_title')}
            text={t('auth.creators_only_text')}
          />
        )
      }
    </SignInGate>
  );
}
