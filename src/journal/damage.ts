import type { Skipped, SkipReason } from './segment-reader.js';

const MEANINGS: Readonly<Record<SkipReason, string>> = {
  torn: 'was being written when its process ended',
  damaged: 'is damaged',
  repeated: 'stands there twice',
  unknown: 'is of a kind that this version does not know',
  empty: 'is empty',
  truncated: 'ends within its header',
  version: 'is of another version of headrace',
  foreign: 'is no journal of this folder',
  unreadable: 'can not be read',
};

/** For a person: what of a journal was left out, and why. */
export function damage({ path, start, end, reason, detail }: Skipped): string {
  const bytes = end > start ? ` bytes ${start} to ${end}` : '';
  return `journal ${path}:${bytes} ${MEANINGS[reason]}${detail === undefined ? '' : ` (${detail})`}; skipped`.replace(
    /: {2}/,
    ': ',
  );
}
