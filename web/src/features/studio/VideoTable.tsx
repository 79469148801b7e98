import { ActionIcon, CopyButton, Group, Text, VisuallyHidden } from '@mantine/core';
import {
  IconCheck,
  IconEye,
  IconEyeOff,
  IconLink,
  IconLock,
  IconPencil,
  IconTrash,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { isViewable } from '~/features/watch/use-video';
import { formatClock, formatDateTime } from '~/ui/format';
import { Poster } from '~/ui/Poster';
import { StateBadge } from '~/ui/StateBadge';
import { watchUrl } from '~/ui/watch-url';
import classes from './VideoTable.module.css';

const VISIBILITY_ICONS = { public: IconEye, unlisted: IconEyeOff, private: IconLock } as const;

/** A table on a wide screen, a list of cards on a phone: the same rows, laid out by CSS. */
export function VideoTable({
  videos,
  onEdit,
  onDelete,
}: {
  videos: readonly Video[];
  onEdit: (video: Video) => void;
  onDelete: (video: Video) => void;
}) {
  const { t } = useTranslation();
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">{t('studio.column_video')}</th>
          <th scope="col">{t('studio.column_state')}</th>
          <th scope="col">{t('studio.column_visibility')}</th>
          <th scope="col">{t('studio.column_created')}</th>
          <th scope="col">
            <VisuallyHidden>{t('studio.column_actions')}</VisuallyHidden>
          </th>
        </tr>
      </thead>
      <tbody>
        {videos.map((video) => (
          <VideoRow
            key={video.id}
            video={video}
            onEdit={() => onEdit(video)}
            onDelete={() => onDelete(video)}
          />
        ))}
      </tbody>
    </table>
  );
}

function VideoRow({
  video,
  onEdit,
  onDelete,
}: {
  video: Video;
  onEdit: () => void;
  onDelete: () => void;
}) {
  const { t } = useTranslation();
  const { title } = video;
  const VisibilityIcon = VISIBILITY_ICONS[video.visibility];
  return (
    <tr>
      <td className={classes.cell}>
        <div className={classes.video}>
          <div className={classes.picture}>
            <Poster id={video.id} url={video.poster_url} />
          </div>
          <div>
            <Link
              to="/watch/$videoId"
              params={{ videoId: video.id }}
              className={classes.title}
              preload={isViewable(video.state) ? 'intent' : false}
            >
              {title}
            </Link>
            <Text size="sm" c="dimmed" className="tabular">
              {[
                video.duration_ms !== null && formatClock(video.duration_ms),
                video.height !== null && `${video.height}p`,
              ]
                .filter(Boolean)
                .join(' · ')}
            </Text>
          </div>
        </div>
      </td>
      <td>
        <StateBadge state={video.state} progress={video.progress} />
        {video.state_reason && (
          <Text size="sm" c="var(--hot)" mt={4} maw="22rem">
            {video.state_reason}
          </Text>
        )}
      </td>
      <td>
        <Group gap={6} wrap="nowrap">
          <VisibilityIcon size={17} aria-hidden />
          {t(`video.visibility_${video.visibility}`)}
        </Group>
      </td>
      <td className={`${classes.created} tabular`}>{formatDateTime(video.created_at)}</td>
      <td>
        <Group gap={0} wrap="nowrap" justify="flex-end">
          <CopyButton value={watchUrl(video.id)}>
            {({ copied, copy }) => (
              <ActionIcon
                aria-label={copied ? t('app.copied') : t('studio.copy_link_of', { title })}
                onClick={copy}
                c="var(--text)"
              >
                {copied ? <IconCheck size={19} aria-hidden /> : <IconLink size={19} aria-hidden />}
              </ActionIcon>
            )}
          </CopyButton>
          <ActionIcon
            aria-label={t('studio.edit_video', { title })}
            onClick={onEdit}
            c="var(--text)"
          >
            <IconPencil size={19} aria-hidden />
          </ActionIcon>
          <ActionIcon
            aria-label={t('studio.delete_video', { title })}
            onClick={onDelete}
            c="var(--hot)"
          >
            <IconTrash size={19} aria-hidden />
          </ActionIcon>
        </Group>
      </td>
    </tr>
  );
}
