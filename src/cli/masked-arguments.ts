/**
 * A command line without the secrets that show themselves: values of options and variables whose names end like those
 * of secrets, user and password of addresses, and Bearer and Basic headers. A secret under another name is not known
 * to be one.
 */
const NAMES =
  '(?:pass(?:word|wd|phrase)|pwd|secret|token|credentials?|authorization|(?:api|access|private|secret|auth|encryption)[_.-]?key)';
const VALUE = `"[^"]*"|'[^']*'|(?:(?:Bearer|Basic)\\s+)?[^\\s,;]*[^\\s,;"']`;
const OPTION: RegExp = new RegExp(`^--?[\\w.-]*${NAMES}$`, 'i');
const ASSIGNMENT: RegExp = new RegExp(`((?:^|[\\s,;{"'])-{0,2}[\\w.-]*${NAMES}["']?\\s*[=:]\\s*)(${VALUE})`, 'gi');
/** Within a text of several words, such as a script for a shell. */
const OPTION_IN_TEXT: RegExp = new RegExp(`(\\s--?[\\w.-]*${NAMES}\\s+)(${VALUE})`, 'gi');
/** With a password, up to the last @: who has one in it that is not written as %40 has it hidden, too. */
const USERINFO = /([a-z][a-z0-9+.-]*:\/\/)(?:[^/\s:@]*:\S*|[^/\s@]*)@/gi;
const HEADER = /\b((?:Bearer|Basic)\s+)\S+/gi;

const MASK = '…';

export function maskedArguments(words: readonly string[]): string[] {
  return words.map((word, index) => {
    const before = words[index - 1];
    if (before !== undefined && OPTION.test(before) && !word.startsWith('-')) return MASK;
    // A whole word is one value, whatever blanks are in it.
    const whole = /^(-{0,2}[\w.-]+=)/.exec(word)?.[1];
    if (whole !== undefined && OPTION.test(`--${whole.replace(/^-*/, '').slice(0, -1)}`)) return `${whole}${MASK}`;
    return word
      .replace(HEADER, `$1${MASK}`)
      .replace(ASSIGNMENT, `$1${MASK}`)
      .replace(OPTION_IN_TEXT, `$1${MASK}`)
      .replace(USERINFO, `$1${MASK}@`);
  });
}
