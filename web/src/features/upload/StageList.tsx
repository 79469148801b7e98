import { Title } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircle,
  IconCircleCheckFilled,
  IconProgress,
} from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { formatPercent } from '~/ui/format';
import type { UploadItem } from '~/upload/machine';
import { type Stage, stagesOf } from '~/upload/stages';
import classes from './UploadCard.module.css';

const ICONS = {
  done: IconCircleCheckFilled,
  active: IconProgress,
  waiting: IconCircle,
  failed: IconAlertTriangle,
} as const;

export function StageList({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  return (
    <section>
      <Title order={4} size="h3">
        {t('upload.stages')}
      </Title>
      <ol className={classes.stages}>
        {stagesOf(item).map((stage) => {
          const Icon = ICONS[stage.status];
          const partial = stage.status === 'active' && stage.share > 0;
          return (
            <li key={stage.key} className={classes.stage} data-status={stage.status}>
              <Icon size={19} aria-hidden />
              <StageName stage={stage} />
              <span className={classes.share}>
                {partial ? formatPercent(stage.share) : t(`upload.stage_${stage.status}`)}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function StageName({ stage }: { stage: Stage }) {
  const { t } = useTranslation();
  const name = stage.kind === 'rung' ? stage.detail : t(`upload.stage_${stage.kind}`);
  const suffix =
    stage.kind === 'audio' && stage.detail && stage.detail !== 'und' ? ` · ${stage.detail}` : '';
  return (
    <span className={classes.stageName}>
      {name}
      {suffix}
    </span>
  );
}
