import type { Readable } from 'node:stream';
import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec, FoundFile, WorkspaceFile } from '@crewtab/domain/ports/runtime';
import { workspacePath } from '@crewtab/domain/runs/workspace-path';
import { extract, type Header } from 'tar-stream';
import type Docker from 'dockerode';
import { makeTar, type TarEntry } from '../agents/containers';
import { imagesOf, workspaceEntry, type ImageFacts } from '../agents/container-spec';
import { WORKSPACE_DIR } from '../docker-options';
import {
  withinLimit,
  type EngineClient,
  EngineRefusal,
  isRefusal,
  toAppError,
  unreachable,
} from '../engine/engine-client';
import type { ImageFactsBook } from '../images/images';
import { createHelper, removeHelper } from './helper-container';
import type { Workspaces } from './workspace';

/** One entry of an archive: its header, and its bytes. */
type Entry = AsyncIterable<Buffer> & { readonly header: Header };

/** Files of a run's workspace, through a helper that is made for each call. */
export class WorkspaceFiles {
  constructor(
    private readonly engine: EngineClient,
    private readonly factsBook: ImageFactsBook,
    private readonly workspaces: Pick<Workspaces, 'assertKept'>,
  ) {}

  async put(deployment: DeploymentSpec, files: readonly WorkspaceFile[]): Promise<void> {
    const paths = files.map(({ path }) => workspacePath(path));
    await this.withHelper(deployment, async (helper, facts) => {
      const { uid, gid } = facts.user;
      const folders = new Set(paths.flatMap(foldersOf));
      const entries: TarEntry[] = [
        ...workspaceEntries(deployment, facts),
        ...[...folders].map((path) => ({ path: inWorkspace(path), mode: 0o755, uid, gid, content: null })),
        ...files.map(({ content, mode }, index) => ({
          path: inWorkspace(paths[index] ?? ''),
          mode,
          uid,
          gid,
          content: Buffer.from(content),
        })),
      ];
      const tar = await makeTar(entries);
      await this.engine.mutate(
        'docker.workspace.put-files',
        `put files into ${helper.id}`,
        { priority: 'deploy' },
        (abortSignal) => helper.putArchive(tar, { path: '/', abortSignal }),
      );
    });
  }

  async *read(deployment: DeploymentSpec, path: string): AsyncGenerator<FoundFile> {
    const wanted = workspacePath(path);
    const helper = await this.create(deployment, await this.factsOf(deployment));
    try {
      for (const folder of foldersOf(wanted)) await this.requireFolder(helper, folder);
      yield* this.entriesOf(await this.archive(helper, wanted), wanted);
    } finally {
      await removeHelper(this.engine, helper);
    }
  }

  private async withHelper(
    deployment: DeploymentSpec,
    work: (helper: Docker.Container, facts: ImageFacts) => Promise<void>,
  ): Promise<void> {
    const facts = await this.factsOf(deployment);
    const helper = await this.create(deployment, facts);
    try {
      await work(helper, facts);
    } catch (error) {
      throw toAppError(error);
    } finally {
      await removeHelper(this.engine, helper);
    }
  }

  /** Any image of the team serves. */
  private factsOf(deployment: DeploymentSpec): Promise<ImageFacts> {
    const [image] = imagesOf(deployment);
    if (image === undefined) throw new AppError('image_not_found', 'no agent of the team has an image');
    return this.factsBook.of(image, deployment, new AbortController().signal);
  }

  private async create(deployment: DeploymentSpec, { imageId }: ImageFacts): Promise<Docker.Container> {
    await this.workspaces.assertKept(deployment);
    try {
      return await createHelper(this.engine, deployment, imageId);
    } catch (error) {
      throw error instanceof EngineRefusal ? new AppError('create_failed', error.words, { cause: error }) : error;
    }
  }

