import type { Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { API_PATH, type Route as Contract } from '@crewtab/api-contract/route';
import { AppError } from '@crewtab/domain/errors';
import { contractOf } from './route';

/**
 * Holds the controllers against the contract, at each start: every route has exactly one handler, every handler a route.
 * @throws AppError with every fault
 */
export function checkContract(controllers: readonly Type[], routes: readonly Contract[] = allRoutes): void {
  const handled: Contract[] = [];
  const faults: string[] = [];
  for (const controller of controllers) {
    for (const { name, method } of handlersOf(controller)) {
      const contract = contractOf(method);
      if (contract) handled.push(contract);
      else faults.push(`${controller.name}.${name} has no contract`);
    }
  }
  for (const route of new Set([...routes, ...handled])) {
    const handlers = handled.filter((contract) => contract === route).length;
    if (handlers !== 1) faults.push(`${route.operationId} has ${handlers} handlers`);
    if (!routes.includes(route)) faults.push(`${route.operationId} is not among all routes`);
  }
  faults.push(...routes.flatMap(faultsOf), ...repeated(routes.map(({ operationId }) => operationId)));
  faults.push(...repeated(routes.map(({ method, path }) => `${method} ${path}`)));
  if (faults.length > 0) throw new AppError('internal', `the API's contract is broken: ${faults.join('; ')}`);
}

function handlersOf({ prototype }: Type): { readonly name: string; readonly method: object }[] {
  const members = Object.entries(Object.getOwnPropertyDescriptors(prototype as object));
  return members.flatMap(([name, { value }]) =>
    typeof value === 'function' && Reflect.hasMetadata(METHOD_METADATA, value as object)
      ? [{ name, method: value as object }]
      : [],
  );
}

function faultsOf({ operationId, path, params = {}, role, opensSession }: Contract): string[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const named = Object.keys(params);
  return [
    ...(inPath.join() === named.join() ? [] : [`${operationId} has other parameters than its path`]),
    // Keys are checked for everything below this path, save where a session begins, and for nothing else.
    ...((role === 'public' && !opensSession) === path.startsWith(`${API_PATH}/`)
      ? [`${operationId} stands at the wrong path`]
      : []),
  ];
}

function repeated(names: readonly string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} is there twice`);
}
