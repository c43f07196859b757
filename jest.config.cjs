'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const swc = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    target: 'es2023',
    keepClassNames: true,
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
  swcrc: false,
};

/** Packages that are published as ES modules only: Jest on Node 20 cannot require() them, so SWC rewrites them. */
const esmOnly = [
  '@nestjs',
  'file-type',
  'strtok3',
  'token-types',
  'uint8array-extras',
  '@tokenizer',
  '@borewit',
  'iterare',
  'uid',
  '@agentclientprotocol',
  'proxy-chain',
  'socks-proxy-agent',
  'agent-base',
  '@kubernetes/client-node',
  'openid-client',
  'oauth4webapi',
  'jose',
];

const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: { '^.+\\.[cm]?[jt]s$': ['@swc/jest', swc] },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  moduleNameMapper: { '^@crewtab/(.*)$': '<rootDir>/libs/$1', '^@test/(.*)$': '<rootDir>/test/$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.crewtab/'],
  restoreMocks: true,
  setupFilesAfterEnv: ['<rootDir>/test/support/time-limit.cjs'],
};

const only = (...paths) => paths.filter((path) => existsSync(join(__dirname, path)));

/** A project whose tests need real services; its set-up is used as soon as it is there. */
function withServices(name, files = '**/*.spec.ts') {
  const [setup] = only('test/support/global-setup.ts');
  const [teardown] = only('test/support/global-teardown.ts');
  return {
    ...shared,
    displayName: name,
    testMatch: [`<rootDir>/test/${name}/${files}`],
    ...(setup && { globalSetup: `<rootDir>/${setup}` }),
    ...(teardown && { globalTeardown: `<rootDir>/${teardown}` }),
  };
}

/** @type {import('jest').Config} */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      // What checks and spoils the product is itself tested without I/O, beside its code.
      roots: only(
        'libs',
        'apps',
        'images',
        'scripts',
        'test/fakes',
        'test/kit',
        'test/simulation',
        'test/chaos',
        'test/crash/points',
        'test/mutants',
        'test/odd-agent',
        'test/real-agents/model-server',
      ).map((path) => `<rootDir>/${path}`),
      testMatch: ['**/*.spec.ts'],
      // Vitest's: npm run test:web.
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/apps/web/'],
    },
    withServices('integration'),
    withServices('e2e'),
    withServices('attacks'),
    // What lies deeper looks at sources only, and is among the unit tests.
    withServices('crash', '*.spec.ts'),
    // On the cluster of KUBECONFIG; skipped without one.
    withServices('kubernetes'),
    { ...withServices('real-agents', '*.spec.ts'), globalSetup: '<rootDir>/test/real-agents/support/set-up.ts' },
  ],
};
