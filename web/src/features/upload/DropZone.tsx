import { Button, FileButton, Text, Title } from '@mantine/core';
import { IconCloudUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useEffectEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { aboutQuery } from '~/api/queries';
import { formatBytes } from '~/ui/format';
import classes from './DropZone.module.css';

const ACCEPT = 'video/*,audio/*,.mkv,.mov,.mts,.m2ts,.ts,.avi,.webm,.mxf';

/** Takes files dropped anywhere on the page, or chosen with the button. */
export function DropZone({
  onFiles,
  compact = false,
  invitation,
}: {
  onFiles: (files: File[]) => void;
  compact?: boolean;
  /** What it says instead of "drop videos here", as a heading, where it stands for an empty page. */
  invitation?: { title: string; text: string };
}) {
  const { t } = useTranslation();
  const about = useQuery(aboutQuery());
  const dragging = useWindowDrop(onFiles);
  return (
    <div
      className={classes.zone}
      data-dragging={dragging || undefined}
      data-compact={compact || undefined}
    >
      <IconCloudUpload size={compact ? 32 : 52} stroke={1.3} aria-hidden className={classes.icon} />
      <div className={classes.words}>
        {invitation && !dragging ? (
          <>
            <Title order={2}>{invitation.title}</Title>
            <Text c="dimmed">{invitation.text}</Text>
          </>
        ) : (
          <Text fw={700} size="lg">
            {dragging ? t('upload.drop_now') : t('upload.drop_title')}
          </Text>
        )}
        <Text c="dimmed">{t('upload.drop_text')}</Text>
        {about.data && (
          <Text c="dimmed" size="sm">
            {t('upload.limit', { size: formatBytes(about.data.upload_max_bytes) })}
          </Text>
        )}
      </div>
      <FileButton
        onChange={onFiles}
        accept={ACCEPT}
        multiple
        inputProps={{ 'aria-label': t('upload.choose') }}
      >
        {(props) => (
          <Button {...props} size="md" radius="xl">
            {t('upload.choose')}
          </Button>
        )}
      </FileButton>
    </div>
  );
}

function useWindowDrop(onFiles: (files: File[]) => void): boolean {
  const [dragging, setDragging] = useState(false);
  const drop = useEffectEvent((files: File[]) => onFiles(files));
  useEffect(() => {
    let depth = 0;
    const carriesFiles = (event: DragEvent): boolean =>
      event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth += 1;
      setDragging(true);
    };
    const leave = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setDragging(false);
    };
    const over = (event: DragEvent) => {
      if (carriesFiles(event)) event.preventDefault();
    };
    const dropped = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setDragging(false);
      drop([...(event.dataTransfer?.files ?? [])]);
    };
    const handlers = [
      ['dragenter', enter],
      ['dragleave', leave],
      ['dragover', over],
      ['drop', dropped],
    ] as const;
    for (const [name, handler] of handlers) addEventListener(name, handler);
    return () => {
      for (const [name, handler] of handlers) removeEventListener(name, handler);
    };
  }, []);
  return dragging;
}
