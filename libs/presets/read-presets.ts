import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { formatDuration, parseDuration } from '@crewtab/domain/durations';
import { errorMessage } from '@crewtab/domain/errors';
import type { ImageBuild } from '@crewtab/domain/ports/image-sources';
import { parseHostPattern } from '@crewtab/domain/teams/network';
import { madeImage, PLACEHOLDER, type HomeFile, type Preset, type PresetValue } from '@crewtab/domain/teams/preset';

/** Presets that come with Crewtab; beside this in the sources and in the build alike. */
const OWN_PRESETS = join(__dirname, '../../images/presets');

/** Of the helper that fetches repositories. */
const GIT_FOLDER = join(__dirname, '../../images/git');

export interface PresetSources {
  /** Of the operator, whose presets take the place of Crewtab's by the same name; null: none. */
  readonly folder: string | null;
  /** Images of a registry by preset, in place of what its file says and of building. */
  readonly images: Readonly<Record<string, string>>;
  /** Of the Dockerfiles; what they are built with is a part of the image's tag. */
  readonly buildArgs: Readonly<Record<string, string>>;
}

interface BuildFile {
  readonly path: string;
  readonly content: Buffer;
}

export interface Presets {
  readonly byName: ReadonlyMap<string, Preset>;
  /** By image; an image that is not here comes from a registry. */
  readonly builds: ReadonlyMap<string, ImageBuild>;
}

/** The files of presets are faulty; all of them at once. */
export class PresetError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`presets that cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'PresetError';
  }
}

const PRESET_FILE = 'preset.json';
const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$/;
/** Of each file of a preset, bytes. */
const LARGEST_FILE = 256 * 1024;

const words = z.string().min(1).max(500);
const variable = z.string().regex(VARIABLE, 'is no name of a variable');
const homePath = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'must be a path below HOME')
  .refine((path) => !path.split('/').includes('..'), 'must not leave HOME');
const host = z.string().superRefine((value, context) => {
  const parsed = parseHostPattern(value);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.message });
});
const text = z.string().superRefine((value, context) => {
  if (value.replace(PLACEHOLDER, '').includes('{{'))
    context.addIssue({ code: 'custom', message: 'has a placeholder that is not known' });
});
const value: z.ZodType<PresetValue> = z.lazy(() =>
  z.union([text, z.number(), z.boolean(), z.record(text, value)], { error: 'must be text, number, truth or object' }),
);
const environment = z.record(variable, value).default({});
const duration = z.string().transform((given, context) => {
  const parsed = parseDuration(given);
  if (parsed.ok && parsed.ms > 0) return parsed.ms;
  context.addIssue({ code: 'custom', message: `must be a duration like ${formatDuration(60_000)}` });
  return z.NEVER;
});

const presetFile = z.strictObject({
  title: words,
  description: words,
  image: z.string().regex(IMAGE, 'is not an image reference').nullable().default(null),
  command: z.array(z.string().min(1)).min(1),
  mode: words.nullable().default(null),
  asking: z
    .strictObject({ mode: words.nullable().default(null), environment })
    .nullable()
    .default(null),
  model: z
    .strictObject({
      isRequired: z.boolean().default(false),
      default: words.nullable().default(null),
      examples: z.array(words).default([]),
    })
    .prefault({}),
  baseUrl: z
    .strictObject({ variable, default: z.url().nullable().default(null) })
    .nullable()
    .default(null),
  secrets: z
    .array(
      z
        .array(
          z.strictObject({
            name: variable,
            description: words,
            provider: words.optional(),
            hosts: z.array(host).default([]),
          }),
        )
        .min(1),
    )
    .default([]),
  environment,
  files: z.record(homePath, z.string()).default({}),
  hosts: z.array(host).default([]),
  instructions: homePath.nullable().default(null),
  timeouts: z.strictObject({ handshake: duration.optional(), idle: duration.optional() }).default({}),
  usage: z
    .strictObject({
      tokens: z.enum(['response', 'model_usage', 'token_count']).nullable().default(null),
      cost: z.enum(['update']).nullable().default(null),
    })
    .prefault({}),
});

/** @throws PresetError that lists every fault */
export async function readPresets({ folder: operators, images, buildArgs }: PresetSources): Promise<Presets> {
  const faults: string[] = [];
  const byName = new Map<string, Preset>();
  const builds = new Map<string, ImageBuild>();
  const found = new Map<string, string>();
  for (const folder of operators === null ? [OWN_PRESETS] : [OWN_PRESETS, operators])
    for (const name of await presetsIn(folder, faults)) found.set(name, join(folder, name));
  for (const [name, folder] of found) {
    try {
      const { preset, build } = await readPreset(name, folder, images[name] ?? null, buildArgs);
      byName.set(name, preset);
      if (build) builds.set(build.image, build);
    } catch (error) {
      if (error instanceof PresetError) faults.push(...error.faults);
      else faults.push(`${folder}: ${errorMessage(error)}`);
    }
  }
  for (const name of Object.keys(images))
    if (!found.has(name)) faults.push(`an image is named for the preset "${name}", which is not there`);
  if (faults.length > 0) throw new PresetError(faults);
  return { byName, builds };
}

/** The helper's image: the operator's, or what is built for it. */
export async function readGitImage(
  named: string | null,
  buildArgs: PresetSources['buildArgs'],
): Promise<{ readonly image: string; readonly build: ImageBuild | null }> {
  if (named !== null) return { image: named, build: null };
  const { BASE } = buildArgs;
  const build = buildOf('git-helper', GIT_FOLDER, await readBuildFiles(GIT_FOLDER), BASE === undefined ? {} : { BASE });
  return { image: build.image, build: { ...build, purpose: "the helper that fetches teams' repositories" } };
}

async function presetsIn(folder: string, faults: string[]): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    faults.push(`${folder}: ${errorMessage(error)}`);
    return [];
  });
  const names = entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : []));
  for (const name of names) {
    if (!NAME.test(name))
      faults.push(`${join(folder, name)}: a preset's name is of a-z, 0-9 and "-", at most 40 characters`);
  }
  return names.filter((name) => NAME.test(name)).sort();
}

