import { randomBytes } from 'node:crypto';
import type { DeploymentSpec, DeployOptions } from '@crewtab/domain/ports/runtime';
import { AppError } from '@crewtab/domain/errors';
import type Docker from 'dockerode';
import { readEntry, statIn } from '../agents/container-files';
import { WORKSPACE_DIR } from '../docker-options';
import { type EngineClient, type MutationOptions, toAppError } from '../engine/engine-client';
import type { Images } from './images';
import { runLabels } from '../resources/labels';

/** What must be known of an image before a container is made of it. */
export interface ImageFacts {
  readonly imageId: string;
  /** Entry point and command of the image, in exec form; empty where it has none. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: AgentUser;
  /** Path of a `timeout` program inside; null where there is none. */
  readonly timeoutPath: string | null;
  readonly hasTmp: boolean;
  /** A working directory that its user may write to: a new volume mounted there takes over owner and mode. */
  readonly hasWorkspace: boolean;
}

const TIMEOUT_PATHS = ['/usr/bin/timeout', '/bin/timeout', '/usr/local/bin/timeout'];

/**
 * Looks into images, once for each image id: by its configuration, and through a container that is made of it,
 * never started, and removed.
 */
export class ImageFactsBook {
  private readonly byId = new Map<string, Promise<ImageFacts>>();
  private readonly idByReference = new Map<string, string>();

  constructor(
    private readonly engine: EngineClient,
    private readonly images: Images,
  ) {}

  /** Pulls the image where it is absent and looks into it where that was not done yet. */
  async prepare(reference: string, deployment: DeploymentSpec, options: DeployOptions): Promise<void> {
    const image = await this.images.ensure(reference, options);
    remember(this.idByReference, reference, image.Id);
    await this.lookInto(image, deployment, options.signal);
  }

  /** The facts of an image that should be on the engine (`image_not_found` where it is not). */
  async of(reference: string, deployment: DeploymentSpec, signal: AbortSignal): Promise<ImageFacts> {
    const known = this.byId.get(this.idByReference.get(reference) ?? '');
    if (known) return known;
    const image = await this.images.find(reference);
    if (!image) throw new AppError('image_not_found', `the engine has no image ${reference}`);
    remember(this.idByReference, reference, image.Id);
    return this.lookInto(image, deployment, signal);
  }

  private lookInto(
    image: Docker.ImageInspectInfo,
    deployment: DeploymentSpec,
    signal: AbortSignal,
  ): Promise<ImageFacts> {
    const known = this.byId.get(image.Id);
    if (known) return known;
    const looking = this.probe(image, deployment, { priority: 'deploy', signal });
    remember(this.byId, image.Id, looking);
    looking.catch(() => this.byId.delete(image.Id));
    return looking;
  }

  private async probe(
    image: Docker.ImageInspectInfo,
    deployment: DeploymentSpec,
    options: MutationOptions,
  ): Promise<ImageFacts> {
    const container = await this.createProbe(image.Id, deployment, options);
    try {
      const [passwd, workspace, tmp, timeoutPath] = await Promise.all([
        readEntry(this.engine, container, '/etc/passwd'),
        readEntry(this.engine, container, WORKSPACE_DIR),
        statIn(this.engine, container, '/tmp'),
        this.findTimeout(container),
      ]);
      const { Entrypoint: entrypoint, Cmd: command, Env: env, User: user } = image.Config;
      const agentUser = chooseUser(user ?? '', passwd?.content ?? '', parseEnv(env ?? []).HOME ?? null);
      return {
        imageId: image.Id,
        command: [...listOf(entrypoint), ...listOf(command)],
        env: parseEnv(env ?? []),
        user: agentUser,
        hasWorkspace: workspace !== null && mayWrite(agentUser, workspace),
        timeoutPath,
        hasTmp: tmp !== null,
      };
    } finally {
      await this.removeProbe(container, options);
    }
  }

  /** Bears the run's labels, so that a worker that dies right here leaves nothing that the run's teardown overlooks. */
  private async createProbe(
    imageId: string,
    deployment: DeploymentSpec,
    options: MutationOptions,
  ): Promise<Docker.Container> {
    const spec = {
      name: `${deployment.name}-probe-${randomBytes(4).toString('hex')}`,
      Image: imageId,
      Entrypoint: ['true'],
      Labels: runLabels(deployment),
      HostConfig: { NetworkMode: 'none' },
    };
    try {
      return await this.engine.mutate('docker.probe.create', 'create probe', options, (abortSignal) =>
        this.engine.docker.createContainer({ ...spec, abortSignal }),
      );
    } catch (error) {
      throw toAppError(error);
    }
  }

