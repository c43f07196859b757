import ts from 'typescript';
import { ancestors, calledName, funnelCallAt, walk } from './funnels';

/** Statements that change nothing for other sessions: reads, also those that lock rows until their transaction ends. */
const CHANGES =
  /\b(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|pg_notify|crewtab_delete_history|crewtab_delete_run_events|pg_advisory_lock|pg_try_advisory_lock)\b/;
const ROW_LOCK = /\bFOR (NO KEY )?(UPDATE|SHARE)\b/g;
const PRISMA_CHANGES = /^(create|update|delete|upsert|\$transaction|\$execute)/;

interface StoreQuery {
  readonly isEffect: boolean;
  /** The only effect of its function, whose port has a point before and after it; or part of a transaction. */
  readonly isCoveredByItsPort: boolean;
}

/** Null for a call that is no query. */
export function describeStoreQuery(checker: ts.TypeChecker, node: ts.CallExpression): StoreQuery | null {
  if (!isQuery(checker, node)) return null;
  const isEffect = changesSomething(checker, node);
  return { isEffect, isCoveredByItsPort: isEffect && (isInTransaction(node) || isOnlyEffect(checker, node)) };
}

function isQuery(checker: ts.TypeChecker, node: ts.CallExpression): boolean {
  const name = calledName(node);
  const file = checker.getResolvedSignature(node)?.declaration?.getSourceFile().fileName.replaceAll('\\', '/') ?? '';
  if (file.endsWith('libs/store-prisma/database/database.ts')) return name === 'query' || name === 'transaction';
  return isOfPrisma(node, file);
}

function isOfPrisma(node: ts.CallExpression, file: string): boolean {
  return (
    file.includes('/libs/store-prisma/generated/') || (file.includes('/@prisma/') && /^\w+\.|\$/.test(node.getText()))
  );
}

function changesSomething(checker: ts.TypeChecker, node: ts.CallExpression): boolean {
  const name = calledName(node);
  if (name === 'transaction') return true;
  if (name !== 'query') return PRISMA_CHANGES.test(name);
  const text = statementText(checker, node.arguments[0]);
  return text === null || CHANGES.test(text.replaceAll(ROW_LOCK, ''));
}

/** The whole source of the statement's constant; null where it is a parameter, and so may be anything. */
function statementText(checker: ts.TypeChecker, argument: ts.Expression | undefined): string | null {
  if (!argument) return null;
  if (ts.isObjectLiteralExpression(argument)) return argument.getText();
  let symbol = checker.getSymbolAtLocation(argument);
  if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
  const declaration = symbol?.valueDeclaration;
  if (ts.isConditionalExpression(argument)) {
    const both = [argument.whenTrue, argument.whenFalse].map((each) => statementText(checker, each));
    return both.includes(null) ? null : both.join(' ');
  }
  return declaration && ts.isVariableDeclaration(declaration) && declaration.initializer ? declaration.getText() : null;
}

/** In the work of a transaction, or in a function that is given its caller's session. */
function isInTransaction(node: ts.CallExpression): boolean {
  for (const outer of ancestors(node)) {
    if (ts.isCallExpression(outer) && /^\$?transaction$/.test(calledName(outer))) return true;
    if (ts.isFunctionLike(outer) && outer.parameters.some(({ type }) => type?.getText() === 'Session')) return true;
  }
  return false;
}

/** It has points of its own then. */
function isHandedToFunnel(node: ts.Node): boolean {
  return [...ancestors(node)].some((outer) => {
    const call = funnelCallAt(outer);
    return call !== null && call.name !== null && call.node !== node;
  });
}

function isOnlyEffect(checker: ts.TypeChecker, node: ts.CallExpression): boolean {
  const [body] = [...ancestors(node)].filter(
    (outer) => ts.isFunctionDeclaration(outer) || ts.isMethodDeclaration(outer),
  );
  if (!body) return false;
  const effects = [...walk(body)].filter(
    (each) =>
      ts.isCallExpression(each) &&
      isQuery(checker, each) &&
      changesSomething(checker, each) &&
      !isInTransaction(each) &&
      !isHandedToFunnel(each),
  );
  return effects.length === 1;
}
