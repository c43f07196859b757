import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { importDemoImage } from '@crewtab/launcher/demo-program';
import { pingDockerEngine } from '@crewtab/launcher/docker-engine';
import { hasDocker } from './docker';
import { dockerHttp } from './docker-http';
import { startProcess, type StartedProcess } from '../processes';
import { eventually } from '../wait-for';

/** Not below /tmp, which may be an overlay itself: the engine cannot put overlays on one. */
const ROOT = '/var/tmp';
const READY_WITHIN_MS = 60_000;

/**
 * `describe` where engines can be started that may be harmed, which needs root and dockerd's program; elsewhere its tests are
 * skipped and counted as skipped, and the title says what is missing.
 */
export function describeWithOwnEngines(name: string, define: () => void): void {
  const why = hasDocker() ? whyNoOwnEngines() : 'no Docker engine answers';
  if (why === null) describe(name, define);
  else describe.skip(`${name} (skipped: ${why})`, define);
}

/** Null: this machine can. */
function whyNoOwnEngines(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['dockerd', 'unshare', 'ip', 'mount'].filter((program) => !isOnPath(program));
  return missing.length > 0 ? `needs ${missing.join(', ')}` : null;
}

/**
 * A machine of its own, as far as a container engine is concerned: a dockerd with network, processes, mounts and identity
 * apart from every other. Switching it off is what pulling the plug is: nothing in it gets a signal that it could answer.
 */
export class OwnEngine {
  private process: StartedProcess | null = null;

  private constructor(
    readonly name: string,
    private readonly home: string,
  ) {}

  /** Resolves when the engine answers. */
  static async start(name: string): Promise<OwnEngine> {
    const engine = new OwnEngine(name, await mkdtemp(join(ROOT, `crewtab-e2e-${name}-`)));
    // Its identity, which dockerd keeps below /etc/docker.
    await mkdir(join(engine.home, 'etc'));
    await engine.switchOn();
    return engine;
  }

  get dockerHost(): string {
    return `unix://${join(this.home, 'docker.sock')}`;
  }

  /** For a worker beside it. */
  get dataDir(): string {
    return join(this.home, 'crewtab');
  }

  async switchOn(): Promise<void> {
    // What a machine keeps below /run does not outlive it; process ids in there would mean other processes.
    await rm(join(this.home, 'docker.pid'), { force: true });
    await rm(join(this.home, 'exec'), { recursive: true, force: true });
    await mkdir('/etc/docker', { recursive: true });
    const script = [
      'ip link set lo up',
      `mount --bind ${join(this.home, 'etc')} /etc/docker`,
      // Not as the first process of its namespace: the first one must collect what containers leave.
      `dockerd --data-root ${this.home}/data --exec-root ${this.home}/exec --pidfile ${this.home}/docker.pid ` +
        `--host ${this.dockerHost} --bip 172.31.255.1/24 --live-restore=false & wait $!`,
    ];
    const apart = ['--net', '--pid', '--mount', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc'];
    const started = startProcess(`engine ${this.name}`, 'unshare', [...apart, 'sh', '-ec', script.join('\n')]);
    this.process = started;
    await eventually(
      async () => {
        const problem = await pingDockerEngine(this.dockerHost);
        if (problem !== null) throw new Error(`engine ${this.name}: ${problem}\n${started.tail()}`);
      },
      { timeoutMs: READY_WITHIN_MS },
    );
  }

  /** Everything in it dies at once: the engine, its containers and their agents. */
  async switchOff(): Promise<void> {
    this.process?.kill('SIGKILL');
    await this.process?.exited;
    this.process = null;
  }

  /** Puts the demo agent's image there; answers its reference. */
  importDemoImage(): Promise<string> {
    return importDemoImage(this.dockerHost, () => undefined);
  }

  /** Containers and volumes that belong to a run. */
  async runResources(): Promise<string[]> {
    const ask = async <T>(path: string): Promise<T> =>
      JSON.parse(await dockerHttp(this.dockerHost).call({ path })) as T;
    const filters = encodeURIComponent(JSON.stringify({ label: ['crewtab.run'] }));
    const [containers, { Volumes }] = await Promise.all([
      ask<{ Names: string[] }[]>(`/containers/json?all=1&filters=${filters}`),
      ask<{ Volumes: { Name: string }[] | null }>(`/volumes?filters=${filters}`),
    ]);
    return [
      ...containers.map(({ Names }) => `container ${Names.join()}`),
      ...(Volumes ?? []).map(({ Name }) => `volume ${Name}`),
    ];
  }

  /** Switches it off and takes everything away. */
  async remove(): Promise<void> {
    await this.switchOff();
    if (existsSync(this.home)) await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
