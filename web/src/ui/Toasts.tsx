import { CloseButton } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import classes from './Toasts.module.css';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'ok' | 'warn';
}

/** Long enough to read two lines at leisure. */
const SHOWN_MS = 6000;
const SHOWN_AT_ONCE = 3;

let shown: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

/** Says what has happened where the page itself no longer shows it: after a dialog closed, or without anybody's doing. */
export function toast(text: string, tone: Toast['tone'] = 'ok'): void {
  if (shown.some((one) => one.text === text)) return;
  lastId += 1;
  const id = lastId;
  set([...shown, { id, text, tone }].slice(-SHOWN_AT_ONCE));
  setTimeout(() => dismiss(id), SHOWN_MS);
}

export function Toasts() {
  const { t } = useTranslation();
  const toasts = useSyncExternalStore(subscribe, () => shown);
  return (
    // Always there: a screen reader announces what is added to a region it knows.
    <div className={classes.stack} role="status">
      {toasts.map(({ id, text, tone }) => (
        <div key={id} className={classes.toast} data-tone={tone}>
          {tone === 'ok' ? (
            <IconCircleCheck size={20} aria-hidden className={classes.icon} />
          ) : (
            <IconAlertTriangle size={20} aria-hidden className={classes.icon} />
          )}
          <span className={classes.text}>{text}</span>
          <CloseButton aria-label={t('app.close')} onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}

function dismiss(id: number): void {
  if (shown.some((one) => one.id === id)) set(shown.filter((one) => one.id !== id));
}

function set(next: readonly Toast[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
