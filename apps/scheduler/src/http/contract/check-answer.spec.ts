import { checkAnswer, checkEvent, fetchChecked, type SeenAnswer } from '@test/kit/check-answer';
import { streamRun } from '@crewtab/api-contract/run-routes';
import { startHttp } from '../http-fixture';

const team = {
  id: 't',
  name: 'x',
  description: null,
  network: { mode: 'none', hosts: [] },
  workspace: null,
  agents: [{ name: 'a', role: 'leader', protocol: 'acp', resources: { cpus: 1 } }],
  createdAt: '2026-01-05T09:00:00.000Z',
  updatedAt: '2026-01-05T09:00:00.000Z',
};
const problem = { type: 'urn:x', title: 'x', status: 404, detail: 'x', code: 'not_found' };

function seen(body: unknown, fields: Partial<SeenAnswer> = {}): SeenAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method: 'get', path: '/api/v1/teams/t', status: 200, contentType: 'application/json', text, ...fields };
}

const refused = (body: unknown, status = 404, path = '/api/v1/teams/t'): SeenAnswer =>
  seen(body, { status, path, contentType: 'application/problem+json; charset=utf-8' });

it('takes answers that are as the contract says', () => {
  for (const answer of [
    seen(team),
    seen({ items: [team], nextCursor: null }, { path: '/api/v1/teams?limit=1' }),
    seen('', { method: 'delete', status: 204, contentType: '' }),
    refused(problem),
    refused(problem, 404, '/api/v1/nowhere'),
  ])
    expect(() => checkAnswer(answer)).not.toThrow();
});

it.each<[string, SeenAnswer]>([
  ['an unknown field', seen({ ...team, colour: 'red' })],
  ['an unknown field far inside', seen({ ...team, agents: [{ ...team.agents[0], resources: { gpus: 1 } }] })],
  ['a field that is missing', seen({ ...team, network: undefined })],
  ['a field of another type', seen({ ...team, description: 5 })],
  ['another status', seen(team, { status: 201 })],
  ['another type', seen(team, { contentType: 'text/html' })],
  ['a body where none belongs', seen(team, { method: 'delete', status: 204 })],
  ['a problem that is none', refused({ code: 'not_found' })],
  ['a problem of another status', refused(problem, 409)],
  ['a code that the route does not name', refused({ ...problem, status: 409, code: 'team_in_use' }, 409)],
  ['a problem as plain JSON', seen(problem, { status: 404 })],
])('refuses %s', (_, answer) => {
  expect(() => checkAnswer(answer)).toThrow(/against its contract/);
});

it('refuses events that the contract does not name, or that are not as it says', () => {
  const event = {
    id: '1',
    event: 'message',
    data: { seq: 1, at: team.createdAt, agent: null, kind: 'prompt', content: {} },
  };
  expect(() => checkEvent(streamRun, event)).not.toThrow();
  expect(() => checkEvent(streamRun, { ...event, event: 'other' })).toThrow('has no event "other"');
  expect(() => checkEvent(streamRun, { ...event, data: { ...event.data, more: 1 } })).toThrow();
});

it('checks what fetch is answered', async () => {
  const http = await startHttp();
  const { port } = http.server.address() as { port: number };
  const response = await fetchChecked(`http://127.0.0.1:${port}/healthz`);
  expect(await response.json()).toMatchObject({ status: 'ok' });
  await http.app.close();
});
