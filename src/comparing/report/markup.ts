/** HTML that nothing of a run can break out of: what is put into `markup` is escaped, unless `markup` made it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** For text of ours alone: it is not escaped. */
export function raw(text: string): Markup {
  return new Markup(text);
}

type Part = Markup | string | number | readonly Markup[];

/** Values stand in text or in quoted attributes, never in a script, a style or the name of a tag. */
export function markup(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(literals.map((literal, index) => literal + partText(parts[index] ?? '')).join(''));
}

function partText(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('');
  return escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** NUL is an error in HTML, and marks that turn text round would let a value dress up its neighbours. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '').replace(/[\0\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
