/** What a process that runs one scenario and the one that started it tell each other. */
import { once } from 'node:events';

export interface Order {
  readonly scenario: string;
  readonly input: unknown;
}

/** What a scenario may have the parent do to the way to the server. */
export type Wish = 'down' | 'up';

export type TellParent = (wish: Wish) => Promise<void>;

export type Reply = { readonly wish: Wish } | { readonly result: unknown } | { readonly error: string };

export const tellParent: TellParent = async (wish) => {
  const done = once(process, 'message');
  process.send?.({ wish } satisfies Reply);
  await done;
};
