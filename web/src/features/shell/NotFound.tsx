import { IconMasksTheater } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '~/ui/EmptyState';
import { ButtonLink } from '~/ui/links';
import { usePageTitle } from '~/ui/page-title';

/** Nothing at this address; `text` says what was looked for. */
export function NotFound({ text }: { text?: string }) {
  const { t } = useTranslation();
  usePageTitle(t('not_found.title'));
  return (
    <EmptyState
      headingOrder={1}
      icon={<IconMasksTheater size={48} stroke={1.4} aria-hidden />}
      title={t('not_found.title')}
      text={text ?? t('not_found.text')}
      action={<ButtonLink to="/">{t('not_found.home')}</ButtonLink>}
    />
  );
}
