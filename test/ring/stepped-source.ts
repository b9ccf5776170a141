/**
 * Shipped source, rewritten so that a scheduler decides when each access to shared memory happens: every
 * `Atomics` call, every element read or write of a shared view, and every `await` becomes a `yield` of
 * what is about to be done; functions that hold one become generators and calls to them `yield*`.
 * Nothing else is changed, so what the model steps is what users run.
 */
import { readFileSync } from 'node:fs';
import { type AnyNode, type MethodDefinition, type Program, parse } from 'acorn';
import { transform } from 'esbuild';

/** A source file, whole; or top-level constants and single methods of it, where the rest needs a store, a port or a pool. */
export interface Part {
  /** Below src/. */
  readonly path: string;
  readonly constants?: readonly string[];
  /** By class. The model's own values stand in for the fields that these methods use. */
  readonly methods?: Readonly<Record<string, readonly string[]>>;
}

/** A change of the shipped text, made before it is rewritten. */
export interface Edit {
  readonly path: string;
  /** Must stand in the file exactly once: a test must not go on with an edit that no longer edits. */
  readonly from: string;
  readonly to: string;
}

/** Names by which the shipped code calls views of shared memory. */
const SHARED_VIEWS = new Set(['words', 'doubles', 'bytes', 'target', 'source', 'signals']);

/** Native calls on a view that read or write many bytes: one step each. */
const VIEW_CALLS: Readonly<Record<string, string>> = { write: 'write', toString: 'text' };

export async function steppedSource(
  parts: readonly Part[],
  standIns: readonly string[],
  edits: readonly Edit[],
): Promise<string> {
  const texts = await Promise.all(parts.map((part) => plainText(part, edits)));
  const code = texts.join('\n');
  const program = parse(code, { ecmaVersion: 2024, sourceType: 'script', preserveParens: true });
  return new Rewrite(code, program, new Set(standIns)).done();
}