async function readPreset(
  name: string,
  folder: string,
  namedImage: string | null,
  buildArgs: PresetSources['buildArgs'],
): Promise<{ preset: Preset; build: ImageBuild | null }> {
  const path = join(folder, PRESET_FILE);
  const parsed = presetFile.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success)
    throw new PresetError(parsed.error.issues.map((issue) => `${path}: ${issue.path.join('.')} ${issue.message}`));
  const { image, files, timeouts, ...rest } = parsed.data;
  const contents = await readBuildFiles(folder);
  const reference = namedImage ?? image;
  const build = reference === null ? buildOf(name, folder, contents, buildArgs) : null;
  return {
    preset: {
      ...rest,
      name,
      image: reference ?? build?.image ?? '',
      files: homeFiles(folder, files, contents),
      handshakeTimeoutMs: timeouts.handshake ?? null,
      idleTimeoutMs: timeouts.idle ?? null,
    },
    build,
  };
}

function homeFiles(
  folder: string,
  wanted: Readonly<Record<string, string>>,
  contents: readonly BuildFile[],
): HomeFile[] {
  return Object.entries(wanted).map(([path, source]) => {
    const content = contents.find((file) => file.path === source)?.content;
    if (!content) throw new PresetError([`${folder}: files.${path} names ${source}, which is not there`]);
    return { path, content: content.toString('utf8') };
  });
}

/** The tag is of everything that decides what the image has: the same files give the same image on every host. */
function buildOf(
  preset: string,
  folder: string,
  files: readonly BuildFile[],
  buildArgs: PresetSources['buildArgs'],
): ImageBuild {
  if (!files.some(({ path }) => path === 'Dockerfile'))
    throw new PresetError([`${folder}: has neither an image in ${PRESET_FILE} nor a Dockerfile`]);
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(buildArgs).sort()));
  for (const { path, content } of files) hash.update(`\0${path}\0${content.length}\0`).update(content);
  return { preset, image: madeImage(preset, hash.digest('hex').slice(0, 12)), files, buildArgs };
}

/** Every file of a preset's folder but the preset itself, sorted. */
async function readBuildFiles(folder: string): Promise<BuildFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isFile() && entry.name !== PRESET_FILE ? [entry.name] : [])).sort();
  return Promise.all(
    names.map(async (path) => {
      const content = await readFile(join(folder, path));
      if (content.length > LARGEST_FILE)
        throw new PresetError([`${join(folder, path)}: is over ${LARGEST_FILE} bytes`]);
      return { path, content };
    }),
  );
}
