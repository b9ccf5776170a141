/**
 * Files as Python's configparser reads them, at its defaults: `=` or `:`, option names in any case, whole lines
 * of comment after # or ;, no comment behind a value, values that go on in lines indented deeper, and a section
 * DEFAULT. No message shows anything of a line: it may be the password.
 */
import { existsSync, readFileSync } from 'node:fs';
import { OptionError } from '../../errors.js';

/** Options of one section: names in lower case. */
export type Section = ReadonlyMap<string, string>;

export interface IniFile {
  readonly path: string;
  readonly sections: ReadonlyMap<string, Section>;
  readonly defaults: Section;
}

/** Undefined: there is no such file. */
export function readIniFile(path: string): IniFile | undefined {
  if (!existsSync(path)) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw refuse(path, error instanceof Error ? error.message : String(error), 'a file that can be read');
  }
  return parseIni(text, path);
}

function parseIni(text: string, path: string): IniFile {
  const sections = new Map<string, Map<string, string>>();
  const defaults = new Map<string, string>();
  let section: Map<string, string> | undefined;
  let option: string | undefined;
  let indent = 0;

  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const at = `line ${index + 1}`;
    const content = line.trim();
    if (/^[#;]/.test(content)) continue;
    if (content === '') {
      append(section, option, '');
      continue;
    }
    const depth = line.search(/\S/);
    if (option !== undefined && depth > indent) {
      append(section, option, content);
      continue;
    }
    indent = depth;
    const header = /^\[(.+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      if (sections.has(header)) throw refuse(path, `${at}: a section for the second time`, 'each section once');
      section = header === 'DEFAULT' ? defaults : new Map();
      if (section !== defaults) sections.set(header, section);
      option = undefined;
      continue;
    }
    if (section === undefined) throw refuse(path, `${at}, which is in no section`, 'a [section] before the first option');
    const [, name, value] = /^([^=:]*)[=:](.*)$/s.exec(content) ?? [];
    if (name === undefined || value === undefined || name.trim() === '') {
      throw refuse(path, `${at}, which is neither a [section] nor name = value`, 'name = value');
    }
    option = name.trim().toLowerCase();
    if (section.has(option)) throw refuse(path, `${at}: an option for the second time in its section`, 'each option once');
    section.set(option, value.trim());
  }
  for (const each of [defaults, ...sections.values()]) {
    for (const [name, value] of each) each.set(name, value.trimEnd());
  }
  return { path, sections, defaults };
}

function append(section: Map<string, string> | undefined, option: string | undefined, line: string): void {
  if (section === undefined || option === undefined) return;
  section.set(option, `${section.get(option) ?? ''}\n${line}`);
}

const MAX_DEPTH = 10;

/** The option's value with `%(name)s` filled in and `%%` as one; undefined when section or option is missing. */
export function iniValue(file: IniFile, sectionName: string, option: string): string | undefined {
  const section = file.sections.get(sectionName);
  if (section === undefined) return undefined;
  const find = (name: string): string | undefined => section.get(name) ?? file.defaults.get(name);
  const expand = (text: string, depth: number): string => {
    const wrong = (what: string): OptionError =>
      refuse(
        file.path,
        `${what} in the value of ${option}`,
        '%% for a % of the value, or %(name)s for the value of another option',
      );
    if (depth > MAX_DEPTH) throw wrong('options that refer to each other');
    return text.replace(/%(%|\(([^)]+)\)s)?/g, (_, token: string | undefined, name: string | undefined) => {
      if (token === undefined) throw wrong('a single %');
      if (name === undefined) return '%';
      const value = find(name.toLowerCase());
      if (value === undefined) throw wrong('a reference to an option that is not there');
      return expand(value, depth + 1);
    });
  };
  const raw = find(option);
  return raw === undefined ? undefined : expand(raw, 1);
}

function refuse(path: string, received: string, expected: string): OptionError {
  return new OptionError({ option: path, received, expected });
}
