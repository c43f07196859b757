import ts from 'typescript';
import { ancestors, calledName, funnelCallAt, walk } from './funnels';
import { reasonForNone } from './no-effects';
import { projectPath } from './product-sources';
import { describeStoreQuery } from './store-queries';

/** A call that changes something outside of its process, with no crash point around it. */
export interface BareEffect {
  /** `libs/x/y.ts:12` */
  readonly at: string;
  readonly call: string;
}

/**
 * Looks at every call, and every `new`, whose callee is declared outside of this project (a package, Node itself): one that
 * answers with a promise, or belongs to files, processes, sockets or a client of a service, must be inside of a funnel, or
 * be listed as no effect with the reason. Queries of the store are judged by their statements. What is not listed is
 * an effect.
 */
export function findBareEffects(program: ts.Program, paths: readonly string[]): BareEffect[] {
  const checker = program.getTypeChecker();
  return paths.flatMap((path) => {
    const source = program.getSourceFile(path);
    if (!source) throw new Error(`${path} is not part of the program`);
    return [...walk(source)].flatMap((node) => {
      if (!isCallOrNew(node) || !isEffect(checker, node, projectPath(path)) || isInFunnel(node, source)) return [];
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const callee = node.expression.getText().replace(/\s+/g, '');
      return [{ at: `${projectPath(path)}:${line + 1}`, call: ts.isNewExpression(node) ? `new ${callee}` : callee }];
    });
  });
}

type CallOrNew = ts.CallExpression | ts.NewExpression;

function isCallOrNew(node: ts.Node): node is CallOrNew {
  return ts.isCallExpression(node) || ts.isNewExpression(node);
}

function isEffect(checker: ts.TypeChecker, node: CallOrNew, path: string): boolean {
  if (ts.isCallExpression(node) && path.startsWith('libs/store-prisma/')) {
    const query = describeStoreQuery(checker, node);
    if (query)
      return query.isEffect && !query.isCoveredByItsPort && reasonForNone('the store', calledName(node), path) === null;
  }
  const vendor = vendorOf(checker, node);
  if (vendor === null) return false;
  const isSuspect = vendor.isSideEffecting || answersWithPromise(checker, node);
  return isSuspect && reasonForNone(vendor.module, nameOfCall(checker, node), path) === null;
}

/** `f` of `f(…)` and `a.f(…)`, `super` of `super(…)`, `new X` of `new Y(…)` where `Y` is what this file calls `X`. */
function nameOfCall(checker: ts.TypeChecker, node: CallOrNew): string {
  if (ts.isNewExpression(node)) return `new ${checker.getTypeAtLocation(node).getSymbol()?.name ?? ''}`;
  return node.expression.kind === ts.SyntaxKind.SuperKeyword ? 'super' : calledName(node);
}

/** Node's modules in which a call may change something without answering with a promise. */
const SIDE_EFFECTING_MODULES =
  /^(fs|fs\/promises|child_process|cluster|dgram|http|http2|https|inspector\.generated|net|process|stream|tls|tty|worker_threads)$/;

/** Clients of services: they take callbacks too, and some begin to talk as soon as they are made. */
const SIDE_EFFECTING_PACKAGES = /^(bullmq|dockerode|ioredis|pg|pg-pool|undici-types)$/;

interface Vendor {
  /** A package, or a module of Node. */
  readonly module: string;
  /** Whether what it does is suspect even where it answers with no promise. */
  readonly isSideEffecting: boolean;
}

/** Null for this project's own functions, and for those of the language itself. */
function vendorOf(checker: ts.TypeChecker, node: CallOrNew): Vendor | null {
  const found = declarationsOf(checker, node).flatMap((declaration) => vendorAt(declaration.getSourceFile()) ?? []);
  return found.find(({ isSideEffecting }) => isSideEffecting) ?? found[0] ?? null;
}

/** A class may have no constructor to resolve to, or one that it inherits from elsewhere. */
function declarationsOf(checker: ts.TypeChecker, node: CallOrNew): ts.Declaration[] {
  const resolved = checker.getResolvedSignature(node)?.declaration;
  const made = ts.isNewExpression(node) ? (checker.getTypeAtLocation(node).getSymbol()?.declarations ?? []) : [];
  return [...(resolved ? [resolved] : []), ...made];
}

function vendorAt({ fileName }: ts.SourceFile): Vendor | null {
  const [, inPackages] = /.*\/node_modules\/(.+)$/.exec(fileName.replaceAll('\\', '/')) ?? [];
  if (inPackages === undefined || inPackages.startsWith('typescript/')) return null;
  const [, nodeModule] = /^@types\/node\/(.+?)\.d\.ts$/.exec(inPackages) ?? [];
  if (nodeModule !== undefined) return { module: nodeModule, isSideEffecting: SIDE_EFFECTING_MODULES.test(nodeModule) };
  const [scopeOrName = '', name = ''] = inPackages.replace(/^@types\//, '').split('/');
  const module = scopeOrName.startsWith('@') ? `${scopeOrName}/${name}` : scopeOrName;
  return { module, isSideEffecting: SIDE_EFFECTING_PACKAGES.test(module) };
}

function answersWithPromise(checker: ts.TypeChecker, node: CallOrNew): boolean {
  const type = checker.getTypeAtLocation(node);
  return (type.isUnion() ? type.types : [type]).some((each) => each.getProperty('then') !== undefined);
}

/**
 * Inside of a function that is handed to a funnel: literally, by the name of a constant, or as a function of this file
 * that is called from within funnels only.
 */
function isInFunnel(node: ts.Node, source: ts.SourceFile, seen: ReadonlySet<string> = new Set()): boolean {
  for (const outer of ancestors(node)) {
    const call = funnelCallAt(outer);
    if (call) {
      if (call.name !== null) return true;
      continue;
    }
    const name = nameOfFunction(outer);
    if (name === null || seen.has(name)) continue;
    const uses = usesOf(name, outer, source);
    if (uses.length > 0 && uses.every((use) => isInFunnel(use, source, new Set([...seen, name])))) return true;
  }
  return false;
}

function nameOfFunction(node: ts.Node): string | null {
  if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) && node.name && !isExported(node))
    return node.name.getText();
  const isFunction = ts.isArrowFunction(node) || ts.isFunctionExpression(node);
  return isFunction && ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : null;
}

/** What others may call can be called outside of a funnel. */
function isExported(node: ts.FunctionDeclaration | ts.MethodDeclaration): boolean {
  if (ts.isFunctionDeclaration(node))
    return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
  return !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
}

/** Of a method `this.name`, of a function `name`; not where it is declared. */
function usesOf(name: string, declaration: ts.Node, source: ts.SourceFile): ts.Node[] {
  const isMethod = ts.isMethodDeclaration(declaration);
  return [...walk(source)].filter((node) => {
    if (!ts.isIdentifier(node) || node.text !== name) return false;
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) return isMethod;
    return !isMethod && !(isDeclaration(parent) && parent.name === node);
  });
}

function isDeclaration(node: ts.Node): node is ts.NamedDeclaration {
  return ts.isFunctionDeclaration(node) || ts.isVariableDeclaration(node) || ts.isParameter(node);
}
