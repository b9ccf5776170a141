/** One thing that was looked at. */
export interface Finding {
  /** `todo`: something must be done for headrace to work well; `note`: somebody should know. */
  readonly state: 'ok' | 'note' | 'todo';
  readonly what: string;
  /** What to do. */
  readonly remedy?: string | undefined;
}

export function ok(what: string): Finding {
  return { state: 'ok', what };
}

export function note(what: string, remedy?: string): Finding {
  return { state: 'note', what, remedy };
}

export function todo(what: string, remedy?: string): Finding {
  return { state: 'todo', what, remedy };
}
