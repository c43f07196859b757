import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { portEffects } from '../../../libs/failpoints/port-points';
import { funnelCallAt, isFunnelItself, walk } from './funnels';
import { productSources, projectPath } from './product-sources';

/**
 * Every crash point of the product, read from its sources: the ports' effects, and each name that is handed to `effect`,
 * `mutate` or `transaction`. Sorted; two for each effect.
 */
export function findPoints(): string[] {
  return findEffectNames().flatMap((name) => [`${name}:before`, `${name}:after`]);
}

function findEffectNames(): string[] {
  const names = productSources().flatMap((path) => namesIn(path, readFileSync(path, 'utf8')));
  return [...new Set([...portEffects(), ...names])].sort();
}

/** @throws Error for a funnel whose name is not a literal: the sweep could not enumerate it */
function namesIn(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return [...walk(source)].flatMap((node) => {
    const call = funnelCallAt(node);
    if (!call || isFunnelItself(path)) return [];
    if (call.name !== null) return [call.name];
    // A transaction without a name is judged by the search for bare effects.
    if (call.node.arguments.length < 2) return [];
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    throw new Error(`${projectPath(path)}:${line + 1}: the name of a crash point must be a string literal`);
  });
}
