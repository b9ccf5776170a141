import { fileURLToPath } from 'node:url';

/** Programs of this suite, for `useChildren`. */
export const CHILDREN: string = fileURLToPath(new URL('children', import.meta.url));
