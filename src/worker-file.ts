/**
 * The pool's worker. In `src` itself, as the build puts the files that it makes there and the path counts from
 * there. From source (tests): the bundle that the test setup makes.
 */
export const WORKER_FILE: URL = new URL(
  import.meta.url.endsWith('.ts') ? '../.test-workers/lane.js' : '../workers/lane.js',
  import.meta.url,
);
