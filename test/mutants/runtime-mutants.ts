import type { Mutant } from './mutant';

/** The contract that every runtime keeps, on a real engine. */
const onDocker = (tests: string): Mutant['caughtBy'] => ({
  layer: 'integration',
  specs: 'test/integration/runtime-docker/contract.spec.ts',
  tests,
});

/** Faults at the container engine: who is removed, and how. Only a real engine can notice. */
export const RUNTIME_MUTANTS: readonly Mutant[] = [
  {
    name: 'teardown-by-name-prefix',
    breaks: 'What merely has a name like a deployment of ours is removed with it (I9).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: "const containers = found.filter(({ kind }) => kind === 'container');",
        replace: `const prefixes = found.map(({ name }) => name.replace(/-[^-]+$/, ''));
  const everything = await engine.docker.listContainers({ all: true });
  const alike = everything.filter(({ Names: [name = ''] }) => prefixes.some((prefix) => name.startsWith('/' + prefix)));
  const containers = alike.map(({ Id: id, Names: [name = id], State: state }) => ({
    ...(found[0] as EngineResource),
    kind: 'container' as const,
    id,
    name,
    isRunning: state === 'running',
  }));`,
      },
    ],
    caughtBy: onDocker('touches neither other runs'),
  },
  {
    name: 'teardown-ignores-the-installation',
    breaks: "Another installation's resources on the same engine are taken for ours (I9).",
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'const filter = [`${LABELS.installation}=${installationId}`];',
        replace: 'const filter = [LABELS.installation, ...(installationId ? [] : [installationId])];',
      },
    ],
    caughtBy: onDocker('lists what stands'),
  },
  {
    name: 'sigterm-is-all-that-is-sent',
    breaks: 'An agent that ignores SIGTERM is never killed, and the run never torn down (I8).',
    // Only where a grace is given, so that the test itself can still remove what it made.
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'const VERIFY_LOOKS_MS =',
        replace: 'let isGentle = false;\nconst VERIFY_LOOKS_MS =',
      },
      {
        within: 'libs/runtime-docker',
        inside: 'tearDown',
        search: 'if (graceMs > 0)',
        replace: 'isGentle = graceMs > 0;\n  if (graceMs > 0)',
      },
      {
        within: 'libs/runtime-docker',
        inside: 'removeOne',
        search: 'remove({ force: true, v: true, abortSignal })',
        replace: 'remove({ force: !isGentle, v: true, abortSignal })',
      },
    ],
    caughtBy: onDocker('kills an agent that ignores SIGTERM'),
  },
  {
    name: 'no-grace-before-the-kill',
    breaks: 'Work that is cut short is killed at once, without the time to close its files.',
    edits: [
      {
        within: 'libs/runtime-docker',
        inside: 'tearDown',
        search: 'if (graceMs > 0)',
        replace: 'if (graceMs > 1e9)',
      },
    ],
    caughtBy: onDocker('end by itself within its grace'),
  },
  {
    name: 'refused-removal-is-swallowed',
    breaks: 'What the engine refuses to remove is not reported as left over (I8).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'return left.map(({ kind, id, name }) =>',
        replace: 'return left.slice(left.length).map(({ kind, id, name }) =>',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/runtime-docker/teardown.spec.ts' },
  },
  {
    name: 'unstarted-container-is-started-again',
    breaks:
      'An agent whose container was being started when the engine died gets an input that has ended, and the run fails (I13).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'await this.remove(this.engine.docker.getContainer(found.Id), { force: false });\n    return null;',
        replace: 'return this.complete(order, this.engine.docker.getContainer(found.Id));',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/broken-connections.spec.ts',
      tests: 'made anew, since',
    },
  },
  {
    name: 'doubled-networks-stay',
    breaks: 'A run fails whose network was made a second time by a worker that had lost it (I13).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'if (twins.length < 2) return;',
        replace: 'if (twins.length < 20) return;',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/networks.spec.ts',
      tests: 'joins one network',
    },
  },
  {
    name: 'link-to-a-dead-worker-stays',
    breaks:
      'A team waits for ever for an answer, since its socket leads to a worker that died after it was taken over (I4).',
    edits: [
      {
        within: 'libs/run-sockets',
        search: 'if ((await target()) === ownName) return;',
        replace: 'if ((await target()) !== null) return;',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/tool-server/unix-tool-server.spec.ts',
      tests: 'and died',
    },
  },
  {
    name: 'tools-folder-writable',
    breaks:
      'An agent replaces what its worker reads in the folder that they share, and holds up every run of the host.',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'Target: TOOLS_DIR, ReadOnly: true }',
        replace: 'Target: TOOLS_DIR }',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/container-settings.spec.ts',
      tests: 'read-only',
    },
  },
  {
    name: 'caller-names-itself',
    breaks: 'A call in the name of nobody gives the leader a turn with the text of an attacker.',
    edits: [
      {
        within: 'libs/tool-server',
        search: 'const answerAs: Answer = (call) => answer({ ...call, agent });',
        replace: 'const answerAs: Answer = (call) => answer({ agent, ...call });',
      },
      {
        within: 'libs/tool-server',
        search: 'call: { id, tool, arguments:',
        replace: 'call: { ...(value as object), id, tool, arguments:',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/tool-server/unix-tool-server.spec.ts',
      tests: 'knows the caller',
    },
  },
  {
    name: 'bridge-rewritten-in-place',
    breaks:
      "A worker that was stopped and died while it wrote the program of the team's tools leaves it empty for the one that has taken over, and the run fails (I13).",
    edits: [
      {
        within: 'libs/tool-server',
        search: "const written = join(socketDir, `${BRIDGE_NAME}.${randomBytes(4).toString('hex')}`);",
        replace: 'const written = bridge;',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/tool-server/unix-tool-server.spec.ts',
    },
  },
  {
    name: 'restarted-engine-is-believed',
    breaks: 'What an engine lost of an output while it was down is not noticed (I14).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'mayLackOutput: !(await wasThereAt(engine, found.State.FinishedAt))',
        replace: 'mayLackOutput: (await wasThereAt(engine, found.State.FinishedAt)) && false',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/engine-killed.spec.ts',
      tests: 'does not vouch for the output',
    },
  },
  {
    name: 'refused-line-is-given-up',
    breaks: 'A run fails whose prompt was written to a connection that had broken just before, and never left (I13).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'if (!isOneLine(data) || !wasRefused(error)',
        replace: 'if (isOneLine(data) || !wasRefused(error)',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/broken-connections.spec.ts',
      tests: 'just before a write',
    },
  },
  {
    name: 'kept-output-is-not-read',
    breaks: 'What an engine had read and not yet written down when it ended is missing from a success (I6, I14).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'if (bytes.length === 0) return;',
        replace: 'if (bytes.length >= 0) return;',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/engine-killed.spec.ts',
      tests: 'has every word',
    },
  },
  {
    name: 'late-records-are-taken-again',
    breaks: 'What was read from the file and comes with the log as well is stored twice (I14).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'if (record.position < this.position) return;',
        replace: 'if (record.position < 0) return;',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/guarded-output.spec.ts',
      tests: 'takes nothing twice',
    },
  },
  {
    name: 'torn-records-are-taken',
    breaks: 'A record whose middle the engine has lost is taken for a whole one, and the answer is another (I6, I14).',
    edits: [
      {
        within: 'libs/agent-guard',
        search: 'return payload.length === length ||',
        replace: 'return payload.length <= length ||',
      },
    ],
    caughtBy: { layer: 'unit', specs: 'libs/agent-guard/guard-records.spec.ts' },
  },
  {
    name: 'spoilt-file-is-read-on',
    breaks:
      'What an agent wrote into the file of its guard is read for ever, and every worker that adopts the run dies of it (I4).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: " || record.kind === 'foreign' || record.position !== this.position",
        replace: '',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/guarded-output.spec.ts',
      tests: 'reads no more of a file',
    },
  },
  {
    name: 'container-being-removed-is-adopted',
    breaks:
      'A run is given a container that was never started and that another worker is just removing, and fails (I13).',
    edits: [
      {
        within: 'libs/runtime-docker',
        search: 'if (wasStarted(found.State) || (await this.isStartedSoon(order, found))) return found.Id;',
        replace: "if (found.State.Status !== 'created') return found.Id;",
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-docker/broken-connections.spec.ts',
      tests: 'another worker is removing',
    },
  },
  {
    name: 'deadline-by-the-machines-clock',
    breaks: 'A clock that is set forward past its deadline ends a process agent that is well (I13).',
    edits: [
      {
        within: 'libs/runtime-process',
        search: 'killInMs: limitMs +',
        replace: 'killInMs: Date.now() + limitMs +',
      },
      {
        within: 'libs/runtime-process',
        search: 'endAt(performance.now() + order.killInMs,',
        replace: 'endAt(performance.now() + order.killInMs - Date.now(),',
      },
    ],
    caughtBy: {
      layer: 'integration',
      specs: 'test/integration/runtime-process/process-lives.spec.ts',
      tests: 'a clock that is set forward',
    },
  },
  {
    name: 'refused-trace-fails-the-run',
    breaks: 'An engine that cannot read a file just after its start fails a run that is well (I13).',
    edits: [
      {
        within: 'libs/runtime-docker',
        inside: 'leaveTrace',
        search: 'if (!(error instanceof EngineRefusal)) throw error;',
        replace: 'if (error !== null) throw error;',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/runtime-docker/refusing-engine.spec.ts' },
  },
];
