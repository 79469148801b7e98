/** Random lower-case hex; never all zeros, which W3C Trace Context §3.2.2 calls invalid. */
function randomHex(bytes: number): string {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  if (values.every((value) => value === 0)) values[0] = 1;
  return Array.from(values, (value) => value.toString(16).padStart(2, '0')).join('');
}

export const newTraceId = (): string => randomHex(16);
export const newSpanId = (): string => randomHex(8);
