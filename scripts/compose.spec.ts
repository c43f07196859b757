import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadYaml } from '@kubernetes/client-node';

interface Service {
  readonly command?: unknown;
  readonly entrypoint?: unknown;
  readonly healthcheck?: { readonly test?: unknown };
  readonly ports?: readonly string[];
}

const compose = loadYaml<{ readonly services: Readonly<Record<string, Service>> }>(
  readFileSync(join(__dirname, '../docker-compose.yml'), 'utf8'),
);
const services = Object.entries(compose.services);

/** What compose puts into the place of `${NAME…}` itself; `$$NAME` is left to a shell in the container. */
function substituted(words: unknown): string[] {
  const text = JSON.stringify(words ?? '').replaceAll('$$', '');
  return [...text.matchAll(/\$\{?([A-Z_]+)/g)].map(([, name = '']) => name);
}

describe('docker-compose.yml', () => {
  it('is read as a whole', () => {
    expect(services.map(([name]) => name)).toEqual(
      expect.arrayContaining(['postgres', 'redis', 'scheduler', 'worker']),
    );
  });

  it.each(services)(
    'puts no secret into an argument list, which every process of the machine can read: %s',
    (_, service) => {
      const { command, entrypoint, healthcheck } = service;
      const inArguments = [command, entrypoint, healthcheck?.test].flatMap(substituted);
      expect(inArguments.filter((name) => /PASSWORD|KEY|SECRET|_URL$/.test(name))).toEqual([]);
    },
  );

  it('opens neither Postgres nor Redis to the network of the machine', () => {
    for (const name of ['postgres', 'redis']) expect(compose.services[name]?.ports ?? []).toEqual([]);
  });
});