  /** The engine follows links on the way to what it archives, and would hand out files of the helper's image. */
  private async requireFolder(helper: Docker.Container, path: string): Promise<void> {
    try {
      const head = (await this.engine.read(`look at ${path}`, (abortSignal) =>
        helper.infoArchive({ path: inWorkspace(path), abortSignal }),
      )) as { readonly headers: Readonly<Record<string, string | undefined>> };
      const stat = head.headers['x-docker-container-path-stat'] ?? '';
      const { linkTarget } = JSON.parse(Buffer.from(stat, 'base64').toString()) as { readonly linkTarget: string };
      if (linkTarget !== '') throw new AppError('not_found', `"${path}" in the workspace is a link`);
    } catch (error) {
      if (isRefusal(error, 404)) throw new AppError('not_found', `there is no "${path}" in the workspace`);
      throw error instanceof AppError ? error : toAppError(error);
    }
  }

  private async archive(helper: Docker.Container, path: string): Promise<Readable> {
    try {
      return (await this.engine.read(`read ${path}`, (abortSignal) =>
        helper.getArchive({ path: inWorkspace(path), abortSignal }),
      )) as Readable;
    } catch (error) {
      if (isRefusal(error, 404))
        throw new AppError('not_found', `there is no "${path}" in the workspace`, { cause: error });
      throw toAppError(error);
    }
  }

  private async *entriesOf(tar: Readable, wanted: string): AsyncGenerator<FoundFile> {
    const archive = extract();
    tar.once('error', (error: Error) => archive.destroy(error));
    tar.pipe(archive);
    const entries = archive[Symbol.asyncIterator]() as unknown as AsyncIterator<Entry, undefined>;
    try {
      for (let next = await this.step(entries); !next.done; next = await this.step(entries)) {
        const { header } = next.value;
        const chunks = next.value[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
        const path = pathOf(header.name, wanted);
        if (path !== '') yield toFoundFile(header, path, this.contentOf(chunks));
        for (let chunk = await this.step(chunks); !chunk.done;) chunk = await this.step(chunks);
      }
    } finally {
      tar.destroy();
    }
  }

  private async *contentOf(chunks: AsyncIterator<Buffer, undefined>): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.step(chunks); !chunk.done; chunk = await this.step(chunks)) yield chunk.value;
  }

  /** An archive that breaks off, or brings nothing for too long, is an engine that does not answer. */
  private async step<T>(iterator: AsyncIterator<T, undefined>): Promise<IteratorResult<T, undefined>> {
    const what = 'read the workspace';
    try {
      return await withinLimit(what, this.engine.limits.stallMs, () => iterator.next());
    } catch (error) {
      throw error instanceof AppError ? error : unreachable(what, (error as Error).message, error);
    }
  }
}

/** What makes the workspace writable for every member, where an image does not bring it: see `AgentDeployer`. */
export function workspaceEntries(deployment: DeploymentSpec, facts: ImageFacts): TarEntry[] {
  return facts.hasWorkspace && imagesOf(deployment).length <= 1 ? [] : [workspaceEntry(facts)];
}

function inWorkspace(path: string): string {
  return path === '' ? WORKSPACE_DIR : `${WORKSPACE_DIR}/${path}`;
}

/** Every folder above a path, the highest first. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** An archive names its entries from the last part of the path that was asked for. */
function pathOf(name: string, wanted: string): string {
  const rest = name
    .split('/')
    .filter((part) => part !== '')
    .slice(1);
  return [...(wanted === '' ? [] : [wanted]), ...rest].join('/');
}

const PERMISSIONS = 0o7777;

const KINDS: Readonly<Record<string, FoundFile['kind']>> = {
  file: 'file',
  'contiguous-file': 'file',
  // A second name of a file in the same archive, whose bytes came with the first.
  link: 'link',
  symlink: 'link',
  directory: 'folder',
};

function toFoundFile(
  { type, mode = 0, size = 0, linkname, mtime }: Header,
  path: string,
  content: FoundFile['content'],
): FoundFile {
  const kind = KINDS[type ?? 'file'] ?? 'other';
  return {
    path,
    kind,
    // An engine may give the type of the file along with its permissions.
    mode: mode & PERMISSIONS,
    size: kind === 'file' ? size : 0,
    target: kind === 'link' ? (linkname ?? '') : null,
    ageMs: Date.now() - (mtime?.getTime() ?? 0),
    content,
  };
}
