import { AppError } from '@crewtab/domain/errors';
import { hasLostConnection, isViolation, toStoreError, violationOf } from './store-errors';

function failing(properties: Record<string, unknown>, message = 'words of the driver'): Error {
  return Object.assign(new Error(message), properties);
}

describe('toStoreError', () => {
  it.each<[string, Error]>([
    ['a refused connection', failing({ code: 'ECONNREFUSED' })],
    ['all addresses refused', Object.assign(new AggregateError([failing({ code: 'ECONNREFUSED' })], ''), {})],
    ['a server that shuts down', failing({ code: '57P01' })],
    ['a server that is no primary any more', failing({ code: '25006' })],
    ['too many connections', failing({ code: '53300' })],
    ['a statement timeout', failing({ code: '57014' })],
    ['a deadlock', failing({ code: '40P01' })],
    ['no free connection', failing({}, 'timeout exceeded when trying to connect')],
    ['a broken connection', failing({}, 'Connection terminated unexpectedly')],
    ["Prisma's unreachable", failing({ code: 'P1001' })],
    [
      "an adapter's error inside Prisma's",
      failing({ code: 'P2010', meta: { driverAdapterError: failing({ cause: { kind: 'ConnectionClosed' } }) } }),
    ],
  ])('calls %s unreachable and worth trying again', (_what, error) => {
    expect(toStoreError(error)).toMatchObject({ code: 'store_unreachable', retryable: true, cause: error });
  });

  it('calls the rest internal, with the words of Postgres', () => {
    expect(toStoreError(failing({ code: '42601' }, 'syntax error'))).toMatchObject({
      code: 'internal',
      retryable: false,
      message: 'Postgres refused a statement: syntax error',
    });
    expect(toStoreError('odd')).toMatchObject({ code: 'internal' });
  });

  it('leaves an AppError as it is', () => {
    const error = new AppError('conflict', 'no');
    expect(toStoreError(error)).toBe(error);
  });
});

describe('hasLostConnection', () => {
  it('keeps a connection whose server answered', () => {
    expect(hasLostConnection(toStoreError(failing({ code: '57014' })))).toBe(false);
    expect(hasLostConnection(toStoreError(failing({ code: '40P01' })))).toBe(false);
    expect(hasLostConnection(toStoreError(failing({ code: '42601' })))).toBe(false);
    expect(hasLostConnection(toStoreError(failing({ code: '57P01' })))).toBe(true);
    expect(hasLostConnection(toStoreError(failing({ code: '25006' })))).toBe(true);
    expect(hasLostConnection(toStoreError(failing({ code: 'ECONNRESET' })))).toBe(true);
  });
});

describe('violations', () => {
  it('are known by their constraint, from pg and from Prisma', () => {
    expect(violationOf(failing({ code: '23505', constraint: 'runs_pkey' }))).toEqual({
      kind: 'unique',
      constraint: 'runs_pkey',
    });
    expect(violationOf(failing({ code: '42601' }))).toBeNull();
    expect(isViolation(failing({ code: 'P2003' }), 'foreign_key')).toBe(true);
    expect(isViolation(failing({ code: '23503' }), 'foreign_key')).toBe(true);
    expect(isViolation(failing({ code: '23503' }), 'unique')).toBe(false);
  });
});
