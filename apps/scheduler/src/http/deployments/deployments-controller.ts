import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { z } from 'zod';
import type { DeploymentView } from '@crewtab/domain/ports/management-store';
import { OrganizationId } from '../access/organization-id';
import { API_PATH, HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found, resourceId } from '../input/resource-id';
import type { deploymentView } from './deployment-schemas';

@Controller(`${API_PATH}/deployments`)
export class DeploymentsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'runs'>) {}

  @Get(':id')
  async get(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
  ): Promise<z.input<typeof deploymentView>> {
    const deploymentId = resourceId('deployment', id);
    return toDeploymentView(found('deployment', await this.deps.runs.getDeployment(organizationId, deploymentId)));
  }
}

function toDeploymentView(deployment: DeploymentView): z.input<typeof deploymentView> {
  return {
    id: deployment.id,
    runId: deployment.runId,
    teamId: deployment.teamId,
    name: deployment.name,
    host: deployment.host,
    runtime: deployment.runtime,
    createdAt: deployment.createdAt.toISOString(),
    removedAt: deployment.removedAt?.toISOString() ?? null,
    agents: deployment.agents.map((agent) => ({
      name: agent.name,
      role: agent.role,
      protocol: agent.protocol,
      image: agent.image,
      container: agent.container,
      handle: agent.handle,
      startedAt: agent.startedAt?.toISOString() ?? null,
      readyAt: agent.readyAt?.toISOString() ?? null,
    })),
  };
}
