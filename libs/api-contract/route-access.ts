import { httpStatusOf } from './problem';
import { API_PATH, errorCodesOf, type Route } from './route';

/** What a valid request is answered with, by whose key comes with it. */
export interface RouteAccess {
  readonly none: number;
  readonly member: number;
  readonly admin: number;
  /** An admin key of an organization that does not own what the path names. */
  readonly other: number;
}

export function accessOf(route: Route): RouteAccess {
  const { status } = route.answer;
  const isOwned = Object.values(route.params ?? {}).some((param) => param.isOwned);
  return {
    none: route.role === 'public' ? status : 401,
    member: route.role === 'admin' ? 403 : status,
    admin: status,
    other: isOwned ? 404 : status,
  };
}

/** docs/api-routes.md: every route with who may ask it, and what it may be refused with. */
export function renderRoutesPage(routes: readonly Route[]): string {
  return `# Routes of the API

Written from the contract (\`libs/api-contract\`) by \`npm run api:routes\`; a test asks every route with every kind of key, and
compares. Bodies and answers are described at \`/api/docs\` of a running scheduler. Paths are below \`${API_PATH}\` unless they
begin elsewhere: \`(root)\`.

The status of a valid request, by the key that comes with it: none, one of a member, one of an admin, and an admin's of
another organization. Lists show each organization its own.

| route | what | none | member | admin | other | refused with |
| --- | --- | --- | --- | --- | --- | --- |
${routes.map(renderRow).join('\n')}
`;
}

function renderRow(route: Route): string {
  const { none, member, admin, other } = accessOf(route);
  const path = route.path.startsWith(`${API_PATH}/`) ? route.path.slice(API_PATH.length) : `${route.path} (root)`;
  const cells = [`${route.method.toUpperCase()} ${path}`, route.summary, none, member, admin, other, refusals(route)];
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
}

function refusals(route: Route): string {
  const codes = [...errorCodesOf(route)].sort((one, two) => httpStatusOf(one) - httpStatusOf(two));
  return codes.map((code) => `\`${code}\``).join(' ');
}
