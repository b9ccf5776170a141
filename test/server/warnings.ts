import { beforeAll, vi } from 'vitest';

/** For the top of a test file: what headrace warns of is kept and not shown. */
export function useWarnings(): { of(url: string): string[]; all(): string[] } {
  const texts: string[] = [];
  beforeAll(() => {
    const spy = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void texts.push(String(warning)));
    return () => spy.mockRestore();
  });
  return { of: (url) => texts.filter((text) => text.includes(url)), all: () => texts };
}
