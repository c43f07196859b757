import ts from 'typescript';

/** Calls that put a crash point before and after what is done in one of their arguments, and where their name stands. */
const NAME_AT: ReadonlyMap<string, number> = new Map([
  ['effect', 0],
  ['mutate', 0],
  ['removeTree', 0],
  ['transaction', 1],
]);

/** The one place each where the name is a parameter: the funnel itself. */
const FUNNEL_FILES =
  /libs\/(failpoints\/with-points|agent-files\/remove-tree|runtime-docker\/engine\/engine-client|store-prisma\/database\/database)\.ts$/;

export interface FunnelCall {
  readonly node: ts.CallExpression;
  /** Null: it has no name here. */
  readonly name: string | null;
}

/** The funnel call that this is, or null. */
export function funnelCallAt(node: ts.Node): FunnelCall | null {
  if (!ts.isCallExpression(node)) return null;
  const at = NAME_AT.get(calledName(node));
  if (at === undefined) return null;
  const name = node.arguments[at];
  return { node, name: name && ts.isStringLiteralLike(name) ? name.text : null };
}

/** Whether this source is one of those that hand on a name which they were given. */
export function isFunnelItself(path: string): boolean {
  return FUNNEL_FILES.test(path.replaceAll('\\', '/'));
}

/** `f` of `f(…)` and `a.b.f(…)`; empty for anything else. */
export function calledName(call: ts.CallExpression): string {
  const { expression } = call;
  if (ts.isIdentifier(expression)) return expression.text;
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : '';
}

/** Every node below, in source order. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  node.forEachChild((child) => void children.push(child));
  for (const child of children) yield* walk(child);
}

/** From its parent outward. */
export function* ancestors(node: ts.Node): Generator<ts.Node> {
  // The root has no parent, whatever its type says.
  for (let at = node.parent as ts.Node | undefined; at; at = at.parent as ts.Node | undefined) yield at;
}
