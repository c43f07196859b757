'use strict';

/** Specs, and what only specs use beside them: decide.spec-support.ts, spec-support.ts, http-fixture.ts. */
const spec = '(\\.spec\\.ts|\\.spec-[^/]+\\.ts|/spec-support\\.ts|-fixture\\.ts)$';
const adapter = '^libs/(runtime-[^/]+|protocol-[^/]+|store-prisma|queue-bullmq|egress-proxy|prompt-liquid)/';

/** A vendor's packages belong to one adapter, so that replacing the vendor touches one folder. */
function onlyIn(name, packages, home) {
  return {
    name,
    severity: 'error',
    comment: `${packages.join(', ')}: only in ${home}; elsewhere use the port.`,
    from: { path: '^(apps|libs)/', pathNot: [`^${home}/`, spec] },
    to: { path: packages.map((vendor) => `(^|node_modules/)${vendor}(/|$)`) },
  };
}

/** Arrows point inward: apps → orchestrator and adapters → domain. docs/architecture.md says why. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'What needs each other belongs together, or a third module is missing.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'domain-imports-nothing',
      severity: 'error',
      comment: "The rules of the product run anywhere: no package, no other library, not even node's own modules.",
      from: { path: '^libs/domain/', pathNot: spec },
      to: { pathNot: '^libs/domain/' },
    },
    {
      name: 'orchestrator-imports-domain-only',
      severity: 'error',
      comment: 'The orchestrator talks to ports.',
      from: { path: '^libs/orchestrator/', pathNot: spec },
      to: { path: '^(libs|apps|images|test)/|node_modules/', pathNot: '^libs/(domain|orchestrator)/' },
    },
    {
      name: 'adapters-import-domain-only',
      severity: 'error',
      comment: 'An adapter knows the domain, its vendor and nothing else of this project.',
      from: { path: adapter, pathNot: spec },
      to: {
        path: '^(libs|apps|images|test)/',
        pathNot: ['^libs/(domain|agent-guard|agent-files|program-output|run-sockets)/', '^libs/$1/'],
      },
    },
    {
      name: 'agent-guard-for-runtimes',
      severity: 'error',
      comment: 'What the guard writes is read where agents run, and nowhere else.',
      from: { path: '^(libs|apps|images)/', pathNot: ['^libs/(agent-guard|runtime-[^/]+)/', spec] },
      to: { path: '^libs/agent-guard/' },
    },
    {
      name: 'agent-files-where-agents-write',
      severity: 'error',
      comment: 'Only where the worker touches what an agent may have written is a file anything but a file.',
      from: { path: '^(libs|apps|images)/', pathNot: ['^libs/(agent-files|tool-server|runtime-[^/]+)/', spec] },
      to: { path: '^libs/agent-files/' },
    },
    {
      name: 'supporting-libraries-import-domain-only',
      severity: 'error',
      comment: 'Settings, logs and local services are used by the apps; they know no adapter and no orchestrator.',
      from: {
        path: '^libs/(agent-files|agent-guard|config|failpoints|observability|local-services|program-output|run-sockets)/',
        pathNot: spec,
      },
      to: { path: '^(libs|apps|images|test)/', pathNot: ['^libs/domain/', '^libs/$1/'] },
    },
    {
      name: 'contract-imports-domain-only',
      severity: 'error',
      comment: 'The contract of the API is read without the app that keeps it: by clients, documents and tests.',
      from: { path: '^libs/api-contract/', pathNot: spec },
      to: {
        path: '^(libs|apps|images|test)/|node_modules/',
        pathNot: ['^libs/(domain|api-contract)/', 'node_modules/zod/'],
      },
    },
    {
      name: 'client-carries-no-contract',
      severity: 'error',
      comment: 'A browser loads the client alone: no Zod, no rules, of the contract only its types.',
      from: { path: '^libs/api-client/', pathNot: spec },
      to: { pathNot: '^libs/api-client/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-nest-in-adapters',
      severity: 'error',
      comment:
        'Frameworks stay at the edge. queue-bullmq alone may use Nest, because @nestjs/bullmq consumes its queues.',
      from: { path: ['^libs/'], pathNot: ['^libs/queue-bullmq/', spec] },
      to: { path: '(^|node_modules/)(@nestjs|nestjs-[^/]+)/' },
    },
    {
      name: 'fakes-import-domain-only',
      severity: 'error',
      comment: 'Fakes and contract suites must not lean on what they stand in for.',
      from: { path: '^test/(fakes|contracts)/', pathNot: spec },
      to: { path: '^(libs|apps|images|test)/', pathNot: '^(libs/domain|test/fakes|test/contracts)/' },
    },
    {
      name: 'no-testing-in-production',
      severity: 'error',
      comment: 'The product never runs on fakes.',
      from: {
        path: '^(apps|libs|images)/',
        pathNot: spec,
      },
      to: { path: '^test/' },
    },
    {
      name: 'simulation-imports-orchestrator-and-fakes-only',
      severity: 'error',
      comment: 'The simulator runs the real orchestrator and protocols on fakes: no adapter that reaches the world.',
      from: { path: '^test/simulation/' },
      to: {
        path: '^(libs|apps|images|test)/',
        pathNot:
          '^(libs/(domain|orchestrator|protocol-acp|protocol-command)|test/(fakes|simulation))/|^test/kit/random\\.ts$',
      },
    },
    {
      name: 'apps-stand-alone',
      severity: 'error',
      comment: 'What two apps share belongs in a library.',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'web-imports-client-only',
      severity: 'error',
      comment:
        "The browser's pages speak through the typed client; of the contract and the domain they have only types.",
      from: { path: '^apps/web/', pathNot: spec },
      to: { path: '^(libs|images|test)/', pathNot: '^libs/(api-client|words)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'words-carry-nothing',
      severity: 'error',
      comment: 'A browser loads the words too: they are sentences, and types of the domain.',
      from: { path: '^libs/words/', pathNot: spec },
      to: { pathNot: '^libs/words/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'libraries-import-no-apps',
      severity: 'error',
      from: { path: '^(libs|images)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'no-barrels',
      severity: 'error',
      comment: 'Import the exact file: barrels hide what depends on what, and make cycles.',
      from: { path: '^(apps|libs|images|test|bench)/' },
      to: { path: '^(apps|libs|images)/.*/index\\.ts$' },
    },
    onlyIn('aws-in-artifact-store', ['@aws-sdk'], 'libs/artifact-store'),
    onlyIn('bullmq-in-queue-bullmq', ['bullmq', 'ioredis'], 'libs/queue-bullmq'),
    onlyIn('liquidjs-in-prompt-liquid', ['liquidjs'], 'libs/prompt-liquid'),
    onlyIn('proxy-chain-in-egress-proxy', ['proxy-chain', 'ipaddr\\.js'], 'libs/egress-proxy'),
    onlyIn('kubernetes-in-runtime-kubernetes', ['@kubernetes', 'ws', '@types/ws'], 'libs/runtime-kubernetes'),
    onlyIn('dockerode-in-runtime-docker', ['dockerode', '@types/dockerode'], 'libs/runtime-docker'),
    onlyIn(
      'prisma-in-store-prisma',
      ['@prisma/client', '@prisma/adapter-pg', 'libs/store-prisma/generated'],
      'libs/store-prisma',
    ),
    {
      name: 'sql-in-store-prisma',
      severity: 'error',
      comment: 'pg: the store, and the local Postgres server that makes its first database.',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/(store-prisma|local-services)/', spec] },
      to: { path: '(^|node_modules/)(@types/)?pg/' },
    },
    {
      name: 'no-dev-packages-in-production',
      severity: 'error',
      comment: 'A server is installed without development dependencies. Types are gone by then.',
      // The web pages are bundled by the build.
      from: { path: '^(apps|libs)/', pathNot: ['^apps/web/', spec] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-packages',
      severity: 'error',
      comment: 'A package that is used stands in package.json.',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: ['node_modules'] },
    exclude: { path: ['^dist/', '^libs/store-prisma/generated/.*'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
