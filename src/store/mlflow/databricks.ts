/**
 * `databricks` and `databricks://profile`, by the rules of Databricks' SDK, which MLflow's client asks: each value
 * of the environment wins over the one of the profile; the file is not looked into when the environment has
 * something and no profile was named. Personal access tokens only (and user with password): the other ways of
 * proving who one is need a browser, a cloud's own login, or a token that is fetched anew every hour.
 */
import { OptionError, quote } from '../../errors.js';
import { expandHome, inHome } from '../home.js';
import { type Environment, text } from '../variable.js';
import { basic, bearer, type Credentials } from './credentials.js';
import { readIniFile, type Section } from './ini-file.js';
import { parseServerAddress, shownAddress } from './server-address.js';

export interface DatabricksPlace {
  readonly url: string;
  readonly credentials: Credentials;
  readonly organization: string | undefined;
}

/** What the profile file calls a value, and its variable. */
const VARIABLES = {
  host: 'DATABRICKS_HOST',
  token: 'DATABRICKS_TOKEN',
  username: 'DATABRICKS_USERNAME',
  password: 'DATABRICKS_PASSWORD',
  workspace_id: 'DATABRICKS_WORKSPACE_ID',
  auth_type: 'DATABRICKS_AUTH_TYPE',
} as const;

type Name = keyof typeof VARIABLES;

/** The profile that stands for all when none is named, and the section that can name another one. */
const DEFAULT_PROFILE = 'DEFAULT';
const SETTINGS = '__settings__';

interface Profile {
  /** For messages: its name and file. */
  readonly source: string;
  readonly section: Section | undefined;
}

export function databricksPlace(uri: string, profileOfUri: string | undefined, env: Environment): DatabricksPlace {
  const named = profileOfUri ?? text(env, 'DATABRICKS_CONFIG_PROFILE');
  const given = (['host', 'token', 'username', 'password'] as const).some((name) => text(env, VARIABLES[name]) !== undefined);
  const { source, section } =
    named === undefined && given ? { source: '', section: undefined } : profile(named, profileOfUri, env);

  const value = (name: Name): string | undefined => text(env, VARIABLES[name]) ?? (section?.get(name) || undefined);
  const sourceOf = (name: Name): string => (text(env, VARIABLES[name]) === undefined ? `${name} of ${source}` : VARIABLES[name]);
  const refuse = (received: string): OptionError =>
    new OptionError({
      option: 'uri',
      received: `${quote(uri)}${source === '' ? '' : ` with ${source}`}, ${received}`,
      expected:
        'DATABRICKS_HOST and DATABRICKS_TOKEN (a personal access token) in the environment, or host and token in a profile of ~/.databrickscfg',
    });

  const host = value('host');
  if (host === undefined) throw refuse('which has no host');
  const address = parseServerAddress(host.includes('://') ? host : `https://${host}`);
  if (typeof address === 'string' || host.includes('@')) {
    throw new OptionError({
      option: sourceOf('host'),
      received: shownAddress(host),
      expected: `the address of a Databricks workspace, such as https://example.cloud.databricks.com${typeof address === 'string' ? `, ${address}` : ''}`,
    });
  }
  const way = value('auth_type');
  if (way !== undefined && way !== 'pat' && way !== 'basic') {
    throw refuse(`whose auth_type is ${quote(way)}, of which headrace knows only pat and basic`);
  }
  const token = way === 'basic' ? undefined : value('token');
  const [user, password] = way === 'pat' ? [] : [value('username'), value('password')];
  if (token === undefined && (user === undefined || password === undefined)) throw refuse('which has no token');
  return {
    url: address.url,
    credentials: token !== undefined ? bearer(token, sourceOf('token')) : basic({ user: user ?? '', password: password ?? '' }),
    organization: value('workspace_id'),
  };
}

function profile(named: string | undefined, profileOfUri: string | undefined, env: Environment): Profile {
  const chosen = text(env, 'DATABRICKS_CONFIG_FILE');
  const path = chosen === undefined ? inHome(env, '.databrickscfg') : expandHome(env, chosen);
  const file = readIniFile(path);
  // A named profile doesn't take what it lacks from DEFAULT: that one may lead to another workspace.
  const wanted = named ?? (file?.sections.get(SETTINGS)?.get('default_profile') || undefined);
  const name = wanted ?? DEFAULT_PROFILE;
  const section = name === SETTINGS ? undefined : name === DEFAULT_PROFILE ? file?.defaults : file?.sections.get(name);
  if (file === undefined) return { source: `no file ${path}`, section: undefined };
  if (wanted !== undefined && (section === undefined || section.size === 0)) {
    const names = [...file.sections.keys()].filter((each) => each !== SETTINGS);
    if (file.defaults.size > 0) names.unshift(DEFAULT_PROFILE);
    throw new OptionError({
      option:
        profileOfUri !== undefined ? 'uri' : named !== undefined ? 'DATABRICKS_CONFIG_PROFILE' : `default_profile of ${path}`,
      received: profileOfUri === undefined ? quote(name) : quote(`databricks://${name}`),
      expected: `a profile of ${path}, which has ${names.join(', ') || 'none'}`,
    });
  }
  return { source: `profile ${name} of ${path}`, section };
}
