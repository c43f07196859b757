import { z } from 'zod';
import { HOST_IMAGE_STATES } from '@crewtab/domain/ports/host-images';
import { API_PATH, defineRoute, type PathParam } from './route';

/** Whether one host has the image of a preset. */
export const hostImageView = z
  .object({
    host: z.string().meta({ description: 'The id of a host that is there and makes images.' }),
    image: z.string(),
    state: z.enum(HOST_IMAGE_STATES).meta({
      description:
        '`absent`: the next run there waits for it. `wanted`: asked for. `making`: it is built or pulled. `present`. `failed`: ask again.',
    }),
    progress: z.string().nullable().meta({ description: 'Of `making`: the last that was said.' }),
    error: z.object({ code: z.string(), message: z.string() }).nullable().meta({ description: 'Of `failed`.' }),
    changedAt: z.iso.datetime(),
  })
  .meta({ id: 'HostImage' });

export type HostImageView = z.input<typeof hostImageView>;

/** An agent program that can be had by name. */
const presetView = z
  .object({
    name: z.string().meta({ description: "For an agent's `preset`." }),
    title: z.string(),
    description: z.string(),
    image: z
      .string()
      .meta({ description: 'That a run which begins now would get; its tag tells what it was built from.' }),
    hostImages: z
      .array(hostImageView)
      .meta({ description: 'Which of the hosts have this image; a host that has not told yet is not in it.' }),
    command: z.array(z.string()),
    mode: z.string().nullable().meta({ description: 'The session mode in which it never asks.' }),
    canAsk: z.boolean().meta({ description: 'Whether `permissions` other than allow mean anything to it.' }),
    model: z.object({ isRequired: z.boolean(), default: z.string().nullable(), examples: z.array(z.string()) }),
    baseUrl: z
      .object({ variable: z.string(), default: z.string().nullable() })
      .nullable()
      .meta({ description: "The variable in an agent's `env` that names another address of the API." }),
    secrets: z
      .array(
        z.array(
          z.object({
            name: z.string(),
            description: z.string(),
            provider: z.string().optional().meta({
              description: 'What stands before the slash of the models that it opens; left out: all of them.',
            }),
            hosts: z.array(z.string()),
          }),
        ),
      )
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

const name: PathParam<string> = { schema: z.string().min(1).max(63), resource: 'preset', isOwned: false };

const madeImage = z.object({
  preset: z.string(),
  image: z.string(),
  hosts: z.array(hostImageView).meta({ description: 'Every host that is there and makes images.' }),
});

export const makePresetImage = defineRoute({
  method: 'post',
  path: `${API_PATH}/presets/:name/image`,
  operationId: 'makePresetImage',
  tag: 'Presets',
  role: 'member',
  summary: 'Make the image of a preset before a run needs it',
  description: [
    'A worker of every host that is there and does not have the image builds it, or pulls it where it is of a registry.',
    'Where it is present or under way nothing new begins. `GET /presets/:name/image/events` tells how far it is.',
  ].join('\n'),
  params: { name },
  answer: { status: 202, description: 'What is so now.', view: madeImage },
  errors: ['conflict'],
});

export const streamPresetImage = defineRoute({
  method: 'get',
  path: `${API_PATH}/presets/:name/image/events`,
  operationId: 'streamPresetImage',
  tag: 'Presets',
  role: 'member',
  summary: 'How far the image of a preset is, as server-sent events',
  description: [
    '`image` (data: a HostImage) tells how a host stands, first as it is now, then with each change, at most once a second.',
    '`end` comes, and the stream ends, when no host makes it or is about to.',
  ].join('\n'),
  params: { name },
  answer: {
    status: 200,
    description: 'The stream.',
    events: { image: hostImageView, end: z.object({ at: z.iso.datetime() }) },
  },
});

export const presetRoutes = [listPresets, makePresetImage, streamPresetImage] as const;
