/**
 * Environment variables with a type, as MLflow's client reads them. An empty one counts as not set: a shell or a
 * compose file passes on what it doesn't have that way. (MLflow's client dies of an empty number, and an empty
 * MLFLOW_TRACKING_SERVER_CERT_PATH makes it trust everybody.)
 */
import { OptionError, quote } from '../errors.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export function text(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}

export function flag(env: Environment, name: string, fallback: boolean): boolean {
  const value = text(env, name);
  if (value === undefined) return fallback;
  if (/^(?:true|1)$/i.test(value)) return true;
  if (/^(?:false|0)$/i.test(value)) return false;
  throw new OptionError({ option: name, received: quote(value), expected: 'true, false, 1 or 0' });
}

const DECIMAL = /^\s*\+?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*$/i;
const WHOLE = /^\s*\+?\d+\s*$/;

export interface Range {
  readonly least: number;
  readonly most: number;
}

export function number(env: Environment, name: string, range: Range): number | undefined {
  return read(env, name, DECIMAL, 'a number', range);
}

export function integer(env: Environment, name: string, range: Range): number | undefined {
  return read(env, name, WHOLE, 'a whole number', range);
}

function read(env: Environment, name: string, form: RegExp, kind: string, { least, most }: Range): number | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  const amount = form.test(value) ? Number(value) : Number.NaN;
  if (amount >= least && amount <= most) return amount;
  throw new OptionError({ option: name, received: quote(value), expected: `${kind} from ${least} to ${most}` });
}
