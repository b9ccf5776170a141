/** The commands, each loaded only when it is asked for: help should come at once. */
import type { Command } from './command.js';

export interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  runs: {
    summary: 'List runs: what varies among them, and what came of it',
    load: async () => (await import('./runs-command.js')).runsCommand,
  },
  show: {
    summary: 'Show one run: its params, its metrics, its tags',
    load: async () => (await import('./show-command.js')).showCommand,
  },
  compare: {
    summary: 'Compare runs: table, Markdown, CSV, JSON, or a page with pictures',
    load: async () => (await import('./compare-command.js')).compareCommand,
  },
  export: {
    summary: 'Print the configuration of a run: JSON, YAML, TOML, variables or arguments',
    load: async () => (await import('./export-command.js')).exportCommand,
  },
  exec: {
    summary: 'Run any command as a run',
    load: async () => (await import('./exec-command.js')).execCommand,
  },
  reproduce: {
    summary: 'Run a command with the configuration of an earlier run, and compare',
    load: async () => (await import('./reproduce-command.js')).reproduceCommand,
  },
  doctor: {
    summary: 'Look whether headrace can work here, and say what to do',
    load: async () => (await import('./doctor-command.js')).doctorCommand,
  },
  journal: {
    summary: 'List what is in journals on this machine and has not reached its store',
    load: async () => (await import('./journal-command.js')).journalCommand,
  },
  sync: {
    summary: 'Send it there',
    load: async () => (await import('./sync-command.js')).syncCommand,
  },
  completion: {
    summary: 'Print a script that completes commands and options in a shell',
    load: async () => (await import('./completion-command.js')).completionCommand,
  },
};
