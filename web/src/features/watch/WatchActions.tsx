import { ActionIcon, Button, CopyButton, Group, Menu } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconCheck, IconKeyboard, IconLink, IconSettings } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import type { Video } from '~/api/client';
import { notePlayIntent } from '~/player/play-intent';
import type { StreamFormat } from '~/player/stream-format';
import { watchUrl } from '~/ui/watch-url';

const HotkeyDialog = lazy(() =>
  import('./HotkeyDialog').then((module) => ({ default: module.HotkeyDialog })),
);

const FORMATS = ['dash', 'hls'] as const;

export function WatchActions({ video, format }: { video: Video; format: StreamFormat }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [keysOpened, keys] = useDisclosure(false);
  const choose = (chosen: StreamFormat) => {
    notePlayIntent(video.id);
    void navigate({
      to: '.',
      search: (before) => ({ ...before, format: chosen }),
      replace: true,
      resetScroll: false,
    });
  };
  return (
    <Group gap={4}>
      <CopyButton value={watchUrl(video.id)}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            radius="xl"
            leftSection={
              copied ? <IconCheck size={18} aria-hidden /> : <IconLink size={18} aria-hidden />
            }
            onClick={copy}
          >
            {copied ? t('app.copied') : t('watch.share')}
          </Button>
        )}
      </CopyButton>
      <Menu position="bottom-end" width={200}>
        <Menu.Target>
          <ActionIcon aria-label={t('watch.settings')} c="var(--text)">
            <IconSettings size={22} stroke={1.7} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t('watch.format')}</Menu.Label>
          {FORMATS.map((one) => (
            <Menu.Item
              key={one}
              mih={44}
              aria-current={one === format}
              rightSection={one === format ? <IconCheck size={16} aria-hidden /> : null}
              onClick={() => choose(one)}
            >
              {t(`watch.format_${one}`)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <ActionIcon
        aria-label={t('watch.hotkeys')}
        onClick={keys.open}
        c="var(--text)"
        visibleFrom="sm"
      >
        <IconKeyboard size={22} stroke={1.7} aria-hidden />
      </ActionIcon>
      {keysOpened && (
        <Suspense>
          <HotkeyDialog onClose={keys.close} />
        </Suspense>
      )}
    </Group>
  );
}