  /**
   * A probe that resists is no reason to fail the run: it bears the run's labels, so the run's teardown meets it again,
   * and goes on until it is gone.
   */
  private async removeProbe(container: Docker.Container, { priority }: MutationOptions): Promise<void> {
    await this.engine
      .mutate('docker.probe.remove', 'remove probe', { priority }, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      )
      .catch(() => undefined);
  }

  private async findTimeout(container: Docker.Container): Promise<string | null> {
    const stats = await Promise.all(TIMEOUT_PATHS.map((path) => statIn(this.engine, container, path)));
    return TIMEOUT_PATHS.find((_, index) => stats[index]?.isExecutable) ?? null;
  }
}

function listOf(value: string | string[] | null | undefined): string[] {
  if (value === null || value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function parseEnv(entries: readonly string[]): Record<string, string> {
  const pairs = entries.map((entry): [string, string] => {
    const equals = entry.indexOf('=');
    return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  return Object.fromEntries(pairs);
}

const MOST_REMEMBERED = 1_000;

/** Keeps the latest entries of a map, so that what is only remembered to save calls cannot grow for ever. */
export function remember<V>(memory: Map<string, V>, key: string, value: V): void {
  memory.delete(key);
  memory.set(key, value);
  const [oldest] = memory.keys();
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest);
}

/** Who an agent is inside its container. */
export interface AgentUser {
  /** For the engine's `User`; null = as the image says. */
  readonly runAs: string | null;
  readonly uid: number;
  readonly gid: number;
  /** A home to make and to name in HOME; null where the image has a usable one. */
  readonly madeHome: string | null;
}

/** Not root: Claude Code, for one, refuses its unattended mode to root. */
const AGENT_UID = 1000;
const MADE_HOME = '/home/agent';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * An image that names a user other than root keeps it. All others run as 1000:1000, in the home of that user where
 * the image has one, otherwise in one that is made.
 * @param declared the image's `User`: empty, `name`, `uid`, `name:group` or `uid:gid`
 * @param passwd the image's /etc/passwd, or empty
 */
export function chooseUser(declared: string, passwd: string, homeVariable: string | null): AgentUser {
  const entries = parsePasswd(passwd);
  const [name = '', group = ''] = declared.split(':');
  const entry = entries.find((candidate) => candidate.name === name || String(candidate.uid) === name);
  const uid = entry?.uid ?? toId(name) ?? 0;
  if (name !== '' && uid !== 0) return { runAs: null, uid, gid: toId(group) ?? entry?.gid ?? 0, madeHome: null };
  if (name !== '' && name !== 'root' && !entry && toId(name) === null) {
    // A name that the image does not know: the engine will say so better than we can.
    return { runAs: null, uid: AGENT_UID, gid: AGENT_UID, madeHome: null };
  }
  const home = entries.find((candidate) => candidate.uid === AGENT_UID)?.home ?? '';
  const isUsable = (path: string): boolean => path !== '' && path !== '/' && path !== '/root';
  const hasHome = homeVariable === null ? isUsable(home) : isUsable(homeVariable);
  return { runAs: `${AGENT_UID}:${AGENT_UID}`, uid: AGENT_UID, gid: AGENT_UID, madeHome: hasHome ? null : MADE_HOME };
}

/** Whether the user may create files in a directory with that owner and mode. */
export function mayWrite(
  user: AgentUser,
  directory: { readonly uid: number; readonly gid: number; readonly mode: number },
): boolean {
  if (directory.uid === user.uid) return (directory.mode & 0o300) === 0o300;
  if (directory.gid === user.gid) return (directory.mode & 0o030) === 0o030;
  return (directory.mode & 0o003) === 0o003;
}

function parsePasswd(passwd: string): PasswdEntry[] {
  return passwd.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    const [uidNumber, gidNumber] = [toId(uid), toId(gid)];
    return name === '' || uidNumber === null || gidNumber === null
      ? []
      : [{ name, uid: uidNumber, gid: gidNumber, home }];
  });
}

function toId(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}
