import ts from 'typescript';

/** Where a piece of code stands in a text: from its first token to the end of its last one. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

interface Token extends Span {
  readonly text: string;
}

/** White space, comments and the comma before a closing bracket mean nothing; what is in strings and SQL is tokens too. */
const LEXEMES = /(\s+|\/\/[^\n]*|\/\*[^]*?\*\/)|[\p{L}_$][\p{L}\p{N}_$]*|\d+(?:_\d+)*|[^]/gu;
const STRING = /(['"])(?:\\.|(?!\1)[^\\\n])*\1/gu;

/**
 * Every place where `code` stands in `source`, compared token by token: how it is laid out, which quotes it has and what is
 * commented between does not matter.
 */
export function findCode(source: string, code: string): Span[] {
  const there = tokensOf(source);
  const wanted = tokensOf(code);
  const [first] = wanted;
  if (!first) throw new RangeError('no code to look for');
  return there.flatMap((token, at) => {
    const isHere = token.text === first.text && wanted.every(({ text }, index) => there[at + index]?.text === text);
    const last = there[at + wanted.length - 1];
    return isHere && last ? [{ from: token.from, to: last.to }] : [];
  });
}

/** The declarations of that name in a TypeScript or JavaScript source: functions, methods, classes, constants, types. */
export function findDeclarations(source: string, name: string): Span[] {
  if (!source.includes(name)) return [];
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.ESNext, true);
  const found: Span[] = [];
  const visit = (node: ts.Node): void => {
    if (declaredName(node) === name) found.push({ from: node.getStart(file), to: node.getEnd() });
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

function declaredName(node: ts.Node): string | null {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const isDeclaration =
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isClassDeclaration(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isPropertyAssignment(node);
  return isDeclaration && node.name && ts.isIdentifier(node.name) ? node.name.text : null;
}

/** All edits look through the same sources. */
const cached = new Map<string, readonly Token[]>();

function tokensOf(text: string): readonly Token[] {
  const known = cached.get(text) ?? split(text);
  cached.set(text, known);
  return known;
}

function split(text: string): Token[] {
  const tokens: Token[] = [];
  // A quote of another kind is the same string.
  const even = text.replace(STRING, (whole) => `"${whole.slice(1, -1).replaceAll('"', "'")}"`);
  for (const match of even.matchAll(LEXEMES)) {
    if (match[1] !== undefined) continue;
    const [lexeme] = match;
    if (/[)\]}]/.test(lexeme) && tokens.at(-1)?.text === ',') tokens.pop();
    tokens.push({ text: lexeme, from: match.index, to: match.index + lexeme.length });
  }
  return tokens;
}
