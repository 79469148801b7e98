import { Button, CopyButton, Group, Paper, Progress, Text, Title } from '@mantine/core';
import {
  IconCheck,
  IconLink,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerPlayFilled,
  IconRefresh,
  IconX,
} from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { notePlayIntent } from '~/player/play-intent';
import { formatAmountOfTime, formatBytes, formatPercent } from '~/ui/format';
import { ButtonLink } from '~/ui/links';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { watchUrl } from '~/ui/watch-url';
import { isReceived, secondsLeft, speedOf, type UploadItem } from '~/upload/machine';
import { uploads } from '~/upload/manager';
import { StageList } from './StageList';
import classes from './UploadCard.module.css';
import { VideoDetailsForm } from './VideoDetailsForm';

const PHASE_COLOURS: Partial<Record<UploadItem['phase'], string>> = {
  failed: 'var(--hot)',
  ready: 'var(--ok)',
};

export function UploadCard({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const { video } = item;
  const viewable = item.phase === 'viewable' || item.phase === 'ready';
  return (
    <Paper
      component="article"
      className={classes.card}
      aria-label={item.name}
      data-phase={item.phase}
    >
      <Group justify="space-between" align="flex-start" gap="xs">
        <div className={classes.words}>
          <Title order={3}>{item.name}</Title>
          <Text
            size="sm"
            c={PHASE_COLOURS[item.phase] ?? 'var(--accent-text)'}
            fw={600}
            role="status"
          >
            {t(`upload.phase_${item.phase}`)}
          </Text>
        </div>
        <TransferButtons item={item} />
      </Group>
      {!isReceived(item) && <Transfer item={item} />}
      {item.problem && <ProblemAlert problem={item.problem} />}
      {video?.state === 'failed' && (
        <ProblemAlert problem={new Error(video.state_reason ?? t('problem.unknown'))} />
      )}
      <div className={classes.columns}>
        {video && item.phase !== 'failed' && (
          <VideoDetailsForm
            video={video}
            onSaved={(saved) => uploads.noteVideo(item.id, { ...saved, state: video.state })}
          />
        )}
        <StageList item={item} />
      </div>
      {item.videoId && item.phase !== 'failed' && (
        <Group gap="sm" mt="md">
          {viewable && (
            <ButtonLink
              to="/watch/$videoId"
              params={{ videoId: item.videoId }}
              onClick={() => notePlayIntent(item.videoId ?? '')}
              leftSection={<IconPlayerPlayFilled size={17} aria-hidden />}
            >
              {t('upload.watch_now')}
            </ButtonLink>
          )}
          <CopyButton value={watchUrl(item.videoId)}>
            {({ copied, copy }) => (
              <Button
                variant="default"
                leftSection={
                  copied ? <IconCheck size={17} aria-hidden /> : <IconLink size={17} aria-hidden />
                }
                onClick={copy}
              >
                {copied ? t('app.copied') : t('upload.copy_link')}
              </Button>
            )}
          </CopyButton>
          {video?.visibility === 'private' && (
            <Text size="sm" c="dimmed">
              {t('upload.private_link')}
            </Text>
          )}
        </Group>
      )}
    </Paper>
  );
}

function Transfer({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const share = item.sizeBytes === 0 ? 0 : item.sentBytes / item.sizeBytes;
  const speed = speedOf(item);
  const left = secondsLeft(item);
  const facts = [
    t('upload.transferred', {
      done: formatBytes(item.sentBytes),
      total: formatBytes(item.sizeBytes),
    }),
    speed === null ? null : t('upload.speed', { size: formatBytes(speed) }),
    left === null ? null : t('upload.eta', { duration: formatAmountOfTime(left) }),
  ];
  return (
    <div className={classes.transfer}>
      <Progress.Root size="md">
        <Progress.Section
          value={share * 100}
          color={item.phase === 'failed' ? 'red' : 'ember.5'}
          aria-label={t('upload.progress_label', { name: item.name })}
          aria-valuetext={formatPercent(share)}
        />
      </Progress.Root>
      <Text size="sm" c="dimmed" className="tabular" mt={4}>
        {facts.filter(Boolean).join(' · ')}
      </Text>
    </div>
  );
}

function TransferButtons({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const { id, name, phase } = item;
  const transferring = phase === 'uploading' || phase === 'creating' || phase === 'queued';
  return (
    <Group gap={4}>
      {transferring && (
        <Button
          variant="default"
          leftSection={<IconPlayerPause size={17} aria-hidden />}
          aria-label={t('upload.pause_file', { name })}
          onClick={() => uploads.pause(id)}
        >
          {t('upload.pause')}
        </Button>
      )}
      {phase === 'paused' && (
        <Button
          leftSection={<IconPlayerPlay size={17} aria-hidden />}
          aria-label={t('upload.resume_file', { name })}
          onClick={() => uploads.resume(id)}
        >
          {t('upload.resume')}
        </Button>
      )}
      {phase === 'failed' && item.problem && (
        <Button
          leftSection={<IconRefresh size={17} aria-hidden />}
          aria-label={t('upload.retry_file', { name })}
          onClick={() => uploads.resume(id)}
        >
          {t('app.retry')}
        </Button>
      )}
      <Button
        variant="subtle"
        c="var(--text-dim)"
        leftSection={<IconX size={17} aria-hidden />}
        aria-label={
          isReceived(item) ? t('upload.dismiss_file', { name }) : t('upload.cancel_file', { name })
        }
        onClick={() => (isReceived(item) ? uploads.dismiss(id) : void uploads.cancel(id))}
      >
        {isReceived(item) ? t('upload.dismiss') : t('upload.cancel')}
      </Button>
    </Group>
  );
}
