export type StreamFormat = 'dash' | 'hls';

export function streamFormatOf(value: unknown): StreamFormat | undefined {
  return value === 'dash' || value === 'hls' ? value : undefined;
}
