import { createRequire } from 'node:module';

/**
 * How the parsers are loaded: with the first file of their kind, in the middle of synchronous work. All
 * four would add 60 ms to the start of every worker.
 */
export const load: NodeJS.Require = createRequire(import.meta.url);
