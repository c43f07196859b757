import { z } from 'zod';

/** A TeamDeployment as the API answers it. */
export const deploymentView = z.object({
  id: z.string(),
  runId: z.string(),
  teamId: z.string(),
  name: z.string().meta({ examples: ['marketing-team-run-3f9a1c'] }),
  host: z.string(),
  runtime: z.string(),
  createdAt: z.iso.datetime(),
  removedAt: z.iso.datetime().nullable().meta({ description: 'When the engine was last seen clean of it.' }),
  agents: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      protocol: z.string(),
      image: z.string().nullable(),
      container: z.string(),
      handle: z.string().nullable().meta({ description: "The runtime's own id of the container." }),
      startedAt: z.iso.datetime().nullable(),
      readyAt: z.iso.datetime().nullable().meta({ description: 'When it had answered the handshake.' }),
    }),
  ),
});
