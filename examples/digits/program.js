// @ts-check
import { SettingsError } from './settings.js';

/**
 * Runs a program, and says why it failed.
 * @param {string} name
 * @param {() => Promise<void>} main
 */
export async function runProgram(name, main) {
  try {
    await main();
  } catch (error) {
    // What the person can mend needs no stack: settings, and what headrace says of the database or the options.
    const expected =
      error instanceof SettingsError || (error instanceof Error && 'code' in error && String(error.code).startsWith('HEADRACE_'));
    console.error(expected && error instanceof Error ? `${name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
