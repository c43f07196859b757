import { z } from 'zod';
import { API_PATH, defineRoute } from './route';

/** An agent program that can be had by name. */
const presetView = z
  .object({
    name: z.string().meta({ description: "For an agent's `preset`." }),
    title: z.string(),
    description: z.string(),
    image: z
      .string()
      .meta({ description: 'That a run which begins now would get; its tag tells what it was built from.' }),
    command: z.array(z.string()),
    mode: z.string().nullable().meta({ description: 'The session mode in which it never asks.' }),
    canAsk: z.boolean().meta({ description: 'Whether `permissions` other than allow mean anything to it.' }),
    model: z.object({ isRequired: z.boolean(), default: z.string().nullable(), examples: z.array(z.string()) }),
    baseUrl: z
      .object({ variable: z.string(), default: z.string().nullable() })
      .nullable()
      .meta({ description: "The variable in an agent's `env` that names another address of the API." }),
    secrets: z
      .array(z.array(z.object({ name: z.string(), description: z.string(), hosts: z.array(z.string()) })))
      .meta({
        description:
          "Of each group the agent's `env` or `secrets` needs one variable; its hosts join the team's allow-list.",
      }),
    hosts: z.array(z.string()).meta({ description: "Join the team's allow-list in any case." }),
    instructions: z
      .string()
      .nullable()
      .meta({ description: 'The file in HOME that gets the instructions; null: they stand before the first prompt.' }),
    usage: z.object({ hasTokens: z.boolean(), hasCost: z.boolean() }),
  })
  .meta({ id: 'Preset' });

export type PresetView = z.input<typeof presetView>;

export const listPresets = defineRoute({
  method: 'get',
  path: `${API_PATH}/presets`,
  operationId: 'listPresets',
  tag: 'Presets',
  role: 'member',
  summary: 'Agents that can be had by name',
  answer: { status: 200, description: 'All of them.', view: z.object({ items: z.array(presetView) }) },
});

export const presetRoutes = [listPresets] as const;
