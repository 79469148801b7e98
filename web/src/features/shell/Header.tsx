import {
  ActionIcon,
  Group,
  Menu,
  Skeleton,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import {
  IconApi,
  IconCheck,
  IconLanguage,
  IconLogout,
  IconMoon,
  IconSun,
  IconUpload,
  IconUser,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Account, session, useSession } from '~/auth/session';
import { mayUpload } from '~/features/auth/roles';
import { currentLanguage, LANGUAGE_NAMES, LANGUAGES, switchLanguage } from '~/i18n';
import { Logo } from '~/ui/Logo';
import { ButtonLink } from '~/ui/links';
import classes from './Shell.module.css';

const BRAND = 'Amphi';

export function Header() {
  const { t } = useTranslation();
  const current = useSession();
  return (
    <header className={classes.header}>
      <Link to="/" className={classes.brand}>
        <Logo />
        {BRAND}
      </Link>
      <Group gap={4} wrap="nowrap">
        <LanguageMenu />
        <SchemeSwitch />
        {current.status === 'restoring' && <Skeleton circle height={34} mx={5} aria-hidden />}
        {current.status === 'signed-in' && (
          <>
            {mayUpload(current.account) && (
              <ButtonLink
                to="/upload"
                variant="filled"
                radius="xl"
                leftSection={<IconUpload size={18} aria-hidden />}
                visibleFrom="xs"
                ml={4}
              >
                {t('nav.upload')}
              </ButtonLink>
            )}
            <AccountMenu account={current.account} />
          </>
        )}
        {current.status === 'signed-out' && (
          <ButtonLink to="/login" variant="filled" radius="xl" ml={4}>
            {t('nav.sign_in')}
          </ButtonLink>
        )}
      </Group>
    </header>
  );
}

function SchemeSwitch() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('dark', { getInitialValueInEffect: false });
  const dark = scheme === 'dark';
  return (
    <ActionIcon
      aria-label={dark ? t('app.theme_to_light') : t('app.theme_to_dark')}
      onClick={() => setColorScheme(dark ? 'light' : 'dark')}
      c="var(--text)"
    >
      {dark ? (
        <IconSun size={21} stroke={1.7} aria-hidden />
      ) : (
        <IconMoon size={21} stroke={1.7} aria-hidden />
      )}
    </ActionIcon>
  );
}

function LanguageMenu() {
  const { t } = useTranslation();
  const active = currentLanguage();
  return (
    <Menu position="bottom-end" width={180}>
      <Menu.Target>
        <ActionIcon aria-label={t('app.language')} c="var(--text)">
          <IconLanguage size={21} stroke={1.7} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {LANGUAGES.map((language) => (
          <Menu.Item
            key={language}
            lang={language}
            mih={44}
            aria-current={language === active}
            rightSection={language === active ? <IconCheck size={16} aria-hidden /> : null}
            onClick={() => void switchLanguage(language)}
          >
            {LANGUAGE_NAMES[language]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function AccountMenu({ account }: { account: Account }) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon aria-label={t('app.account_menu')} radius="xl">
          <span className={classes.avatar} data-initials={initialsOf(account.name)} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: '0.5rem 0.75rem' }}>
          <Text fw={600}>{account.name}</Text>
          <Text size="sm" c="dimmed">
            {account.email}
          </Text>
        </div>
        <Menu.Divider />
        {mayUpload(account) && (
          <Menu.Item
            component={Link}
            to="/upload"
            mih={44}
            leftSection={<IconUpload size={18} aria-hidden />}
          >
            {t('nav.upload')}
          </Menu.Item>
        )}
        <Menu.Item
          component={Link}
          to="/account"
          mih={44}
          leftSection={<IconUser size={18} aria-hidden />}
        >
          {t('nav.account')}
        </Menu.Item>
        <Menu.Item
          component="a"
          href="/docs"
          mih={44}
          leftSection={<IconApi size={18} aria-hidden />}
        >
          {t('app.api')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          mih={44}
          leftSection={<IconLogout size={18} aria-hidden />}
          onClick={() => void session.signOut()}
        >
          {t('nav.sign_out')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** Two letters of a Latin name, the last two syllables of a Korean one: what people there would write on a badge. */
export function initialsOf(name: string): string {
  const trimmed = name.trim();
  if (/^[가-힣]+$/.test(trimmed)) return trimmed.slice(-2);
  const words = trimmed.split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : undefined]
    .map((word) => word?.[0] ?? '')
    .join('')
    .toUpperCase();
}