/** JavaScript of a part, without imports and exports: all parts share one scope. */
async function plainText(part: Part, edits: readonly Edit[]): Promise<string> {
  let source = readFileSync(new URL(`../../src/${part.path}`, import.meta.url), 'utf8');
  for (const { path, from, to } of edits) {
    if (path !== part.path) continue;
    if (source.split(from).length !== 2) throw new Error(`src/${path} does not hold exactly once: ${from}`);
    source = source.replace(from, () => to);
  }
  const { code } = await transform(source, {
    loader: 'ts',
    target: 'es2022',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  const program = parse(code, { ecmaVersion: 2024, sourceType: 'module' });
  if (part.constants !== undefined || part.methods !== undefined) return selected(code, program, part);
  return program.body
    .filter((statement) => statement.type !== 'ImportDeclaration')
    .map((statement) => {
      if (statement.type !== 'ExportNamedDeclaration') return textOf(code, statement);
      return statement.declaration ? textOf(code, statement.declaration) : '';
    })
    .join('\n');
}

function selected(code: string, program: Program, part: Part): string {
  const found: string[] = [];
  for (const name of part.constants ?? []) {
    const text = new RegExp(`^(?:export )?(const ${name} = [\\s\\S]*?;)$`, 'm').exec(code)?.[1];
    if (text === undefined) throw new Error(`src/${part.path} has no constant ${name}`);
    found.push(text);
  }
  for (const [className, names] of Object.entries(part.methods ?? {})) {
    const methods = methodsOf(program, className);
    const texts = names.map((name) => {
      const method = methods.get(name);
      if (method === undefined) throw new Error(`src/${part.path} has no method ${className}.${name}`);
      return textOf(code, method);
    });
    found.push(`class ${className} {\n  constructor(fields) { Object.assign(this, fields); }\n${texts.join('\n')}\n}`);
  }
  return found.join('\n');
}

function methodsOf(program: Program, className: string): Map<string, MethodDefinition> {
  const methods = new Map<string, MethodDefinition>();
  for (const statement of program.body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (declaration?.type !== 'ClassDeclaration' || declaration.id?.name !== className) continue;
    for (const member of declaration.body.body) {
      if (member.type === 'MethodDefinition' && member.key.type === 'Identifier') methods.set(member.key.name, member);
    }
  }
  return methods;
}

function textOf(code: string, node: AnyNode): string {
  return code.slice(node.start, node.end);
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

function childrenOf(node: AnyNode): AnyNode[] {
  return Object.values(node)
    .flat()
    .filter(isNode)
    .sort((a, b) => a.start - b.start);
}

/** The name of `name`, `this.name` or `a.b.name`. */
function lastName(node: AnyNode): string | undefined {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'MemberExpression' && !node.computed && node.property.type === 'Identifier') return node.property.name;
  return undefined;
}

class Rewrite {
  private readonly code: string;
  private readonly program: Program;
  /** Names of functions and methods that became generators, those that stand in for unshipped parts included. */
  private readonly stepped: Set<string>;
  private readonly steppedGetters = new Set<string>();

  constructor(code: string, program: Program, stepped: Set<string>) {
    this.code = code;
    this.program = program;
    this.stepped = stepped;
    // A function becomes a generator when one that it calls does, so until nothing changes any more.
    for (let before = -1; before !== this.stepped.size; ) {
      before = this.stepped.size;
      this.findStepped(program);
    }
  }

  done(): string {
    return this.text(this.program);
  }

  private findStepped(node: AnyNode): void {
    if (node.type === 'MethodDefinition' && node.kind !== 'constructor' && node.key.type === 'Identifier') {
      if (this.holdsStep(node.value.body)) {
        this.stepped.add(node.key.name);
        if (node.kind === 'get') this.steppedGetters.add(node.key.name);
      }
    } else if (node.type === 'FunctionDeclaration' && node.id !== null) {
      if (this.holdsStep(node.body)) this.stepped.add(node.id.name);
    }
    for (const child of childrenOf(node)) this.findStepped(child);
  }

  private holdsStep(node: AnyNode): boolean {
    if (node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression') {
      if (childrenOf(node).some((child) => this.holdsStep(child)))
        throw new Error(`a callback takes steps: ${textOf(this.code, node)}`);
      return false;
    }
    return this.isStep(node) || childrenOf(node).some((child) => this.holdsStep(child));
  }

  private isStep(node: AnyNode): boolean {
    return (
      node.type === 'AwaitExpression' ||
      this.isElement(node) ||
      this.isSteppedGet(node) ||
      (node.type === 'CallExpression' &&
        (this.isAtomics(node.callee) || this.isViewCall(node.callee) || this.isSteppedCall(node.callee)))
    );
  }

  private isElement(node: AnyNode): boolean {
    return node.type === 'MemberExpression' && node.computed && SHARED_VIEWS.has(lastName(node.object) ?? '');
  }

  private isSteppedGet(node: AnyNode): boolean {
    return node.type === 'MemberExpression' && this.steppedGetters.has(lastName(node) ?? '');
  }

  private isAtomics(callee: AnyNode): boolean {
    return callee.type === 'MemberExpression' && callee.object.type === 'Identifier' && callee.object.name === 'Atomics';
  }

  private isViewCall(callee: AnyNode): boolean {
    return (
      callee.type === 'MemberExpression' &&
      SHARED_VIEWS.has(lastName(callee.object) ?? '') &&
      (lastName(callee) ?? '') in VIEW_CALLS
    );
  }

  private isSteppedCall(callee: AnyNode): boolean {
    return this.stepped.has(lastName(callee) ?? '');
  }

  /** The node's text with its steps rewritten. */
  private text(node: AnyNode): string {
    switch (node.type) {
      case 'MethodDefinition':
        // Constructors run before the threads do.
        if (node.kind === 'constructor') return textOf(this.code, node);
        if (node.key.type !== 'Identifier' || !this.stepped.has(node.key.name)) break;
        return `*${node.key.name}${this.list(node.value.params)} ${this.text(node.value.body)}`;
      case 'FunctionDeclaration':
        if (node.id === null || !this.stepped.has(node.id.name)) break;
        return `function* ${node.id.name}${this.list(node.params)} ${this.text(node.body)}`;
      case 'AwaitExpression': {
        const { argument } = node;
        const isOurs = argument.type === 'CallExpression' && this.isSteppedCall(argument.callee);
        return isOurs ? this.text(argument) : `(yield ["await", ${this.text(argument)}])`;
      }
      case 'AssignmentExpression':
        if (node.left.type !== 'MemberExpression' || !this.isElement(node.left)) break;
        if (node.operator !== '=') throw new Error(`no rule for ${textOf(this.code, node)}`);
        return `(yield ["set", ${this.text(node.left.object)}, ${this.text(node.left.property)}, ${this.text(node.right)}])`;
      case 'UpdateExpression':
        if (this.isElement(node.argument)) throw new Error(`no rule for ${textOf(this.code, node)}`);
        break;
      case 'MemberExpression':
        if (this.isElement(node)) return `(yield ["get", ${this.text(node.object)}, ${this.text(node.property)}])`;
        if (this.isSteppedGet(node)) return `(yield* ${this.text(node.object)}.${lastName(node)}())`;
        break;
      case 'CallExpression': {
        const { callee } = node;
        const parameters = node.arguments.map((argument) => `, ${this.text(argument)}`).join('');
        if (callee.type === 'MemberExpression' && this.isAtomics(callee)) return `(yield ["${lastName(callee)}"${parameters}])`;
        if (callee.type === 'MemberExpression' && this.isViewCall(callee)) {
          return `(yield ["${VIEW_CALLS[lastName(callee) ?? '']}", ${this.text(callee.object)}${parameters}])`;
        }
        if (this.isSteppedCall(callee)) return `(yield* ${this.childText(node)})`;
        break;
      }
      default:
    }
    return this.childText(node);
  }

  private list(parameters: readonly AnyNode[]): string {
    return `(${parameters.map((parameter) => this.text(parameter)).join(', ')})`;
  }

  /** The node's own text with that of its children put in. */
  private childText(node: AnyNode): string {
    let text = '';
    let end = node.start;
    for (const child of childrenOf(node)) {
      // `{ a }` holds its one name as key and as value.
      if (child.start < end) continue;
      text += this.code.slice(end, child.start) + this.text(child);
      end = child.end;
    }
    return text + this.code.slice(end, node.end);
  }
}
