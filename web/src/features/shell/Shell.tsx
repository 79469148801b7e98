import { Alert } from '@mantine/core';
import { useNetwork } from '@mantine/hooks';
import { IconWifiOff } from '@tabler/icons-react';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/auth/session';
import { Toasts, toast } from '~/ui/Toasts';
import { Header } from './Header';
import { Navigation } from './Navigation';
import classes from './Shell.module.css';
import { useThemeColour } from './theme-colour';

export function Shell() {
  useThemeColour();
  useEndOfSession();
  const { t } = useTranslation();
  const { online } = useNetwork();
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const firstPath = useRef(path);

  // A client-side navigation tells a screen reader nothing by itself: move the focus to the new page, before it is
  // painted, so that whoever presses Tab at once is not called back.
  useLayoutEffect(() => {
    if (firstPath.current === path) return;
    firstPath.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);

  return (
    <div className={classes.shell}>
      <a href="#content" className={classes.skip}>
        {t('app.skip')}
      </a>
      <Header />
      <Navigation />
      <main id="content" ref={main} tabIndex={-1} className={classes.main}>
        {!online && (
          <Alert
            icon={<IconWifiOff aria-hidden />}
            color="ember"
            variant="light"
            mb="md"
            role="status"
          >
            {t('app.offline')}
          </Alert>
        )}
        <Outlet />
      </main>
      <Toasts />
    </div>
  );
}

/** Nobody pressed "sign out", so nothing else would say why the page has changed. */
function useEndOfSession(): void {
  const { t } = useTranslation();
  const session = useSession();
  const refused = session.status === 'signed-out' && session.refused;
  useEffect(() => {
    if (refused) toast(t('auth.session_ended'), 'warn');
  }, [refused, t]);
}
