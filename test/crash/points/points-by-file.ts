import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { portEffects } from '../../../libs/failpoints/port-points';
import { ancestors, funnelCallAt, isFunnelItself, walk } from './funnels';
import { productSources, projectPath } from './product-sources';

/** Crash points by the files that they lie in: see `findPoints` for the points themselves. */
export function pointsByFile(): Map<string, ReadonlySet<string>> {
  return new Map(
    productSources().map((path) => [projectPath(path), pointsIn(path, readFileSync(path, 'utf8'))] as const),
  );
}

/**
 * The points that a source has: those of its own effects, and those of a port's method where it implements the port,
 * declares a function of the method's name, or calls the method on something that is named for the port.
 */
export function pointsIn(path: string, text: string): Set<string> {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const effects = new Set<string>();
  for (const node of walk(source)) {
    const funnel = isFunnelItself(path) ? null : funnelCallAt(node);
    if (funnel?.name) effects.add(funnel.name);
    for (const name of portEffectsAt(node)) effects.add(name);
  }
  return new Set([...effects].flatMap((name) => [`${name}:before`, `${name}:after`]));
}

interface PortEffect {
  /** As `run-store.claim`. */
  readonly name: string;
  readonly member: string;
  /** As `RunStore`. */
  readonly type: string;
  /** What holds one is called so: `hostStore`, `store`, `hosts`. */
  readonly holders: readonly string[];
}

const PORT_EFFECTS: readonly PortEffect[] = portEffects().map((name) => {
  const [port = '', member = ''] = name.split('.');
  const words = port.split('-');
  const type = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return {
    name,
    member,
    type,
    holders: [type.charAt(0).toLowerCase() + type.slice(1), words.at(-1) ?? '', `${words[0] ?? ''}s`],
  };
});

function portEffectsAt(node: ts.Node): string[] {
  if (ts.isFunctionDeclaration(node)) return namesOf(node.name?.text, () => true);
  if (ts.isClassDeclaration(node)) {
    const types = node.heritageClauses?.flatMap((clause) => clause.types.map(({ expression }) => expression.getText()));
    if (!types) return [];
    return node.members.flatMap(({ name }) => namesOf(name?.getText(), ({ type }) => types.includes(type)));
  }
  if (ts.isMethodDeclaration(node) && ts.isObjectLiteralExpression(node.parent)) {
    const type = returnTypeAround(node);
    return namesOf(node.name.getText(), (effect) => new RegExp(`\\b${effect.type}\\b`).test(type));
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
  const holder = lastName(node.expression.expression);
  return namesOf(node.expression.name.text, ({ holders }) => holders.includes(holder));
}

/** Of the function that makes the object. */
function returnTypeAround(node: ts.Node): string {
  for (const outer of ancestors(node))
    if (ts.isFunctionDeclaration(outer) || ts.isArrowFunction(outer)) return outer.type?.getText() ?? '';
  return '';
}

function namesOf(member: string | undefined, isWanted: (effect: PortEffect) => boolean): string[] {
  return PORT_EFFECTS.filter((effect) => effect.member === member && isWanted(effect)).map(({ name }) => name);
}

/** `store` of `this.deps.store`. */
function lastName(expression: ts.Expression): string {
  if (ts.isIdentifier(expression)) return expression.text;
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : '';
}
