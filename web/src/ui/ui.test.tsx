import { fireEvent, screen } from '@testing-library/react';
import i18next from 'i18next';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProblemError } from '~/api/problem';
import { deviceOf } from '~/features/account/device';
import { nextSearchOf } from '~/features/auth/next';
import { initialsOf } from '~/features/shell/Header';
import { aVideo } from '../../tests/fixtures';
import { renderPage } from '../../tests/render';
import {
  formatAge,
  formatAmountOfTime,
  formatBytes,
  formatClock,
  formatMicros,
  formatPercent,
  formatRate,
} from './format';
import { MediaCard } from './MediaCard';
import { ProblemAlert } from './ProblemAlert';
import { StateBadge } from './StateBadge';

afterEach(async () => {
  await i18next.changeLanguage('en');
});

describe('formatters', () => {
  it.each([
    [0, '0:00'],
    [4_000, '0:04'],
    [424_000, '7:04'],
    [3_723_000, '1:02:03'],
    [59_600, '1:00'],
  ])('%i ms on a clock is %s', (ms, text) => expect(formatClock(ms)).toBe(text));

  it.each([
    [0, '0 µs'],
    [840, '840 µs'],
    [12_340, '12.3 ms'],
    [512_000, '512 ms'],
    [1_240_000, '1.24 s'],
    [90_000_000, '1:30'],
  ])('%i µs reads %s', (us, text) => expect(formatMicros(us)).toBe(text));

  it.each([
    [0, '0 B'],
    [1023, '1,023 B'],
    [1536, '1.5 KB'],
    [157_286_400, '150 MB'],
    [68_719_476_736, '64 GB'],
  ])('%i bytes read %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0.2, '1 sec'],
    [45, '45 sec'],
    [180, '3 min'],
    [3900, '1 hr 5 min'],
    [7200, '2 hr'],
  ])('%i seconds are %s', (seconds, text) => expect(formatAmountOfTime(seconds)).toBe(text));

  it('speak the language of the page', async () => {
    await i18next.changeLanguage('ko');
    expect(formatAmountOfTime(180)).toBe('3분');
    expect(formatAge('2026-01-01T00:00:00Z', Date.parse('2026-01-04T00:00:00Z'))).toBe('3일 전');
  });

  it('count age in whole units', () => {
    expect(formatAge('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:30Z'))).toBe('now');
    expect(formatAge('2026-01-01T00:00:00Z', Date.parse('2026-01-01T02:59:00Z'))).toBe(
      '2 hours ago',
    );
  });

  it('keep small shares and rates visible', () => {
    expect(formatPercent(0.00071, 2)).toBe('0.07%');
    expect(formatRate(0.034)).toBe('0.03');
    expect(formatRate(842.4)).toBe('842');
  });
});

describe('a problem', () => {
  const traced = (status: number, code: string) =>
    new ProblemError({ status, code, detail: 'x', trace_id: 'f'.repeat(32) });

  it('has its trace id to copy, for whoever looks into it', async () => {
    await renderPage(<ProblemAlert problem={traced(500, 'internal')} />);
    expect(screen.getByRole('button', { name: 'Copy trace id ffffffff…' })).toBeInTheDocument();
  });

  it('is told in our words alone where it is for the reader to mend', async () => {
    await renderPage(<ProblemAlert problem={traced(401, 'invalid_credentials')} />);
    expect(screen.getByRole('alert')).toHaveTextContent('Address or password is not right.');
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('falls back on the words of the server for a code we do not know', async () => {
    await renderPage(
      <ProblemAlert
        problem={new ProblemError({ status: 507, code: 'disk_full', detail: 'The disk is full.' })}
      />,
    );
    expect(screen.getByRole('alert')).toHaveTextContent('The disk is full.');
  });

  it('offers another try where there is one', async () => {
    const onRetry = vi.fn();
    await renderPage(<ProblemAlert problem={new ProblemError({ status: 0 })} onRetry={onRetry} />);
    screen.getByRole('button', { name: 'Try again' }).click();
    expect(onRetry).toHaveBeenCalledOnce();
  });
});

describe('a card', () => {
  it('keeps its face when its poster cannot be loaded', async () => {
    const { container } = await renderPage(
      <MediaCard video={aVideo({ poster_url: '/images/lost.jpg' })} />,
    );
    const picture = container.querySelector('img');
    expect(picture).toHaveAttribute('src', '/images/lost.jpg');
    if (picture) fireEvent.error(picture);
    expect(container.querySelector('img')).toBeNull();
    expect(screen.getByRole('link', { name: 'A walk along the harbour' })).toBeInTheDocument();
  });

  it('is one link that reads its title, with duration and progress in words', async () => {
    await renderPage(<MediaCard video={aVideo()} watched={0.5} />);
    const link = screen.getByRole('link', { name: 'A walk along the harbour' });
    expect(link).toHaveAttribute('href', '/watch/0190a000-0000-7000-8000-00000000aaaa');
    expect(screen.getAllByRole('link')).toHaveLength(1);
    expect(screen.getByText('Duration 1:00')).toBeInTheDocument();
    expect(screen.getByText('50% watched')).toBeInTheDocument();
  });

  it('says the state of what is not ready', async () => {
    await renderPage(<MediaCard video={aVideo({ state: 'viewable', progress: 0.62 })} />);
    expect(screen.getByText('Viewable')).toBeInTheDocument();
    expect(screen.getByText('62%')).toBeInTheDocument();
  });
});

it('a state is a word, not a colour alone', async () => {
  await renderPage(<StateBadge state="failed" />);
  expect(screen.getByText('Failed')).toBeInTheDocument();
});

describe('the way back after signing in', () => {
  it.each(['/studio', '/watch/x?format=hls'])('may be %s', (next) =>
    expect(nextSearchOf({ next })).toEqual({ next }),
  );

  it.each(['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', 7])(
    'may not be %s',
    (next) => {
      expect(nextSearchOf({ next })).toEqual({});
    },
  );
});

describe('a device', () => {
  it.each([
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36',
      'Chrome · Linux',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1',
      'Safari · iOS',
    ],
    ['amphi/0.1.0', 'amphi CLI'],
    ['Roku/DVP 9', 'Roku'],
  ])('is read out of %s', (agent, device) => expect(deviceOf(agent)).toBe(device));

  it('may be unknown', () => expect(deviceOf(null)).toBeNull());
});

it.each([
  ['Hana Kim', 'HK'],
  ['김하나', '하나'],
  ['Newcomer', 'N'],
  ['Jo van der Berg', 'JB'],
])('the badge of %s reads %s', (name, initials) => expect(initialsOf(name)).toBe(initials));
