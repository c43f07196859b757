import { GUARD_FOLDER, GUARD_PROGRAM, readGuardProgram } from '@crewtab/agent-guard/guard-layout';
import type Docker from 'dockerode';
import type { TarEntry } from './container-files';
import type { EngineClient } from '../engine/engine-client';
import type { ImageFacts } from '../images/image-facts';

/**
 * The guard (images/guard/guard.c) as it is needed on one engine: a program that runs an agent, keeps its output in a file of
 * its container, and ends it at its deadline.
 */
export class GuardPrograms {
  private found: Promise<Buffer | null> | null = null;

  /** @param folder with `guard-<architecture>` files; null where no container is to have one */
  constructor(
    private readonly engine: EngineClient,
    private readonly folder: string | null,
  ) {}

  /** For the engine's architecture; null where the build has none for it. */
  program(): Promise<Buffer | null> {
    this.found ??= this.find().catch((error: unknown) => {
      this.found = null;
      throw error;
    });
    return this.found;
  }

  private async find(): Promise<Buffer | null> {
    if (this.folder === null) return null;
    const { Os: os, Arch: architecture } = await this.engine.read('version', () => this.engine.docker.version());
    if (os !== 'linux') return null;
    return readGuardProgram(this.folder, architecture);
  }
}

/** What must be put into a container before the guard can start in it. */
export function guardFiles(program: Buffer, { user: { uid, gid } }: ImageFacts): TarEntry[] {
  return [
    // An image whose user is not the one that we took it for must be able to start the guard at least.
    { path: GUARD_FOLDER, mode: 0o711, uid, gid, content: null },
    { path: GUARD_PROGRAM, mode: 0o755, uid: 0, gid: 0, content: program },
  ];
}

export function isGuarded({ Path: program }: Docker.ContainerInspectInfo): boolean {
  return program === GUARD_PROGRAM;
}
