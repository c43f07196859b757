import type { z } from 'zod';

/** One setting of the environment: everything that the parser, the error messages and .env.example say about it. */
export interface Setting<T = unknown> {
  /** What it does, its unit, and what is dangerous about it; goes into .env.example. */
  readonly description: string;
  /** A value that works, shown with every complaint; for secrets a way to make one. */
  readonly example: string;
  /** As text; null: there is none. */
  readonly default: string | null;
  readonly isRequired: boolean;
  /** Its value never appears in a message. */
  readonly isSecret: boolean;
  /** The variable that held it in earlier versions, and still does where the new one is not set; null: none. */
  readonly formerName: string | null;
  /** Reads the text; undefined when the variable is not set or empty. */
  readonly schema: z.ZodType<T, string | undefined>;
}

interface SettingDescription {
  readonly description: string;
  readonly example: string;
  readonly isSecret?: boolean;
  readonly formerName?: string;
}

/** A setting that must be there. */
export function required<T>(words: SettingDescription, schema: z.ZodType<T, string>): Setting<T> {
  return build(words, schema as z.ZodType<T, string | undefined>, { default: null, isRequired: true });
}

/** A setting that may be absent: null then. */
export function optional<T>(words: SettingDescription, schema: z.ZodType<T, string>): Setting<T | null> {
  return build(
    words,
    schema.optional().transform((value) => value ?? null),
    { default: null, isRequired: false },
  );
}

/** A setting with a default, which is read like any other value. */
export function withDefault<T>(
  words: Omit<SettingDescription, 'example'> & { example?: string },
  value: string,
  schema: z.ZodType<T, string>,
): Setting<T> {
  return build({ ...words, example: words.example ?? value }, schema.prefault(value), {
    default: value,
    isRequired: false,
  });
}

function build<T>(
  words: SettingDescription,
  schema: z.ZodType<T, string | undefined>,
  rest: Pick<Setting, 'default' | 'isRequired'>,
): Setting<T> {
  const { description, example, isSecret = false, formerName = null } = words;
  return { description, example, isSecret, formerName, schema, ...rest };
}
