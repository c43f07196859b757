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
 * Looks at every call whose callee is declared outside of this project (a package, Node itself): one that answers with a
 * promise, or belongs to files, processes or sockets, must be inside of a funnel, or be listed as no effect with the
 * reason. Queries of the store are judged by their statements. What nobody has listed is an effect.
 */
export function findBareEffects(program: ts.Program, paths: readonly string[]): BareEffect[] {
  const checker = program.getTypeChecker();
  return paths.flatMap((path) => {
    const source = program.getSourceFile(path);
    if (!source) throw new Error(`${path} is not part of the program`);
    return [...walk(source)].flatMap((node) => {
      if (!ts.isCallExpression(node) || !isEffect(checker, node, projectPath(path)) || isInFunnel(node, source))
        return [];
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const call = node.expression.getText().replace(/\s+/g, '');
      return [{ at: `${projectPath(path)}:${line + 1}`, call }];
    });
  });
}

function isEffect(checker: ts.TypeChecker, node: ts.CallExpression, path: string): boolean {
  if (path.startsWith('libs/store-prisma/')) {
    const query = describeStoreQuery(checker, node);
    if (query)
      return query.isEffect && !query.isCoveredByItsPort && reasonForNone('the store', calledName(node), path) === null;
  }
  const vendor = vendorOf(checker, node);
  if (vendor === null) return false;
  const isSuspect = vendor.isSideEffecting || answersWithPromise(checker, node);
  return isSuspect && reasonForNone(vendor.module, calledName(node), path) === null;
}

/** Node's modules in which a call may change something without answering with a promise. */
const SIDE_EFFECTING = /^(fs|fs\/promises|child_process|net|process)$/;

/** Null for this project's own functions, and for those of the language itself. */
function vendorOf(
  checker: ts.TypeChecker,
  node: ts.CallExpression,
): { readonly module: string; readonly isSideEffecting: boolean } | null {
  const file = checker.getResolvedSignature(node)?.declaration?.getSourceFile().fileName.replaceAll('\\', '/');
  const [, inPackages] = /.*\/node_modules\/(.+)$/.exec(file ?? '') ?? [];
  if (inPackages === undefined || inPackages.startsWith('typescript/')) return null;
  const [, nodeModule] = /^@types\/node\/(.+?)\.d\.ts$/.exec(inPackages) ?? [];
  if (nodeModule !== undefined) return { module: nodeModule, isSideEffecting: SIDE_EFFECTING.test(nodeModule) };
  const [scopeOrName = '', name = ''] = inPackages.replace(/^@types\//, '').split('/');
  return { module: scopeOrName.startsWith('@') ? `${scopeOrName}/${name}` : scopeOrName, isSideEffecting: false };
}

function answersWithPromise(checker: ts.TypeChecker, node: ts.CallExpression): boolean {
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
