import { parseArgs } from 'node:util';
import { findPresetFaults, lackingSecrets, type Preset } from '@crewtab/domain/teams/preset';
import { LocalServiceError, messageOf } from '../local-services/service-error';

export interface TryOptions {
  readonly preset: string;
  readonly model: string | null;
  readonly prompt: string;
  readonly timeout: string;
  readonly isHelp: boolean;
}

const PROMPT =
  'Say in one sentence who you are and which model you use. Then write a haiku about cron to haiku.txt, and show it.';

export const TRY_HELP = `Runs a real agent once, in a container, and shows its words as they come.

  ANTHROPIC_API_KEY=… npm run try -- --preset claude-code
  CODEX_API_KEY=…     npm run try -- --preset codex
  GEMINI_API_KEY=…    npm run try -- --preset gemini
  OPENAI_API_KEY=…    npm run try -- --preset opencode --model openai/gpt-5.1-codex

  --preset <name>     which agent; docs/presets.md lists them
  --model <name>      which of its models
  --prompt <text>     what to do; left out: to introduce itself, and to write a file
  --timeout <time>    such as 10m (15m); the first run of a preset builds its image meanwhile
  --help              this text

Keys, and another address of the API (ANTHROPIC_BASE_URL and the like), come from the environment. A Crewtab that runs on this
machine is used (PORT, CREWTAB_DATA_DIR); without one it is started, and stopped after the run.
`;

/** @throws LocalServiceError for what it does not know */
export function parseTryOptions(args: readonly string[]): TryOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        preset: { type: 'string' },
        model: { type: 'string' },
        prompt: { type: 'string' },
        timeout: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return {
      preset: values.preset ?? '',
      model: values.model ?? null,
      prompt: values.prompt ?? PROMPT,
      timeout: values.timeout ?? '15m',
      isHelp: values.help ?? false,
    };
  } catch (error) {
    const words = messageOf(error).split('. ')[0] ?? 'unknown option';
    throw new LocalServiceError(words, 'npm run try -- --help shows the options', error);
  }
}

/** An agent that is to be tried. */
export interface TriedAgent {
  readonly preset: string;
  readonly model?: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The agent of the preset, with the keys that the environment has for it.
 * @throws LocalServiceError where there is no such preset, or something that it needs is missing
 */
export function agentToTry(
  { preset: name, model }: Pick<TryOptions, 'preset' | 'model'>,
  presets: ReadonlyMap<string, Preset>,
  environment: NodeJS.ProcessEnv,
): TriedAgent {
  const preset = presets.get(name);
  if (!preset) {
    const words = name === '' ? 'which agent? none was named' : `there is no preset "${name}"`;
    throw new LocalServiceError(words, `npm run try -- --preset ${[...presets.keys()].join(' | ')}`);
  }
  const names = [...preset.secrets.flat().map((secret) => secret.name), preset.baseUrl?.variable ?? ''];
  const env = Object.fromEntries(
    names.flatMap((variable): [string, string][] => {
      const value = environment[variable];
      return value === undefined || value === '' ? [] : [[variable, value]];
    }),
  );
  const agent = { preset: name, env, ...(model !== null && { model }) };
  const [fault] = findPresetFaults(agent, preset);
  if (fault?.path[0] === 'model')
    throw new LocalServiceError(`${name} needs a model`, `add --model, such as ${preset.model.examples.join(' or ')}`);
  if (fault) {
    const [secret] = lackingSecrets(agent, preset)[0] ?? [];
    const words = `the environment has no key for ${name}: ${secret?.description ?? ''}`;
    throw new LocalServiceError(words, `${secret?.name ?? 'KEY'}=… npm run try -- --preset ${name}`);
  }
  return agent;
}
