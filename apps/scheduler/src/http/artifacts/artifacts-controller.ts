import { Controller, Inject, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import { getArchive, getArtifact, listArtifacts } from '@crewtab/api-contract/artifact-routes';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import { isHarmless } from '@crewtab/domain/runs/content-type';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import type { HttpRequest } from '../server/http-request';
import { notFound } from '../server/problem';
import { sendArchive, sendArtifact } from './send-artifacts';

@Controller()
export class ArtifactsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'artifacts'>) {}

  @Route(listArtifacts)
  async list({ caller, params }: RouteInput<typeof listArtifacts>): Promise<RouteAnswer<typeof listArtifacts>> {
    const items = await this.listOf(caller.organizationId, params.id);
    return {
      items: items.map(({ key: _, ...artifact }) => ({ ...artifact, isDownload: !isHarmless(artifact.contentType) })),
    };
  }

  @Route(getArtifact)
  async get(
    { caller, params, query }: RouteInput<typeof getArtifact>,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    const items = await this.listOf(caller.organizationId, params.id);
    const artifact = items.find(({ path }) => path === params.path);
    if (!artifact) throw notFound('artifact');
    const isDownload = query.download === 'true' || !isHarmless(artifact.contentType);
    const range = request.get('range');
    await sendArtifact(this.store(), artifact, { isDownload, ...(range !== undefined && { range }) }, response);
  }

  @Route(getArchive)
  async archive({ caller, params }: RouteInput<typeof getArchive>, @Res() response: Response): Promise<void> {
    const items = await this.listOf(caller.organizationId, params.id);
    if (items.length === 0) throw notFound('artifact');
    await sendArchive(this.store(), items, `run-${params.id.slice(-6)}`, response);
  }

  private async listOf(organizationId: string, runId: string): Promise<readonly KeptArtifact[]> {
    return found('run', await this.deps.artifacts.index.listArtifacts(organizationId, runId));
  }

  /** An installation that had one and has none any more still lists what was there. */
  private store(): ArtifactStore {
    const { store } = this.deps.artifacts;
    if (!store) throw notFound('artifact');
    return store;
  }
}
