import { defaultOptions } from 'tus-js-client';

/** An upload begun earlier whose file this page no longer holds. */
export interface Unfinished {
  readonly key: string;
  readonly fingerprint: string;
  readonly name: string;
  readonly sizeBytes: number | null;
  readonly startedAt: string;
}

const PREFIX = 'amphi';

/** Recognises the same file chosen again, for the same account. */
export function fingerprintOf(
  file: Pick<File, 'name' | 'size' | 'lastModified'>,
  accountId: string,
): string {
  return [PREFIX, accountId, file.size, file.lastModified, encodeURIComponent(file.name)].join('|');
}

export async function findUnfinished(accountId: string): Promise<Unfinished[]> {
  const all = await defaultOptions.urlStorage.findAllUploads();
  const owned = `tus::${PREFIX}|${accountId}|`;
  return all
    .filter((upload) => upload.urlStorageKey.startsWith(owned))
    .map((upload) => ({
      key: upload.urlStorageKey,
      fingerprint: upload.urlStorageKey.split('::')[1] ?? '',
      name: upload.metadata.filename ?? '',
      sizeBytes: upload.size,
      startedAt: new Date(upload.creationTime).toISOString(),
    }));
}

export const forgetUnfinished = (key: string): Promise<void> =>
  defaultOptions.urlStorage.removeUpload(key);
