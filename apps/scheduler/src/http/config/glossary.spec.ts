import type { getGlossary } from '@crewtab/api-contract/service-routes';
import { ERROR_CODES } from '@crewtab/domain/errors';
import { RUN_PHASES } from '@crewtab/domain/runs/run';
import type { RouteAnswer } from '../contract/route';
import { KEYS, startHttp, type HttpFixture } from '../http-fixture';

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
afterAll(() => http.app.close());

it('explains every phase and every code, to members too', async () => {
  const { body } = await http.call('get', '/api/v1/glossary', KEYS.member).expect(200);
  const { sections } = body as RouteAnswer<typeof getGlossary>;
  const codes = sections.flatMap(({ entries }) => entries.map(({ code }) => code));
  expect(codes).toEqual(expect.arrayContaining(RUN_PHASES.map((phase) => `phase-${phase}`)));
  const statuses = ['cancelled', 'missed', 'timeout'];
  expect(Object.keys(ERROR_CODES).filter((code) => !codes.includes(code) && !statuses.includes(code))).toEqual([]);
  const [entry] = sections.flatMap(({ entries }) => entries.filter(({ code }) => code === 'agent_error'));
  expect(entry).toEqual({
    ...{ code: 'agent_error', name: 'agent_error' },
    ...{ meaning: expect.any(String) as string, advice: expect.any(String) as string },
  });
});
