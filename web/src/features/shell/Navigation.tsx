import {
  IconActivityHeartbeat,
  IconHome,
  IconMasksTheater,
  IconSchool,
  IconVideo,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/auth/session';
import { mayUpload } from '~/features/auth/roles';
import classes from './Shell.module.css';

const ITEMS = [
  { to: '/', key: 'home', icon: IconHome, exact: true, only: 'all' },
  { to: '/dramas', key: 'dramas', icon: IconMasksTheater, exact: false, only: 'all' },
  { to: '/courses', key: 'courses', icon: IconSchool, exact: false, only: 'all' },
  { to: '/studio', key: 'studio', icon: IconVideo, exact: false, only: 'creator' },
  {
    to: '/observatory',
    key: 'observatory',
    icon: IconActivityHeartbeat,
    exact: false,
    only: 'admin',
  },
] as const;

/** A rail at the side, a bar at the bottom of a phone. */
export function Navigation() {
  const { t } = useTranslation();
  const { account } = useSession();
  const visible = ITEMS.filter(
    (item) =>
      item.only === 'all' ||
      (item.only === 'creator' && mayUpload(account)) ||
      (item.only === 'admin' && account?.role === 'admin'),
  );
  return (
    <nav aria-label={t('app.main_nav')} className={classes.rail}>
      <ul>
        {visible.map(({ to, key, icon: Icon, exact }) => (
          <li key={to}>
            <Link to={to} activeOptions={{ exact }} className={classes.link}>
              <Icon size={21} stroke={1.7} aria-hidden />
              {t(`nav.${key}`)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
