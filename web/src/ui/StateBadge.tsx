import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCloudUpload,
  IconEyeCheck,
  IconLoader2,
  IconPencil,
  IconZoomScan,
} from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { formatPercent } from './format';
import classes from './StateBadge.module.css';

const LOOKS = {
  draft: { icon: IconPencil, tone: 'dim' },
  uploading: { icon: IconCloudUpload, tone: 'active' },
  inspecting: { icon: IconZoomScan, tone: 'active' },
  encoding: { icon: IconLoader2, tone: 'active' },
  viewable: { icon: IconEyeCheck, tone: 'active' },
  ready: { icon: IconCircleCheck, tone: 'ok' },
  failed: { icon: IconAlertTriangle, tone: 'hot' },
} as const;

/** Icon, word and colour together, so that none of them carries the meaning alone. */
export function StateBadge({ state, progress }: { state: Video['state']; progress?: number }) {
  const { t } = useTranslation();
  const { icon: Icon, tone } = LOOKS[state];
  const showsProgress =
    progress !== undefined &&
    (state === 'encoding' || state === 'viewable' || state === 'uploading');
  return (
    <span className={classes.badge} data-tone={tone} data-state={state}>
      <Icon size={15} aria-hidden stroke={2} />
      {t(`video.state_${state}`)}
      {showsProgress && <span className="tabular">{formatPercent(progress)}</span>}
    </span>
  );
}
