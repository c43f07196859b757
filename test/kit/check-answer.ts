import { deepStrictEqual } from 'node:assert';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { httpStatusOf, problemView } from '@crewtab/api-contract/problem';
import { errorCodesOf, patternOf, type Route } from '@crewtab/api-contract/route';
import { parseServerEvent, type ServerEvent } from '@crewtab/api-client/server-events';
import type { z } from 'zod';

export interface SeenAnswer {
  readonly method: string;
  /** With or without a query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  /** Of a stream: what came until it ended. */
  readonly text: string;
}

/**
 * Holds an answer of the API against its contract: status, type, and every field of the body, none more and none less.
 * @throws Error that names the route
 */
export function checkAnswer(answer: SeenAnswer): void {
  const route = routeOf(answer.method, answer.path);
  try {
    if (answer.status >= 400) checkProblem(answer, route);
    else if (route) checkSuccess(answer, route);
  } catch (error) {
    const name = route?.operationId ?? 'no route';
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${answer.method} ${answer.path} (${name}) was answered against its contract with ${answer.status}: ${words}\n${answer.text.slice(0, 2_000)}`,
      { cause: error },
    );
  }
}

/** `fetch` whose every answer is held against the contract. Streams are checked event by event where they are read. */
export const fetchChecked: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const contentType = response.headers.get('content-type') ?? '';
  const { pathname } = new URL(response.url);
  const text = contentType.startsWith('text/event-stream') ? '' : await response.clone().text();
  checkAnswer({ method: init?.method ?? 'GET', path: pathname, status: response.status, contentType, text });
  return response;
};

/** Holds one event of a stream against the contract. */
export function checkEvent(route: Route, { event, data }: ServerEvent): void {
  const view = route.answer.events?.[event];
  if (!view) throw new Error(`${route.operationId} has no event "${event}"`);
  checkView(view, data);
}

/** The route that answers; undefined for a path or a method that is none. A literal path goes before a pattern. */
export function routeOf(method: string, path: string): Route | undefined {
  const bare = path.split('?')[0] ?? '';
  const fitting = (allRoutes as readonly Route[]).filter(
    (route) => route.method === method.toLowerCase() && patternOf(route.path).test(bare),
  );
  return fitting.find((route) => route.path === bare) ?? fitting[0];
}

function checkSuccess({ status, contentType, text }: SeenAnswer, route: Route): void {
  const { answer } = route;
  if (answer.events && status === 204) return;
  const isPart = answer.isPartial === true && status === 206;
  if (status !== answer.status && !isPart) throw new Error(`its status is ${answer.status}`);
  const expected = answer.view ? 'application/json' : answer.events ? 'text/event-stream' : answer.contentType;
  if (expected === undefined) return deepStrictEqual(text, '');
  if (![expected].flat().some((type) => contentType.startsWith(type)))
    throw new Error(`its type is ${String(expected)}, not ${contentType}`);
  if (answer.view) checkView(answer.view, JSON.parse(text));
  if (answer.events) for (const event of eventsIn(text)) checkEvent(route, event);
}

function eventsIn(text: string): ServerEvent[] {
  return text.split('\n\n').flatMap((block) => parseServerEvent(block) ?? []);
}

/** Any path may be refused for want of a key, or not exist; `internal` is a fault, which tests look for themselves. */
const ALWAYS = ['internal', 'unauthorized', 'not_found', 'method_not_allowed', 'invalid_request', 'forbidden'];

function checkProblem({ status, contentType, text }: SeenAnswer, route: Route | undefined): void {
  if (!contentType.startsWith('application/problem+json')) throw new Error(`a problem is not ${contentType}`);
  const problem = JSON.parse(text) as z.input<typeof problemView>;
  checkView(problemView, problem);
  deepStrictEqual([problem.status, httpStatusOf(problem.code)], [status, status]);
  const codes = route ? errorCodesOf(route) : new Set(ALWAYS);
  if (problem.code !== 'internal' && !codes.has(problem.code))
    throw new Error(`${problem.code} is not among its errors`);
}

/** A view drops unknown fields when it parses, so what comes back must be what came. */
function checkView(view: z.ZodType, body: unknown): void {
  deepStrictEqual(view.parse(body), body);
}
