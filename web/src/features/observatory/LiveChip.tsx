import { IconBroadcast, IconPlayerPause, IconPlugConnectedX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import classes from './ObservatoryPage.module.css';
import type { LiveState } from './use-live-map';

const ICONS = {
  live: IconBroadcast,
  reconnecting: IconPlugConnectedX,
  frozen: IconPlayerPause,
} as const;

export function LiveChip({ state }: { state: LiveState }) {
  const { t } = useTranslation();
  const Icon = ICONS[state];
  return (
    <span className={classes.live} data-state={state} role="status">
      <Icon size={18} aria-hidden />
      {t(`observatory.${state}`)}
    </span>
  );
}
