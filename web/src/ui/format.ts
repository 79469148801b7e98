import { currentLanguage } from '~/i18n';

const KIB = 1024;
const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** `7:04`, `1:02:03`: the length of a video. */
export function formatClock(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const seconds = String(total % 60).padStart(2, '0');
  return hours > 0
    ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}`
    : `${minutes}:${seconds}`;
}

/** A measured time span in the unit that keeps three meaningful digits: `840 µs`, `12.3 ms`, `1.24 s`. */
export function formatMicros(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  const ms = us / 1000;
  if (ms < 1000) return `${number(ms, ms < 100 ? 1 : 0)} ms`;
  const seconds = ms / 1000;
  return seconds < 60 ? `${number(seconds, 2)} s` : formatClock(ms);
}

/** How long something will still take or takes in all, in words: `45 sec`, `3 min`, `1 hr 5 min`. */
export function formatAmountOfTime(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return unit(whole, 'second');
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return unit(minutes, 'minute');
  const rest = minutes % 60;
  const hours = unit(Math.floor(minutes / 60), 'hour');
  return rest === 0 ? hours : `${hours} ${unit(rest, 'minute')}`;
}

export function formatBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= KIB && step < BYTE_UNITS.length - 1) {
    value /= KIB;
    step += 1;
  }
  return `${number(value, step === 0 || value >= 100 ? 0 : 1)} ${BYTE_UNITS[step]}`;
}

export function formatPercent(share: number, digits = 0): string {
  return new Intl.NumberFormat(currentLanguage(), {
    style: 'percent',
    maximumFractionDigits: digits,
  }).format(share);
}

export function formatRate(perSecond: number): string {
  return number(perSecond, perSecond >= 100 ? 0 : perSecond >= 1 ? 1 : 2);
}

export function formatCount(value: number): string {
  return new Intl.NumberFormat(currentLanguage()).format(value);
}

export function formatDateTime(iso: string): string {
  return new Intl.DateTimeFormat(currentLanguage(), {
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(new Date(iso));
}

export function formatDate(iso: string): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'long' }).format(new Date(iso));
}

const AGES: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** `3 days ago`; under a minute, `now`. */
export function formatAge(iso: string, nowMs: number = Date.now()): string {
  const seconds = (nowMs - new Date(iso).getTime()) / 1000;
  const relative = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: 'auto' });
  for (const [name, length] of AGES) {
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), name);
  }
  return relative.format(0, 'second');
}

function number(value: number, digits: number): string {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value);
}

function unit(value: number, name: 'second' | 'minute' | 'hour'): string {
  return new Intl.NumberFormat(currentLanguage(), {
    style: 'unit',
    unit: name,
    unitDisplay: 'short',
  }).format(value);
}
