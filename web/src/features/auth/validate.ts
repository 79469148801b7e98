/** Deliberately loose: the server and the mailbox decide; this only catches slips of the finger. */
export const looksLikeEmail = (value: string): boolean => /^[^\s@]+@[^\s@]+$/.test(value.trim());

export const PASSWORD_MIN_CHARS = 8;
