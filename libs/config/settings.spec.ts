import { NO_POLICY } from '@crewtab/domain/teams/agent-policy';
import { readFileSync } from 'node:fs';
import { renderEnvExample } from './env-example';
import type { Environment } from './process-environment';
import { ConfigError, describeFormerNames } from './read-settings';
import { loadSchedulerConfig } from './scheduler-config';
import { SETTINGS } from './settings';
import { loadWorkerConfig } from './worker-config';

const HEX_KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';

const ENOUGH: Environment = {
  DATABASE_URL: 'postgresql://crewtab:geheim@localhost:5432/crewtab',
  REDIS_URL: 'redis://localhost:6379',
  CREWTAB_ENCRYPTION_KEY: HEX_KEY,
};

function problemsOf(load: () => unknown): ConfigError {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('loadSchedulerConfig', () => {
  it('needs only what has no default', () => {
    expect(loadSchedulerConfig(ENOUGH)).toEqual({
      http: { host: '127.0.0.1', port: 3000 },
      protection: {
        limits: { requests: 6_000, failures: 60, streams: 100, addressStreams: 400 },
        trustedProxies: [],
        metricsKey: null,
      },
      database: { url: ENOUGH.DATABASE_URL },
      redis: { url: ENOUGH.REDIS_URL, prefix: 'crewtab' },
      access: { firstApiKey: null, encryption: { current: Buffer.from(HEX_KEY, 'hex'), former: null } },
      timeouts: { defaultMs: 3_600_000, maxMs: 86_400_000 },
      hosts: { hostTimeoutMs: 300_000 },
      retention: { messages: null, runs: null, events: null, artifacts: null },
      artifactPlace: null,
      runtime: { kind: 'docker', onlyCommand: null },
      agentPolicy: NO_POLICY,
      network: { isOpenAllowed: false },
      presets: { folder: null, images: {}, buildArgs: {} },
      sessions: { idleMs: 86_400_000, limitMs: 604_800_000 },
      bullBoard: { isWritable: false },
      failpoint: null,
      log: { level: 'info' },
      inForce: expect.any(Array) as unknown,
    });
  });

  it('tells what is in force, and of secrets only whether they are set', () => {
    const { inForce } = loadSchedulerConfig({ ...ENOUGH, PORT: ' 8080 ' });
    const find = (wanted: string) => inForce.find(({ name }) => name === wanted);
    expect(find('PORT')).toEqual({ name: 'PORT', value: '8080', isDefault: false, isSecret: false });
    expect(find('HOST')).toMatchObject({ value: '127.0.0.1', isDefault: true });
    expect(find('DATABASE_URL')).toEqual({ name: 'DATABASE_URL', value: null, isDefault: false, isSecret: true });
    expect(find('CREWTAB_API_KEY')).toMatchObject({ value: null, isDefault: true });
    const secrets = [ENOUGH.DATABASE_URL, ENOUGH.REDIS_URL, ENOUGH.CREWTAB_ENCRYPTION_KEY];
    for (const secret of secrets) expect(JSON.stringify(inForce)).not.toContain(secret);
  });

  it('reads every value that is given', () => {
    const config = loadSchedulerConfig({
      ...ENOUGH,
      HOST: '0.0.0.0',
      PORT: ' 8080 ',
      TRUSTED_PROXIES: 'loopback, 10.0.0.0/8,2001:db8::1',
      CREWTAB_API_KEY: 'k'.repeat(16),
      CREWTAB_ENCRYPTION_KEY: Buffer.from(HEX_KEY, 'hex').toString('base64'),
      SCHEDULE_TIMEOUT: '90m',
      SCHEDULE_TIMEOUT_MAX: '90m',
      CREWTAB_RUNTIME: 'process',
      NETWORK_OPEN_ALLOWED: 'true',
      CREWTAB_BULLBOARD_WRITABLE: 'true',
      LOG_LEVEL: 'debug',
    });
    expect(config).toMatchObject({
      http: { host: '0.0.0.0', port: 8080 },
      protection: { trustedProxies: ['loopback', '10.0.0.0/8', '2001:db8::1'] },
      access: { firstApiKey: 'k'.repeat(16), encryption: { current: Buffer.from(HEX_KEY, 'hex'), former: null } },
      timeouts: { defaultMs: 5_400_000, maxMs: 5_400_000 },
      runtime: { kind: 'process' },
      network: { isOpenAllowed: true },
      sessions: { idleMs: 86_400_000, limitMs: 604_800_000 },
      bullBoard: { isWritable: true },
      log: { level: 'debug' },
    });
  });

  it('takes 30 days for the longest timeout', () => {
    const { timeouts } = loadSchedulerConfig({ ...ENOUGH, SCHEDULE_TIMEOUT_MAX: '720h' });
    expect(timeouts).toEqual({ defaultMs: 3_600_000, maxMs: 30 * 86_400_000 });
  });

  it('takes empty variables for absent ones', () => {
    expect(loadSchedulerConfig({ ...ENOUGH, PORT: '', CREWTAB_API_KEY: ' ' })).toEqual(loadSchedulerConfig(ENOUGH));
  });

  it('lists every bad setting at once, with its name, what is wrong and an example', () => {
    const error = problemsOf(() =>
      loadSchedulerConfig({ PORT: '70000', LOG_LEVEL: 'loud', SCHEDULE_TIMEOUT: '0s', CREWTAB_RUNTIME: 'podman' }),
    );
    expect(error.problems.map((problem) => problem.name).sort()).toEqual([
      'CREWTAB_ENCRYPTION_KEY',
      'CREWTAB_RUNTIME',
      'DATABASE_URL',
      'LOG_LEVEL',
      'PORT',
      'REDIS_URL',
      'SCHEDULE_TIMEOUT',
    ]);
    expect(error.message).toContain('7 settings are not valid:');
    expect(error.message).toContain(
      '  PORT (now "70000") must be a whole number from 0 to 65535; for example PORT=3000',
    );
    expect(error.message).toContain('  DATABASE_URL is not set; for example DATABASE_URL=postgresql://');
    expect(error.message).toContain(
      'CREWTAB_ENCRYPTION_KEY is not set; for example CREWTAB_ENCRYPTION_KEY=<the output of: openssl rand -hex 32>',
    );
  });

  it('refuses a default timeout over the maximum', () => {
    const error = problemsOf(() =>
      loadSchedulerConfig({ ...ENOUGH, SCHEDULE_TIMEOUT: '2h', SCHEDULE_TIMEOUT_MAX: '1h' }),
    );
    expect(error.message).toContain('SCHEDULE_TIMEOUT must not be longer than SCHEDULE_TIMEOUT_MAX');
  });

  it.each([
    ['DATABASE_URL', 'mysql://root:geheim@x/y'],
    ['DATABASE_URL', 'geheim'],
    ['REDIS_URL', 'http://:geheim@x'],
    ['DATABASE_URL', 'postgresql://localhost/crewtab?schema=geheim'],
    ['CREWTAB_API_KEY', 'geheim'],
    ['CREWTAB_API_KEY', 'geheim geheim geheim'],
    ['CREWTAB_ENCRYPTION_KEY', 'geheim'],
    ['METRICS_KEY', 'geheim'],
    ['CREWTAB_FORMER_ENCRYPTION_KEY', 'geheim'],
    ['CREWTAB_ENCRYPTION_KEY', '00'.repeat(32)],
    ['CREWTAB_ENCRYPTION_KEY', 'ab'.repeat(31)],
  ])('refuses a bad %s without showing it', (name, value) => {
    const error = problemsOf(() => loadSchedulerConfig({ ...ENOUGH, [name]: value }));
    expect(error.problems.map((problem) => problem.name)).toEqual([name]);
    expect(error.message).not.toContain(value);
  });

  it.each([
    ['REDIS_PREFIX', 'two words'],
    ['PORT', '3000x'],
    ['PORT', '-1'],
    ['HOST', 'a b'],
    ['TRUSTED_PROXIES', 'loopback, everybody'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', 'true'],
    ['API_REQUEST_LIMIT', '0'],
    ['AGENT_MEMORY_MAX', '5m'],
    ['AGENT_CPUS_MAX', '0'],
    ['AGENT_PIDS_MAX', '0.5'],
    ['AGENT_IMAGES', 'a b'],
    ['AGENT_IMAGES', 'agent,'],
    ['AGENT_IMAGE_DIGESTS', 'sometimes'],
    ['CREWTAB_BULLBOARD_WRITABLE', 'yes please'],
    ['SCHEDULE_TIMEOUT', '1 hour'],
    ['SCHEDULE_TIMEOUT_MAX', '9000h'],
    ['HOST_UNRESPONSIVE_LIMIT', '14s'],
    ['RETENTION_RUNS', '59m'],
    ['RETENTION_MESSAGES', '0s'],
  ])('refuses %s=%s', (name, value) => {
    const error = problemsOf(() => loadSchedulerConfig({ ...ENOUGH, [name]: value }));
    expect(error.problems.map((problem) => problem.name)).toEqual([name]);
  });
});

describe('limits of agents', () => {
  const limits = {
    AGENT_MEMORY_MAX: '8g',
    AGENT_CPUS_MAX: '2.5',
    AGENT_PIDS_MAX: '1024',
    AGENT_IMAGES: 'ghcr.io/acme/*, agent',
    AGENT_IMAGE_DIGESTS: 'true',
  };
  const ceilings = { memoryBytes: 8 * 1024 ** 3, cpus: 2.5, pids: 1_024 };

  it('are the same for schedulers and workers', () => {
    const policy = { ...ceilings, images: ['ghcr.io/acme/*', 'agent'], needsDigest: true };
    expect(loadSchedulerConfig({ ...ENOUGH, ...limits }).agentPolicy).toEqual(policy);
    expect(loadWorkerConfig({ ...ENOUGH, ...limits }).agentPolicy).toEqual(policy);
  });

  it('say nothing of images under a runtime without any', () => {
    const policy = { ...ceilings, images: null, needsDigest: false };
    expect(loadWorkerConfig({ ...ENOUGH, ...limits, CREWTAB_RUNTIME: 'process' }).agentPolicy).toEqual(policy);
  });
});

describe('a setting that was renamed', () => {
  const former = { HOST_SILENCE_LIMIT: '7m' };

  it('is read under its former name where the new one is not set, and says so in one sentence', () => {
    expect(loadSchedulerConfig({ ...ENOUGH, ...former }).hosts.hostTimeoutMs).toBe(420_000);
    expect(describeFormerNames(former)).toEqual([
      'HOST_SILENCE_LIMIT is now HOST_UNRESPONSIVE_LIMIT: the old name still works, and a later version drops it',
    ]);
    expect(describeFormerNames({ HOST_UNRESPONSIVE_LIMIT: '7m', HOST_SILENCE_LIMIT: '' })).toEqual([]);
  });

  it('is read under its new name where both are set', () => {
    const both = { ...ENOUGH, ...former, HOST_UNRESPONSIVE_LIMIT: '8m' };
    expect(loadSchedulerConfig(both).hosts.hostTimeoutMs).toBe(480_000);
  });

  it('is refused under its new name when the value of the former one is bad', () => {
    const error = problemsOf(() => loadSchedulerConfig({ ...ENOUGH, HOST_SILENCE_LIMIT: '14s' }));
    expect(error.problems.map((problem) => problem.name)).toEqual(['HOST_UNRESPONSIVE_LIMIT']);
  });
});

describe('loadWorkerConfig', () => {
  it('needs only what has no default', () => {
    expect(loadWorkerConfig(ENOUGH)).toMatchObject({
      runtime: { kind: 'docker', dockerHost: 'unix:///var/run/docker.sock', dataDir: '.crewtab' },
      agents: {
        handshakeTimeoutMs: 60_000,
        stopGraceMs: 5_000,
        inputTimeoutMs: 60_000,
        teamAnswerMs: 240_000,
        outputLimitBytes: 104_857_600,
        isRootWritable: false,
        tmpBytes: 536_870_912,
        workspaceBytes: null,
        longestLineBytes: 16_777_216,
        jsonLimits: { batchEntries: 1_000, depth: 64, values: 100_000 },
      },
      messageLimit: 200_000,
      network: {
        allowedCidrs: [],
        upstreamProxy: null,
        limits: { connections: 256, bytes: 10 * 1024 ** 3, connectionsPerSecond: 200, bytesPerSecond: 100 * 1024 ** 2 },
      },
      teardownLimitMs: 60_000,
      leaseMs: 10_000,
      concurrency: 10,
      hostName: null,
    });
  });

  it('reads ranges of addresses', () => {
    const { network } = loadWorkerConfig({ ...ENOUGH, NETWORK_ALLOWED_CIDRS: '10.1.2.0/24, fd12::/64' });
    expect(network.allowedCidrs).toEqual(['10.1.2.0/24', 'fd12::/64']);
  });

  it.each([
    ['DOCKER_HOST', '/var/run/docker.sock'],
    ['WORKER_CONCURRENCY', '0'],
    ['WORKER_LEASE', '1s'],
    ['WORKER_LEASE', '2h'],
    ['CREWTAB_WORKER_HOST', 'host.example'],
    ['AGENT_HANDSHAKE_TIMEOUT', '0s'],
    ['AGENT_INPUT_TIMEOUT', '0s'],
    ['TEAM_ANSWER_LIMIT', '0s'],
    ['AGENT_STOP_GRACE', '11m'],
    ['TEARDOWN_LIMIT', '2h'],
    ['AGENT_OUTPUT_LIMIT', '10k'],
    ['AGENT_TMP_SIZE', '10k'],
    ['AGENT_WORKSPACE_TMPFS', '10k'],
    ['AGENT_ROOT_WRITABLE', 'perhaps'],
    ['AGENT_OUTPUT_LIMIT', 'much'],
    ['AGENT_LINE_LIMIT', '1k'],
    ['AGENT_BATCH_LIMIT', '0'],
    ['AGENT_JSON_DEPTH_LIMIT', '1000'],
    ['AGENT_JSON_VALUES_LIMIT', '10'],
    ['RUN_MESSAGE_LIMIT', '10'],
    ['NETWORK_ALLOWED_CIDRS', '10.0.0.0'],
    ['NETWORK_ALLOWED_CIDRS', '10.0.0.0/33'],
    ['NETWORK_ALLOWED_CIDRS', 'fd00::/64,,10.0.0.0/8'],
    ['NETWORK_UPSTREAM_PROXY', 'proxy.example.com:3128'],
    ['NETWORK_CONNECTION_LIMIT', '0'],
    ['NETWORK_TRAFFIC_LIMIT', '1k'],
    ['NETWORK_CONNECTION_RATE', '0'],
    ['NETWORK_TRAFFIC_RATE', '10'],
  ])('refuses %s=%s', (name, value) => {
    const error = problemsOf(() => loadWorkerConfig({ ...ENOUGH, [name]: value }));
    expect(error.problems.map((problem) => problem.name)).toEqual([name]);
  });
});

describe('.env.example', () => {
  it('is what the definitions say (npm run env:example writes it)', () => {
    expect(readFileSync('.env.example', 'utf8')).toBe(renderEnvExample());
  });

  it('has every setting once, and no secret in it', () => {
    const text = renderEnvExample();
    for (const name of Object.keys(SETTINGS)) expect(text.match(new RegExp(`^(# )?${name}=`, 'gm'))).toHaveLength(1);
    expect(text).toMatch(/^CREWTAB_ENCRYPTION_KEY=$/m);
    expect(text).toMatch(/^# CREWTAB_API_KEY=$/m);
  });

  it('has defaults that are valid', () => {
    const defaults = Object.fromEntries(
      Object.entries(SETTINGS).flatMap(([name, setting]) =>
        setting.default === null ? [] : [[name, setting.default]],
      ),
    );
    expect(loadSchedulerConfig({ ...ENOUGH, ...defaults })).toEqual(loadSchedulerConfig(ENOUGH));
    expect(loadWorkerConfig({ ...ENOUGH, ...defaults })).toEqual(loadWorkerConfig(ENOUGH));
  });
});
