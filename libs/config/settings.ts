import { PULL_POLICIES } from '@crewtab/domain/ports/image-sources';
import { RUNTIME_KINDS } from '@crewtab/domain/runtimes';
import { ARTIFACT_SETTINGS } from './artifact-settings';
import { KUBERNETES_SETTINGS } from './kubernetes-settings';
import { optional, required, withDefault } from './setting';
import {
  addressList,
  assignments,
  bytes,
  cidrs,
  commandLine,
  decimal,
  duration,
  encryptionKey,
  failpoint,
  flag,
  imagePatterns,
  matching,
  oneOf,
  postgresUrl,
  registryCredentials,
  url,
  wholeNumber,
} from './values';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 ** 2;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** An API key shorter than this could be guessed. */
export const MIN_API_KEY_LENGTH = 16;

function secretText() {
  return matching(
    new RegExp(`^[\\x21-\\x7e]{${MIN_API_KEY_LENGTH},200}$`),
    `must be ${MIN_API_KEY_LENGTH} to 200 printable ASCII characters without spaces`,
  );
}

/** Every setting of Crewtab, in the order of .env.example. */
export const SETTINGS = {
  DATABASE_URL: required(
    {
      description:
        'Postgres 14 or newer: the only place where anything is kept. `npm start` brings its own when this is not set.',
      example: 'postgresql://crewtab:secret@localhost:5432/crewtab',
      isSecret: true,
    },
    postgresUrl(),
  ),
  REDIS_URL: required(
    {
      description:
        'Redis 6.2 or newer, or Valkey: wakes workers, keeps nothing. `npm start` brings its own when this is not set.',
      example: 'redis://localhost:6379',
      isSecret: true,
    },
    url(['redis', 'rediss']),
  ),
  REDIS_PREFIX: withDefault(
    {
      description:
        'Before every key in Redis. Installations that share a Redis need one each: otherwise they take the jobs of each other, and runs wait for the sweeper. ' +
        'The same for all processes of an installation.',
    },
    'crewtab',
    matching(/^[A-Za-z0-9_-]{1,63}$/, 'must be 1 to 63 letters, digits, _ and -'),
  ),
  CREWTAB_ENCRYPTION_KEY: required(
    {
      description:
        "Encrypts the agents' environment variables in the database: 32 random bytes as hex or base64. Make one with `openssl rand -hex 32`. " +
        'Keep it safe: without it, stored environments cannot be read. All processes need the same one. To change it: docs/operations.md.',
      example: 'the output of: openssl rand -hex 32',
      isSecret: true,
    },
    encryptionKey(),
  ),
  CREWTAB_FORMER_ENCRYPTION_KEY: optional(
    {
      description:
        'A second key, for the time in which CREWTAB_ENCRYPTION_KEY is changed: opens what was encrypted with it, and encrypts nothing.',
      example: 'the former CREWTAB_ENCRYPTION_KEY',
      isSecret: true,
    },
    encryptionKey(),
  ),
  CREWTAB_API_KEY: optional(
    {
      description:
        `The first admin key of an empty database, at least ${MIN_API_KEY_LENGTH} characters; ignored once there is any key. ` +
        'Without it one is made at the first start and printed once.',
      example: 'the output of: openssl rand -base64 24',
      isSecret: true,
    },
    secretText(),
  ),
  HOST: withDefault(
    {
      description:
        'Address that the scheduler, and the metrics of a worker, listen on. The default is reachable from this machine only; in a container set 0.0.0.0. ' +
        'Crewtab speaks plain HTTP: put a proxy with TLS in front of it before opening it to a network.',
      example: '0.0.0.0',
    },
    '127.0.0.1',
    matching(/^[A-Za-z0-9.:_%-]{1,255}$/, 'must be an IP address or a host name'),
  ),
  PORT: withDefault(
    { description: 'Port that the scheduler listens on; 0 takes a free one.' },
    '3000',
    wholeNumber(0, 65_535),
  ),
  TRUSTED_PROXIES: optional(
    {
      description:
        'Proxies in front of the scheduler whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses, networks (10.0.0.0/8) or the names loopback, ' +
        'linklocal, uniquelocal, separated by commas. Not set: none; all clients of a proxy count as one address then, and ' +
        'cookies of sessions are not Secure. ' +
        'Danger: clients that reach the scheduler from such an address choose the address that they are counted under.',
      example: 'loopback',
    },
    addressList(),
  ),
  API_REQUEST_LIMIT: withDefault(
    {
      description:
        'Requests a minute that a scheduler process answers to one API key, its browser sessions included, and without a key to one address. ' +
        'More are answered with 429.',
    },
    '6000',
    wholeNumber(60, 1_000_000_000),
  ),
  API_FAILURE_LIMIT: withDefault(
    {
      description:
        'API keys, sessions and log-in codes a minute that one address may try and that are none. More are answered with 429 without a look ' +
        'into the database; keys and sessions that were valid before go on working.',
    },
    '60',
    wholeNumber(1, 1_000_000_000),
  ),
  API_STREAM_LIMIT: withDefault(
    { description: 'Event streams of one API key that a scheduler process keeps open at the same time.' },
    '100',
    wholeNumber(1, 100_000),
  ),
  API_ADDRESS_STREAM_LIMIT: withDefault(
    {
      description:
        'Event streams of one address (IPv6: its /64) that a scheduler process keeps open at the same time, whatever keys they have. Danger: ' +
        'behind a proxy that is not in TRUSTED_PROXIES all clients share it.',
    },
    '400',
    wholeNumber(1, 100_000),
  ),
  METRICS_KEY: optional(
    {
      description:
        'What a reader of /metrics must send as a bearer token, to schedulers and to workers with WORKER_METRICS_PORT; at least ' +
        `${MIN_API_KEY_LENGTH} characters. Not set: everybody may read them, which the next version will not allow.`,
      example: 'the output of: openssl rand -base64 24',
      isSecret: true,
    },
    secretText(),
  ),
  SESSION_IDLE_LIMIT: withDefault(
    {
      description:
        'How long a browser stays logged in without asking for anything. A Go duration. Danger: where it is long, who finds an open ' +
        'browser can do what its key allows.',
    },
    '24h',
    duration(60 * SECOND_MS, 30 * 24 * HOUR_MS, 'at least 1m and at most 720h'),
  ),
  SESSION_LIMIT: withDefault(
    {
      description:
        'How long a browser stays logged in at most, however much it is used; of sessions that begin from now on. A Go duration.',
    },
    '168h',
    duration(60 * SECOND_MS, YEAR_MS, 'at least 1m and at most 8760h'),
  ),
  CREWTAB_BULLBOARD_WRITABLE: withDefault(
    {
      description:
        'Whether /queues may change jobs. Danger: jobs are only wake-up calls, so deleting them is repaired within seconds, but emptying queues delays runs.',
    },
    'false',
    flag(),
  ),
  SCHEDULE_TIMEOUT: withDefault(
    {
      description:
        'How long a run may take, deployment included, where its schedule says nothing. A Go duration (45s, 30m, 1h30m).',
    },
    '1h',
    duration(SECOND_MS, YEAR_MS, 'at least 1s and at most 8760h'),
  ),
  SCHEDULE_TIMEOUT_MAX: withDefault(
    { description: 'The longest timeout that a schedule may ask for. A Go duration, not less than SCHEDULE_TIMEOUT.' },
    '24h',
    duration(SECOND_MS, YEAR_MS, 'at least 1s and at most 8760h'),
  ),
  HOST_UNRESPONSIVE_LIMIT: withDefault(
    {
      description:
        "How long a worker host may give no heartbeat before its runs end as `host_lost`; at a run's deadline 20s are enough. " +
        'A Go duration. A host whose containers go on without workers (an upgrade, a restart) keeps its runs if its workers are back within it.',
      formerName: 'HOST_SILENCE_LIMIT',
    },
    '5m',
    duration(15 * SECOND_MS, 24 * HOUR_MS, 'at least 15s and at most 24h'),
  ),
  RETENTION_MESSAGES: optional(
    {
      description:
        'How long the conversation of a run is kept after the run ended; the run itself stays. A Go duration, at least 1h. Not set: for ever. ' +
        'Danger: what is deleted is gone.',
      example: '720h',
    },
    duration(HOUR_MS, 10 * YEAR_MS, 'at least 1h and at most 87600h'),
  ),
  RETENTION_RUNS: optional(
    {
      description:
        'How long a run is kept after it ended, with its conversation. The newest finished run of a schedule and its newest success always stay. ' +
        'A Go duration, at least 1h. Not set: for ever. Danger: what is deleted is gone.',
      example: '8760h',
    },
    duration(HOUR_MS, 10 * YEAR_MS, 'at least 1h and at most 87600h'),
  ),
  RETENTION_EVENTS: optional(
    {
      description:
        'How long events of runs are kept in the log that GET /events reads. A client that comes back later is told to read the present state ' +
        'anew. A Go duration, at least 1h. Not set: for ever. Danger: what is deleted is gone.',
      example: '720h',
    },
    duration(HOUR_MS, 10 * YEAR_MS, 'at least 1h and at most 87600h'),
  ),
  CREWTAB_RUNTIME: withDefault(
    {
      description:
        'Where teams run: `docker`, `kubernetes` (docs/kubernetes.md), or `process` for a first try without Docker. Danger: `process` runs agents as ' +
        'plain child processes of the worker, with its rights and without any isolation.',
    },
    'docker',
    oneOf(RUNTIME_KINDS),
  ),
  CREWTAB_PROCESS_COMMAND: optional(
    {
      description:
        'Under the runtime `process`: the only command that agents may have, as a JSON list; runs of others fail as `isolation_required`. ' +
        '`npm start` sets it to that of its demo where no container engine answers and CREWTAB_RUNTIME is not set. Not set: any command.',
      example: '["node","/opt/agent.js"]',
    },
    commandLine(),
  ),
  DOCKER_HOST: withDefault(
    {
      description: 'The container engine (runtime docker): unix:///path/to.sock, tcp://host:port, http:// or https://.',
    },
    'unix:///var/run/docker.sock',
    url(['unix', 'tcp', 'http', 'https']),
  ),
  ...KUBERNETES_SETTINGS,
  CREWTAB_DATA_DIR: withDefault(
    {
      description:
        "Directory for the team's sockets and, under the process runtime, the agents' own directories. Relative to where the process is started. " +
        'With the docker runtime the engine must see the same path.',
    },
    '.crewtab',
    matching(/^[^\0]{1,4096}$/, 'must be a path'),
  ),
  WORKER_CONCURRENCY: withDefault(
    { description: 'Runs held by one worker at the same time.' },
    '10',
    wholeNumber(1, 1_000),
  ),
  WORKER_LEASE: withDefault(
    {
      description:
        'How long a worker may hold its runs without a word to the database, before another worker of its host takes them over. ' +
        'A Go duration; renewed at every quarter of it, at least every 2.5s. A worker that dies at once leaves its runs alone for at most so long. ' +
        'Danger: with a short one, a slow database or a busy machine is enough for runs to change hands; they go on, but every change reads ' +
        'their output again. Workers may differ: each claim ends when its own worker said.',
    },
    '10s',
    duration(2 * SECOND_MS, HOUR_MS, 'at least 2s and at most 1h'),
  ),
  CREWTAB_WORKER_HOST: optional(
    {
      description:
        "Name of the worker's host. Workers that share a container engine must agree on it, and it must never change while runs are active. " +
        "Normally left out: the engine's own id is used, which survives restarts.",
      example: 'build-server-1',
    },
    matching(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 of the characters A-Z a-z 0-9 _ -'),
  ),
  CREWTAB_ALIVE_FILE: optional(
    {
      description:
        'A file that the worker touches while it can renew its leases, for dist/apps/worker/src/healthcheck.js, which looks at its age. ' +
        'Every worker needs one of its own. Not set: there is none.',
      example: '/tmp/crewtab-worker.alive',
    },
    matching(/^[^\0]{1,4096}$/, 'must be a path'),
  ),
  WORKER_METRICS_PORT: optional(
    {
      description:
        'Port on which the worker answers GET /metrics, on the address of HOST; 0 takes a free one. Not set: none. ' +
        'Danger: without METRICS_KEY it asks for no key. Workers that have it share the events of runs with the schedulers, so scrape them all.',
      example: '9464',
    },
    wholeNumber(0, 65_535),
  ),
  AGENT_HANDSHAKE_TIMEOUT: withDefault(
    { description: 'How long a started agent may take to answer the handshake before the run fails. A Go duration.' },
    '60s',
    duration(SECOND_MS, HOUR_MS, 'at least 1s and at most 1h'),
  ),
  AGENT_INPUT_TIMEOUT: withDefault(
    {
      description:
        'How long an agent may leave unread what is being sent to it before that counts as failed: for the prompt, the run ends with ' +
        'prompt_failed. Up to some hundred kilobytes are taken by the engine whether the agent reads or not. A Go duration.',
    },
    '60s',
    duration(SECOND_MS, HOUR_MS, 'at least 1s and at most 1h'),
  ),
  TEAM_ANSWER_LIMIT: withDefault(
    {
      description:
        "How long a call of a team's tool (delegate, wait) may take before it answers with a handle in place of the result. Agents' " +
        'programs give a tool up after a time of their own: Codex after 5m, others after 1m unless they follow progress. A Go duration.',
    },
    '4m',
    duration(SECOND_MS, HOUR_MS, 'at least 1s and at most 1h'),
  ),
  AGENT_STOP_GRACE: withDefault(
    {
      description:
        'How long an agent whose work is cut short (a cancel, a timeout, a newer run) may take to end before it is killed: up to half ' +
        'of it to answer the cancel of its protocol, the rest after SIGTERM. A Go duration; 0s kills at once.',
    },
    '5s',
    duration(0, 10 * 60 * SECOND_MS, 'at most 10m'),
  ),
  AGENT_OUTPUT_LIMIT: withDefault(
    {
      description:
        'The most output of one agent that a run stores; an agent that writes more ends the run as failed. Bytes with a unit (100m, 1g).',
    },
    '100m',
    bytes(MEBIBYTE, 'at least 1m'),
  ),
  AGENT_LINE_LIMIT: withDefault(
    {
      description:
        'The longest line of output that an agent may write; a longer one is never held, and ends the run as failed (line_limit). Bytes ' +
        'with a unit. Danger: a worker needs four times as much memory for each agent that writes such lines, and 20 times as much for the one ' +
        'that it is reading.',
    },
    '16m',
    bytes(64 * KIBIBYTE, 'at least 64k'),
  ),
  AGENT_BATCH_LIMIT: withDefault(
    {
      description:
        'The most messages that an ACP agent may put into one line; more end the run as failed (batch_limit).',
    },
    '1000',
    wholeNumber(1, 100_000),
  ),
  AGENT_JSON_DEPTH_LIMIT: withDefault(
    {
      description:
        'How deep arrays and objects may lie within each other in one line of an ACP agent; deeper ones end the run as failed (json_limit).',
    },
    '64',
    wholeNumber(8, 500),
  ),
  AGENT_JSON_VALUES_LIMIT: withDefault(
    {
      description:
        'How many values all arrays and objects in one line of an ACP agent may have together; more end the run as failed (json_limit). ' +
        'Danger: a worker stands still while it reads a line, some milliseconds for each ten thousand values.',
    },
    '100000',
    wholeNumber(1_000, 10_000_000),
  ),
  RUN_MESSAGE_LIMIT: withDefault(
    {
      description:
        'The most messages of a run, those of one batch of each agent not counted; a run with more ends as failed (message_limit). ' +
        'Chunks of text that follow each other within 250 ms share a message.',
    },
    '200000',
    wholeNumber(1_000, 10_000_000),
  ),
  RUN_DISK_LIMIT: withDefault(
    {
      description:
        'The most disk of its host that a run may take: its workspace, and what its agents write elsewhere in their containers. It is ' +
        'looked at every 10 s, so that a run may be over it by what it writes until then; the run ends as failed. Bytes with a unit (512m, 20g).',
    },
    '20g',
    bytes(MEBIBYTE, 'at least 1m'),
  ),
  KEPT_WORKSPACE_LIMIT: withDefault(
    {
      description:
        'The largest workspace that is kept between the runs of a schedule (workspace.persist, runtime docker). It is measured every 5 min while no ' +
        'run has it; a larger one is removed, and the next run begins with an empty one. While a run has it, RUN_DISK_LIMIT counts it. ' +
        'Bytes with a unit (512m, 5g).',
    },
    '5g',
    bytes(MEBIBYTE, 'at least 1m'),
  ),
  KEPT_WORKSPACE_AGE: withDefault(
    {
      description:
        'How long a workspace that is kept between the runs of a schedule may lie unused; then it is removed, and the next run begins with an empty ' +
        'one. A Go duration; 720h is 30 days.',
    },
    '720h',
    duration(60 * SECOND_MS, YEAR_MS, 'at least 1m and at most 8760h'),
  ),
  AGENT_ROOT_WRITABLE: withDefault(
    {
      description:
        'Whether agents may write to the root file systems of their containers, where their image lets their user. Without it they write to the ' +
        'workspace, HOME and /tmp alone. Set it for images that install packages elsewhere at run time. Danger: /tmp is on the disk then too, and ' +
        'RUN_DISK_LIMIT, which is looked at every 10 s, is the only limit.',
    },
    'false',
    flag(),
  ),
  AGENT_TMP_SIZE: withDefault(
    {
      description:
        "The most that lies in the /tmp of one agent's container, a tmpfs: it counts as the agent's memory, and never takes more than half of " +
        'it. Bytes with a unit (512m). Without effect where AGENT_ROOT_WRITABLE is set.',
    },
    '512m',
    bytes(MEBIBYTE, 'at least 1m'),
  ),
  AGENT_WORKSPACE_TMPFS: optional(
    {
      description:
        "The most that lies in a run's workspace (runtime docker), which is then a tmpfs: a wall, where RUN_DISK_LIMIT is looked at every 10 s. What an " +
        'agent writes there counts as its memory, so that the workspace never takes more than half of that of any agent of the team, and is lost ' +
        'when the engine restarts. Bytes with a unit (1g). Not set: the workspace is on the disk.',
      example: '1g',
    },
    bytes(MEBIBYTE, 'at least 1m'),
  ),
  AGENT_MEMORY_MAX: optional(
    {
      description:
        'The most memory that one agent may ask for, in bytes with a unit (8g). Not set: what the API takes, 4t. Schedulers and workers ' +
        'need the same: the API refuses more, and a worker fails runs of teams that were made before.',
      example: '8g',
    },
    bytes(6 * MEBIBYTE, 'at least 6m'),
  ),
  AGENT_CPUS_MAX: optional(
    { description: 'The most CPUs that one agent may ask for. Not set: 256. As AGENT_MEMORY_MAX.', example: '4' },
    decimal(0.01, 256),
  ),
  AGENT_PIDS_MAX: optional(
    {
      description: 'The most processes and threads that one agent may ask for. Not set: 4194304. As AGENT_MEMORY_MAX.',
      example: '1024',
    },
    wholeNumber(1, 4_194_304),
  ),
  AGENT_IMAGES: optional(
    {
      description:
        "Images that agents may have (runtime docker), separated by commas: names with * for a part of a path's segment and ** for any part, " +
        'with or without a tag or digest. Not set: any. As AGENT_MEMORY_MAX.',
      example: 'ghcr.io/example/*,registry.example.org:5000/agents/**',
    },
    imagePatterns(),
  ),
  AGENT_IMAGE_DIGESTS: withDefault(
    {
      description:
        'Whether an image must be named with its digest (name@sha256:…), so that nothing else can come under its name. As AGENT_MEMORY_MAX.',
    },
    'false',
    flag(),
  ),
  CREWTAB_PRESETS: optional(
    {
      description:
        'A folder with presets of your own, one folder each with its preset.json and Dockerfile, as in images/presets; one of the same name ' +
        'takes the place of ours. Schedulers and workers need the same, here and in PRESET_IMAGES and PRESET_BUILD_ARGS. docs/presets.md.',
      example: '/etc/crewtab/presets',
    },
    matching(/^.{1,4096}$/, 'must be a path'),
  ),
  PRESET_IMAGES: optional(
    {
      description:
        'Images of a registry that presets get instead of being built on the workers: preset=image, separated by commas.',
      example: 'claude-code=ghcr.io/example/claude-code:1,codex=ghcr.io/example/codex:1',
    },
    assignments(/^[a-z0-9-]{1,40}$/, 'a list of preset=image'),
  ),
  PRESET_BUILD_ARGS: optional(
    {
      description:
        'Build arguments for the Dockerfiles of presets: NAME=value, separated by commas. BASE is the image that they build upon (a Debian with ' +
        'Node 22 and npm), TOOLS the packages that are installed beside the agent, separated by blanks.',
      example: 'BASE=registry.example.org/node:22-bookworm-slim,TOOLS=ca-certificates git ripgrep',
    },
    assignments(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a list of NAME=value'),
  ),
  PRESET_IMAGE_RETENTION: optional(
    {
      description:
        "How long images that were built of presets stay on a worker's host once their preset has another one, since they were made. A Go " +
        'duration. Not set: for ever. Danger: installations that share a host share these images, and the other one builds its own again.',
      example: '720h',
    },
    duration(HOUR_MS, 10 * YEAR_MS, 'from 1h to 87600h'),
  ),
  GIT_IMAGE: optional(
    {
      description:
        "An image with git and certificates, for the helper that fetches teams' repositories. Not set: workers build one of Crewtab's own " +
        '(images/git), upon BASE of PRESET_BUILD_ARGS. Danger: the helper is given the credentials of repositories.',
      example: 'registry.example.com/git:1',
    },
    matching(/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/, 'must be an image reference'),
  ),
  IMAGE_PULL_POLICY: withDefault(
    {
      description:
        `When workers pull the images of agents from their registries: ${PULL_POLICIES.join(', ')}. With always, a run fails where the registry ` +
        'does not answer. Images that are built of presets are never pulled.',
    },
    'missing',
    oneOf(PULL_POLICIES),
  ),
  REGISTRY_CREDENTIALS: optional(
    {
      description:
        "What workers log in to registries with, as JSON: by the registry's host a username and a password (or token). docker.io is Docker Hub.",
      example: '{"ghcr.io":{"username":"me","password":"ghp_…"}}',
      isSecret: true,
    },
    registryCredentials(),
  ),
  NETWORK_OPEN_ALLOWED: withDefault(
    {
      description:
        'Whether new teams may have the network mode `open` under the docker runtime. Danger: it blocks nothing; their agents reach whatever ' +
        "the engine's bridge leads to: this machine's services, its local network, a cloud's metadata service.",
    },
    'false',
    flag(),
  ),
  NETWORK_ALLOWED_CIDRS: withDefault(
    {
      description:
        'Addresses that agents may reach although they are not public, as CIDRs with commas between them (10.1.2.0/24,fd12::/64); a team must ' +
        'list their hosts all the same. Danger: whatever listens there can be asked by agents.',
    },
    '',
    cidrs(),
  ),
  NETWORK_UPSTREAM_PROXY: optional(
    {
      description:
        "A proxy that the workers' egress proxy sends all connections through (http://, https:// or socks5h://, with user:password@ where it wants " +
        'them). It resolves the names then, so it alone can refuse those that lead to private addresses.',
      example: 'http://proxy.example.com:3128',
      isSecret: true,
    },
    url(['http', 'https', 'socks5h']),
  ),
  NETWORK_CONNECTION_LIMIT: withDefault(
    { description: "Connections that a run's agents may have open through the egress proxy at the same time." },
    '256',
    wholeNumber(1, 10_000),
  ),
  NETWORK_CONNECTION_RATE: withDefault(
    {
      description:
        "New connections a second that a run's agents may open through the egress proxy; further ones wait for the next second.",
    },
    '200',
    wholeNumber(1, 100_000),
  ),
  NETWORK_TRAFFIC_RATE: withDefault(
    {
      description:
        "Bytes a second that a run's agents may send and receive through the egress proxy, both together and on average; beyond it their connections " +
        'become slower. Bytes with a unit (500k, 100m).',
    },
    '100m',
    bytes(1_024, 'at least 1k'),
  ),
  NETWORK_TRAFFIC_LIMIT: withDefault(
    {
      description:
        "What a run's agents may send and receive through the egress proxy, both together; beyond it their connections are broken, and the run " +
        'goes on. Bytes with a unit (500m, 10g).',
    },
    '10g',
    bytes(MEBIBYTE, 'at least 1m'),
  ),
  TEARDOWN_LIMIT: withDefault(
    {
      description:
        'How long the removal of a team that succeeded may fail before the run becomes failed (teardown_failed); the removal is tried on ' +
        'all the same. Its deadline plus AGENT_STOP_GRACE ends it too. A Go duration; 0s fails the run with the first failed attempt.',
      formerName: 'TEARDOWN_PATIENCE',
    },
    '60s',
    duration(0, HOUR_MS, 'at most 1h'),
  ),
  VERIFY_TIMEOUT: withDefault(
    {
      description:
        'How long the command of a verification may take before the run has failed (verification_failed). The deadline of the run ends it ' +
        'too, as a timeout. A Go duration.',
    },
    '10m',
    duration(1_000, 24 * HOUR_MS, 'from 1s to 24h'),
  ),
  ...ARTIFACT_SETTINGS,
  COLLECT_TIMEOUT: withDefault(
    {
      description:
        'How long the files of a run are collected after its outcome, before its removal begins with what was kept by then. A success stops ' +
        'at its deadline. A Go duration.',
    },
    '60s',
    duration(1_000, HOUR_MS, 'from 1s to 1h'),
  ),
  RETENTION_ARTIFACTS: optional(
    {
      description:
        'How long the files of runs are kept after they were collected; without it as long as their runs. A Go duration, like 720h for 30 days.',
      example: '720h',
    },
    duration(HOUR_MS, 100 * 365 * 24 * HOUR_MS, 'at least 1h'),
  ),
  CREWTAB_FAILPOINT: optional(
    {
      description:
        'For tests of crashes only, never in production: at a named point this process kills or stops itself (docs/crash-points.md). ' +
        '`kill <point> [hit]`, `stop <point> [hit]`, `follow <file>` with one of these in it, or `record <file>`, which appends the name ' +
        'of every point that is passed.',
      example: 'kill run-store.permitPrompt:after',
    },
    failpoint(),
  ),
  LOG_LEVEL: withDefault(
    { description: `The least serious log lines that are written: ${LOG_LEVELS.join(', ')}.` },
    'info',
    oneOf(LOG_LEVELS),
  ),
};

export type Settings = typeof SETTINGS;
export type SettingName = keyof Settings;
export type SettingValue<N extends SettingName> = Settings[N]['schema']['_zod']['output'];
