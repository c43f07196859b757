import { z } from 'zod';
import { HARMLESS_TYPES, UNKNOWN_TYPE } from '@crewtab/domain/runs/content-type';
import { idOf } from './fields';
import { API_PATH, defineRoute, type PathParam } from './route';

const ONE = `${API_PATH}/runs/:id` as const;
const params = { id: idOf('run') };

const path: PathParam<string> = {
  schema: z.string().min(1).max(1_024),
  resource: 'artifact',
  isOwned: true,
};

const artifactView = z
  .object({
    path: z.string().meta({ description: 'In the workspace of the run.' }),
    bytes: z.int(),
    digest: z.string().meta({ description: 'SHA-256 of its content, in hex.' }),
    contentType: z.string().meta({ description: 'By its name alone.' }),
    isDownload: z.boolean().meta({
      description:
        'A browser could run it or does not know it: it is served as a download, as application/octet-stream.',
    }),
  })
  .meta({ id: 'Artifact' });

const shared = { tag: 'Runs', role: 'member', method: 'get' } as const;

export const listArtifacts = defineRoute({
  ...shared,
  path: `${ONE}/artifacts`,
  params,
  operationId: 'listArtifacts',
  summary: 'The files that a run left',
  description:
    'By path. Empty before they are collected, and once they are kept no longer; `artifacts` of the run says how many there were.',
  answer: { status: 200, description: 'The files.', view: z.object({ items: z.array(artifactView) }) },
});

export const getArtifact = defineRoute({
  ...shared,
  path: `${ONE}/artifacts/:path`,
  params: { ...params, path },
  operationId: 'getArtifact',
  summary: 'One file that a run left',
  description: [
    'Slashes of the path may be written as they are. `Range` with one range of bytes is answered with 206; the ETag is the digest.',
    'What a browser would run is a download, whatever its name says, and none of it runs as a page of Crewtab.',
  ].join('\n'),
  query: z.strictObject({ download: z.enum(['true', 'false']).optional() }),
  answer: {
    status: 200,
    description: 'The file.',
    isPartial: true,
    contentType: [UNKNOWN_TYPE, ...HARMLESS_TYPES],
  },
  errors: ['artifact_store_unreachable'],
});

export const getArchive = defineRoute({
  ...shared,
  path: `${ONE}/archive`,
  params,
  operationId: 'getArchive',
  summary: 'All files that a run left, as one tar.gz',
  description: 'Streamed. Where a file cannot be read any more the answer breaks off, and is no whole archive.',
  answer: { status: 200, description: 'The archive.', contentType: 'application/gzip' },
  errors: ['artifact_store_unreachable'],
});

export const artifactRoutes = [listArtifacts, getArtifact, getArchive] as const;
