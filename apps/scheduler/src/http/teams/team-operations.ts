import type { RuntimeKind } from '@crewtab/domain/ports/runtime';
import { API_PATH } from '../http-deps';
import type { Operation } from '../openapi/operation';
import { teamSchemas } from './team-schemas';

export const TEAM_EXAMPLE = {
  name: 'Marketing team',
  description: 'Writes the weekly report',
  agents: [
    {
      name: 'lead',
      role: 'leader',
      protocol: 'acp',
      image: 'ghcr.io/example/claude-code:1',
      env: { ANTHROPIC_API_KEY: 'sk-…' },
    },
    {
      name: 'analyst',
      role: 'worker',
      protocol: 'acp',
      image: 'ghcr.io/example/codex:1',
      instructions: 'You look after the figures.',
      resources: { cpus: 1, memory: '512m', pids: 256 },
    },
  ],
};

export function teamOperations(runtime: RuntimeKind): Operation[] {
  const schemas = teamSchemas(runtime);
  const path = `${API_PATH}/teams`;
  const one = { ref: 'Team' };
  return [
    {
      method: 'post',
      path,
      id: 'createTeam',
      tag: 'Teams',
      summary: 'Create a team with its agents',
      body: { schema: schemas.create, example: TEAM_EXAMPLE },
      answer: { status: 201, description: 'The team.', schema: one },
      errors: ['conflict'],
    },
    {
      method: 'get',
      path,
      id: 'listTeams',
      tag: 'Teams',
      summary: 'List teams, newest first',
      query: schemas.list,
      answer: { status: 200, description: 'A page of teams.', schema: { pageOf: 'Team' } },
    },
    {
      method: 'get',
      path: `${path}/{id}`,
      id: 'getTeam',
      tag: 'Teams',
      summary: 'Get a team',
      answer: { status: 200, description: 'The team.', schema: one },
    },
    {
      method: 'patch',
      path: `${path}/{id}`,
      id: 'updateTeam',
      tag: 'Teams',
      summary: 'Change some fields of a team',
      description:
        'Fields left out stay as they are; `agents`, when given, replaces them all. Runs that have begun keep the team they started with.',
      body: { schema: schemas.patch, example: { description: 'Writes the daily report' } },
      answer: { status: 200, description: 'The team as it is now.', schema: one },
      errors: ['conflict'],
    },
    {
      method: 'delete',
      path: `${path}/{id}`,
      id: 'deleteTeam',
      tag: 'Teams',
      summary: 'Delete a team that no schedule uses',
      answer: { status: 204, description: 'It is gone; its runs stay readable.' },
      errors: ['team_in_use'],
    },
  ];
}
