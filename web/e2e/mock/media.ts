import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Media {
  /** Holds `manifest.mpd`, `master.m3u8`, their segments and `poster-N.jpg`. */
  readonly folder: string;
  readonly durationMs: number;
  readonly posters: readonly string[];
}

const DURATION_S = 24;
const POSTER_COUNT = 8;

const POSTERS = [
  'gradients=s=960x540:c0=#0b1d51:c1=#ff7f22:c2=#5b2a86:n=3:seed=11',
  'mandelbrot=s=960x540:start_scale=0.9:start_x=-0.74:start_y=0.12',
  'gradients=s=960x540:c0=#06283d:c1=#20b8a6:c2=#dff6ff:n=3:seed=4',
  'gradients=s=960x540:c0=#2b0b3f:c1=#ff5c8a:c2=#ffb340:n=3:seed=8',
  'cellauto=s=960x540:rule=110:random_seed=7',
  'gradients=s=960x540:c0=#101820:c1=#437fff:c2=#9b6bff:n=3:seed=2',
  'life=s=240x135:mold=10:ratio=0.35:death_color=#0b1d51:life_color=#20b8a6:seed=3,scale=960:540:flags=neighbor',
  'gradients=s=960x540:c0=#200a0a:c1=#c92a2a:c2=#ff9f54:n=3:seed=5',
];

/** Two rungs of a moving test picture with sound, as DASH and HLS over the same segments; made once per machine. */
export async function makeMedia(): Promise<Media> {
  const folder = path.join(tmpdir(), 'amphi-mock-media');
  if (!existsSync(folder)) {
    const draft = `${folder}.${process.pid}`;
    await mkdir(draft, { recursive: true });
    await run('ffmpeg', [
      '-v',
      'error',
      '-y',
      '-f',
      'lavfi',
      '-i',
      `testsrc2=s=854x480:r=25:d=${DURATION_S}`,
      '-f',
      'lavfi',
      '-i',
      `sine=frequency=330:duration=${DURATION_S}`,
      '-map',
      '0:v',
      '-map',
      '0:v',
      '-map',
      '1:a',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-g',
      '50',
      '-keyint_min',
      '50',
      '-sc_threshold',
      '0',
      '-b:v:0',
      '900k',
      '-b:v:1',
      '300k',
      '-s:v:1',
      '426x240',
      '-c:a',
      'aac',
      '-b:a',
      '96k',
      '-f',
      'dash',
      '-seg_duration',
      '2',
      '-hls_playlist',
      '1',
      '-hls_master_name',
      'master.m3u8',
      '-adaptation_sets',
      'id=0,streams=v id=1,streams=a',
      path.join(draft, 'manifest.mpd'),
    ]);
    for (const [index, source] of POSTERS.entries()) {
      await run('ffmpeg', [
        '-v',
        'error',
        '-y',
        '-f',
        'lavfi',
        '-i',
        source,
        '-frames:v',
        '1',
        '-q:v',
        '3',
        path.join(draft, `poster-${index}.jpg`),
      ]);
    }
    await rename(draft, folder);
  }
  return {
    folder,
    durationMs: DURATION_S * 1000,
    posters: Array.from(
      { length: POSTER_COUNT },
      (_, index) => `/play/mock-token/poster-${index}.jpg`,
    ),
  };
}
