import { ClusterRefusal, refusalOf } from './cluster-errors';

describe('an answer of the API server that is no success', () => {
  const answer = (statusCode: number, message: string) => refusalOf(statusCode, JSON.stringify({ message }), 'answer');

  it.each([
    [503, 'etcdserver: leader changed'],
    [401, 'Unauthorized'],
    // Of one that starts, which has not read its roles yet.
    [
      403,
      'pods is forbidden: User "system:serviceaccount:a:b" cannot list resource "pods" in API group "" in the namespace "a"',
    ],
  ])('is passing: %i %s', (statusCode, message) => {
    expect(answer(statusCode, message)).toMatchObject({ code: 'engine_unreachable', retryable: true });
  });

  it.each([
    [403, 'pods "x" is forbidden: exceeded quota: small'],
    [403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'],
    [409, 'pods "x" already exists'],
    [422, 'Pod "x" is invalid'],
  ])('is a refusal: %i %s', (statusCode, message) => {
    expect(answer(statusCode, message)).toBeInstanceOf(ClusterRefusal);
  });
});
