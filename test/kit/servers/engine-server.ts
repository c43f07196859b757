import { access, appendFile, chmod, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { findDockerEngine, pingDockerEngine } from '@crewtab/launcher/docker-engine';
import { findOnPath } from '@crewtab/local-services/find-on-path';
import { SupervisedServer, type StopPlan } from '@crewtab/local-services/supervised-server';
import { dockerHttp, type DockerHttp } from '../services/docker-http';
import { eventually } from '../wait-for';
import { runProgram } from './run-program';
import { pauseServer } from './pause-server';

const ORDERLY = [{ signal: 'SIGTERM', waitMs: 20_000 }] as const;
const READY_TIMEOUT_MS = 40_000;
const START_ATTEMPTS = 3;

/** A container engine for faults: one of its own that can be killed, or the one that is given. */
export interface EngineServer {
  readonly dockerHost: string;
  readonly http: DockerHttp;
  /** Why faults of the engine itself are left out; null when they are not. */
  readonly whyNoFaults: string | null;
  kill(): Promise<void>;
  /** SIGTERM: containers go on here too, as `live-restore` promises. */
  shutDown(): Promise<void>;
  pause(): Promise<void>;
  resume(): void;
  /** Starts it where it is down; one that runs is shut down first. */
  restart(): Promise<void>;
  /** Removes all containers first where the engine is our own. */
  stop(): Promise<void>;
}

/** No container engine answers. */
export class NoEngine extends Error {}

/**
 * @param logFile keeps the log of an engine of our own.
 * @throws NoEngine when there is neither root and dockerd nor an engine that answers.
 */
export async function openEngineServer(folder: string, logFile: string): Promise<EngineServer> {
  const why = await whyNotOwn();
  return why === null ? OwnEngine.start(join(folder, 'docker'), logFile) : givenEngine(why);
}

async function whyNotOwn(): Promise<string | null> {
  if (process.platform !== 'linux') return 'an engine of its own needs Linux';
  if (process.getuid?.() !== 0) return 'an engine of its own needs root';
  for (const program of ['dockerd', 'ip']) {
    if ((await findOnPath(program, process.env)) === null) return `there is no ${program} on the PATH`;
  }
  return null;
}

async function givenEngine(why: string): Promise<EngineServer> {
  const found = await findDockerEngine(process.env);
  if (!found.isReachable) throw new NoEngine(`${why}, and no other engine answers: ${found.reason}`);
  if (!found.dockerHost.startsWith('unix://')) throw new Error('the proxies need an engine on a unix socket');
  const refuse = (): Promise<void> => Promise.reject(new Error(why));
  return {
    dockerHost: found.dockerHost,
    http: dockerHttp(found.dockerHost),
    whyNoFaults: why,
    kill: refuse,
    shutDown: refuse,
    pause: refuse,
    resume: () => undefined,
    restart: refuse,
    stop: () => Promise.resolve(),
  };
}

class OwnEngine implements EngineServer {
  readonly whyNoFaults = null;
  readonly dockerHost: string;
  readonly http: DockerHttp;
  private server: SupervisedServer | null = null;
  private goOn: (() => void) | null = null;

  private constructor(
    private readonly folder: string,
    private readonly bridge: string,
    private readonly logFile: string,
  ) {
    this.dockerHost = `unix://${folder}/docker.sock`;
    this.http = dockerHttp(this.dockerHost);
  }

  static async start(folder: string, logFile: string): Promise<OwnEngine> {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o711);
    const engine = new OwnEngine(folder, await makeBridge(), logFile);
    try {
      await engine.restart();
      return engine;
    } catch (error) {
      await engine.clear();
      throw error;
    }
  }

  /** SIGKILL: containers go on, as `live-restore` promises. */
  kill(): Promise<void> {
    return this.end([{ signal: 'SIGKILL', waitMs: 5_000 }]);
  }

  shutDown(): Promise<void> {
    return this.end(ORDERLY);
  }

  async pause(): Promise<void> {
    if (this.server !== null) this.goOn = await pauseServer(this.server.pid);
  }

  resume(): void {
    this.goOn?.();
    this.goOn = null;
  }

  /** Tried a few times: an engine that was killed is sometimes in its own way when it starts again. */
  async restart(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.end(ORDERLY);
      // Its containerd dies with it, and the next one must not meet it.
      for (const pid of await this.processes('containerd.toml')) endQuietly(pid);
      await eventually(async () => (await this.processes('containerd.toml')).length === 0);
      const failure = await this.startOnce();
      if (failure === null) return;
      if (attempt === START_ATTEMPTS) throw new Error(`dockerd does not start: ${failure}`);
    }
  }

  /** @returns its last words when it did not start. */
  private async startOnce(): Promise<string | null> {
    const server = await SupervisedServer.start({
      file: 'dockerd',
      args: this.args(),
      cwd: '/',
      env: { PATH: process.env.PATH },
      folder: this.folder,
    });
    this.server = server;
    const isDecided = async (): Promise<boolean> =>
      server.hasExited || (await pingDockerEngine(this.dockerHost)) === null;
    const isInTime = await eventually(isDecided, { timeoutMs: READY_TIMEOUT_MS, intervalMs: 100 }).then(
      () => true,
      () => false,
    );
    return isInTime && !server.hasExited ? null : server.outputTail();
  }

  private async end(plan: StopPlan): Promise<void> {
    if (this.server === null) return;
    await this.server.stop(plan);
    this.server = null;
    await appendFile(this.logFile, await readFile(join(this.folder, 'server.log')));
  }

  async stop(): Promise<void> {
    this.resume();
    if (this.server?.hasExited !== false) await this.restart();
    await this.removeContainers();
    await this.clear();
  }

  private async clear(): Promise<void> {
    await this.end(ORDERLY);
    // Shims of containers that the engine could not remove any more.
    for (const pid of await this.processes(`${this.folder}/`)) endQuietly(pid);
    await eventually(async () => (await this.processes(`${this.folder}/`)).length === 0);
    for (const mount of await this.mounts()) await runProgram('umount', ['--lazy', mount]);
    await runProgram('ip', ['link', 'delete', this.bridge]);
    for (const name of await this.ownBridges()) await runProgram('ip', ['link', 'delete', name]);
    await rm(this.folder, { recursive: true, force: true });
  }

  private args(): string[] {
    return [
      ['--data-root', join(this.folder, 'data')],
      ['--exec-root', join(this.folder, 'exec')],
      ['--pidfile', join(this.folder, 'docker.pid')],
      ['--host', this.dockerHost],
      ['--live-restore=true'],
      ['--bridge', this.bridge],
      // Its rules would be rewritten at each of its starts, for every other engine of this machine too.
      ['--iptables=false'],
      ['--ip-masq=false'],
      ['--userland-proxy=false'],
      ['--default-address-pool', 'base=10.215.0.0/16,size=28'],
    ].flat();
  }

  private async removeContainers(): Promise<void> {
    const all = JSON.parse(await this.http.call({ path: '/containers/json?all=1' })) as { Id: string }[];
    for (const { Id } of all) {
      await this.http.call({ method: 'DELETE', path: `/containers/${Id}?force=1&v=1` }).catch(() => undefined);
    }
    this.networks = JSON.parse(await this.http.call({ path: '/networks' })) as typeof this.networks;
  }

  private networks: { readonly Id: string; readonly Driver: string }[] = [];

  /** Bridges of networks that stay when the engine is stopped. */
  private async ownBridges(): Promise<string[]> {
    const present = new Set(await readdir('/sys/class/net'));
    return this.networks.map(({ Id }) => `br-${Id.slice(0, 12)}`).filter((name) => present.has(name));
  }

  /** Processes of this engine: its folder stands in their command line. */
  private async processes(words: string): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const found: number[] = [];
    for (const pid of pids) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      if (command.includes(this.folder) && command.includes(words) && pid !== process.pid) found.push(pid);
    }
    return found;
  }

  /** Deepest first: overlays, network namespaces and shared memory. */
  private async mounts(): Promise<string[]> {
    const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
    const points = lines.map((line) => line.split(' ')[1] ?? '').filter((point) => point.startsWith(`${this.folder}/`));
    return points.sort().reverse();
  }
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** A bridge of its own in a subnet that this machine does not use: docker0 may belong to another engine. */
async function makeBridge(): Promise<string> {
  const taken = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  const name = `cwc${process.pid}`;
  await access('/sys/class/net');
  for (let third = 0; third < 255; third++) {
    if (taken.some((address) => address.startsWith(`10.216.${third}.`))) continue;
    await runProgram('ip', ['link', 'add', name, 'type', 'bridge']);
    await runProgram('ip', ['addr', 'add', `10.216.${third}.1/24`, 'dev', name]);
    await runProgram('ip', ['link', 'set', name, 'up']);
    return name;
  }
  throw new Error('no subnet of 10.216.0.0/16 is free for a bridge');
}
