/** What is said on stderr of what had not landed when somebody stopped waiting. */

export interface NotLanded {
  /** Of `accepted`. */
  readonly records: number;
  readonly accepted: number;
  /** Runs without their end. */
  readonly ends: number;
  readonly store: string;
  /** How long was waited, and what keeps the store from taking it, where these are worth telling. */
  readonly waitedMs: number | undefined;
  readonly why: string | undefined;
}

/** Nobody has it but this process. */
export function lostWords(what: NotLanded, recordsAreKept: boolean): string {
  const { records, accepted, ends, store } = what;
  if (records > 0)
    return `${records} of ${accepted} records had not landed in ${store}${within(what)} and are lost${because(what)}`;
  const rest = recordsAreKept ? '' : '; all records were';
  return `the end of ${runs(ends)} was not stored in ${store}${within(what)}${rest}${because(what)}`;
}

/** `folder`: of the journal that has it. */
export function keptWords(what: NotLanded, folder: string): string {
  const { records, accepted, ends, store } = what;
  const subjects = [
    ...(records > 0 ? [`${records} of ${accepted} records`] : []),
    ...(ends > 0 ? [`the end of ${runs(ends)}`] : []),
  ];
  const [is, it] = records === 0 && ends <= 1 ? ['it is', 'it'] : ['they are', 'them'];
  const next = `the next tracker with this uri sends ${it}, or ${syncCommand(folder)}`;
  const subject = subjects.join(' and ') || 'the start of a run';
  return `${subject} had not landed in ${store}${within(what)}; ${is} in the journal ${folder}: ${next}${because(what)}`;
}

/** Of a tracker that is offline: that is where records are meant to be. `uri`: no journal knows where they are to go. */
export function offlineWords(counts: { records: number; runs: number }, folder: string, needsUri: boolean): string {
  const { records } = counts;
  const what = `${records} ${records === 1 ? 'record' : 'records'} of ${runs(counts.runs)}`;
  return `${what} in the journal ${folder}; to send them: ${syncCommand(folder)}${needsUri ? ' --uri URI' : ''}`;
}

function syncCommand(folder: string): string {
  return `npx headrace sync ${/^[\w@%+=:,./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", `'\\''`)}'`}`;
}

function runs(count: number): string {
  return `${count} ${count === 1 ? 'run' : 'runs'}`;
}

function within({ waitedMs }: NotLanded): string {
  return waitedMs === undefined ? '' : ` within ${waitedMs} ms`;
}

function because({ why }: NotLanded): string {
  return why === undefined ? '' : `; the ${why}`;
}
