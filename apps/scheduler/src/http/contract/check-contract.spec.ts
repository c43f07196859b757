import 'reflect-metadata';
import { Controller, Get } from '@nestjs/common';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { idOf } from '@crewtab/api-contract/fields';
import { defineRoute } from '@crewtab/api-contract/route';
import { httpControllers } from '../http';
import { checkContract } from './check-contract';
import { Route } from './route';

const shared = { method: 'get', tag: 'T', summary: 'S', answer: { status: 204, description: 'D' } } as const;
const route = defineRoute({ ...shared, path: '/api/v1/a', operationId: 'a', role: 'member' });

@Controller()
class Handles {
  @Route(route)
  a(): void {}
}

it('is kept by the controllers of the app', () => {
  expect(() => checkContract(httpControllers)).not.toThrow();
});

it('refuses a handler without a contract', () => {
  @Controller()
  class Bare {
    @Get('bare')
    bare(): void {}
  }
  expect(() => checkContract([Handles, Bare], [route])).toThrow('Bare.bare has no contract');
});

it('refuses a route without a handler, one with two, and a handler of a route that is not listed', () => {
  expect(() => checkContract([], [route])).toThrow('a has 0 handlers');
  expect(() => checkContract([Handles, Handles], [route])).toThrow('a has 2 handlers');
  expect(() => checkContract([Handles], [])).toThrow('a is not among all routes');
});

it('refuses parameters that are not those of the path, and a public route below the base path', () => {
  const params = { id: idOf('team') };
  const faulty = [
    defineRoute({ ...shared, path: '/api/v1/b/:other', operationId: 'b', role: 'member', params }),
    defineRoute({ ...shared, path: '/api/v1/c', operationId: 'c', role: 'public' }),
    defineRoute({ ...shared, path: '/d', operationId: 'd', role: 'admin' }),
  ];
  const check = () => checkContract([Handles], [route, ...faulty]);
  for (const fault of ['b has other parameters', 'c stands at the wrong path', 'd stands at the wrong path'])
    expect(check).toThrow(fault);
});

it('refuses two routes of one name or path', () => {
  const again = defineRoute({ ...shared, path: '/api/v1/a', operationId: 'a', role: 'member' });
  expect(() => checkContract([Handles], [route, again])).toThrow('a is there twice; get /api/v1/a is there twice');
});

it('lists literal paths before the patterns that match them too', () => {
  const names = allRoutes.map(({ operationId }) => operationId);
  expect(names.indexOf('previewCron')).toBeLessThan(names.indexOf('getSchedule'));
});
