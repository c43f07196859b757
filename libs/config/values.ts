import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '@crewtab/domain/durations';
import { parseCrashOrder, type FailpointOrder } from '@crewtab/domain/failpoint';
import type { RegistryCredentials } from '@crewtab/domain/ports/image-sources';
import { parseMemorySize } from '@crewtab/domain/teams/team';

/** How each kind of setting is read from text. Messages go behind the setting's name, so they start with a verb. */

type Reading<T> = { readonly value: T } | { readonly problem: string };

function reader<T>(read: (text: string) => Reading<T>): z.ZodType<T, string> {
  return z.string({ error: 'is not set' }).transform((text, context) => {
    const reading = read(text.trim());
    if ('value' in reading) return reading.value;
    context.addIssue({ code: 'custom', message: reading.problem });
    return z.NEVER;
  });
}

export function url(protocols: readonly string[]): z.ZodType<string, string> {
  return reader<string>((text) => {
    const parsed = URL.canParse(text) ? new URL(text) : null;
    if (!parsed) return { problem: 'is not a URL' };
    const isKnown = protocols.includes(parsed.protocol.replace(/:$/, ''));
    return isKnown
      ? { value: text }
      : { problem: `must begin with ${protocols.map((name) => `${name}://`).join(' or ')}` };
  });
}

/** Refuses what other clients read in such a URL, and ours would pass over: it would use other tables than were meant. */
export function postgresUrl(): z.ZodType<string, string> {
  return url(['postgresql', 'postgres']).refine((text) => !new URL(text).searchParams.has('schema'), {
    error:
      'has ?schema=, which only Prisma knows: leave it out, and give the role a search_path (ALTER ROLE … SET search_path = …)',
  });
}

export function oneOf<const T extends string>(values: readonly T[]): z.ZodType<T, string> {
  return reader<T>((text) => {
    const value = values.find((candidate) => candidate === text);
    return value === undefined ? { problem: `must be one of ${values.join(', ')}` } : { value };
  });
}

export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  return reader<number>((text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value } : { problem: `must be a whole number from ${min} to ${max}` };
  });
}

export function decimal(min: number, max: number): z.ZodType<number, string> {
  return reader<number>((text) => {
    const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value } : { problem: `must be a number from ${min} to ${max}` };
  });
}

/** `name=value` with commas between them. */
export function assignments(name: RegExp, what: string): z.ZodType<Readonly<Record<string, string>>, string> {
  return reader<Readonly<Record<string, string>>>((text) => {
    const pairs = text.split(',').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [pair.trim(), ''] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
    });
    const wrong = pairs.find(([key]) => !name.test(key));
    return wrong ? { problem: `must be ${what}; "${wrong[0]}" is none` } : { value: Object.fromEntries(pairs) };
  });
}

/** Names with commas between them. */
export function names(name: RegExp, what: string): z.ZodType<readonly string[], string> {
  return reader<readonly string[]>((text) => {
    const all = text.split(',').map((one) => one.trim());
    const wrong = all.find((one) => !name.test(one));
    return wrong === undefined ? { value: all } : { problem: `must be ${what}; "${wrong}" is none` };
  });
}

/** A JSON object of one form; a key that the form does not have is named. */
export function jsonObject<T extends z.ZodType>(form: T, what: string): z.ZodType<z.output<T>, string> {
  return reader<z.output<T>>((text) => {
    try {
      const parsed = form.safeParse(JSON.parse(text));
      if (parsed.success) return { value: parsed.data };
      const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`);
      return { problem: `must be ${what}; ${problems.join('; ')}` };
    } catch {
      return { problem: `must be ${what}, as JSON` };
    }
  });
}

/** A JSON list of values of one form. */
export function jsonList<T extends z.ZodType>(element: T, problem: string): z.ZodType<readonly z.output<T>[], string> {
  return reader<readonly z.output<T>[]>((text) => {
    try {
      const parsed = z.array(element).safeParse(JSON.parse(text));
      return parsed.success ? { value: parsed.data } : { problem };
    } catch {
      return { problem };
    }
  });
}

/** `{ "ghcr.io": { "username", "password" } }` */
export function registryCredentials(): z.ZodType<Readonly<Record<string, RegistryCredentials>>, string> {
  const shape = z.record(
    z.string().min(1),
    z.strictObject({ username: z.string().min(1), password: z.string().min(1) }),
  );
  return reader<Readonly<Record<string, RegistryCredentials>>>((text) => {
    const problem = 'must be a JSON object: by registry { "username", "password" }';
    try {
      const parsed = shape.safeParse(JSON.parse(text));
      return parsed.success ? { value: parsed.data } : { problem };
    } catch {
      return { problem };
    }
  });
}

/** Names of images with `*`, separated by commas. */
export function imagePatterns(): z.ZodType<readonly string[], string> {
  return reader<readonly string[]>((text) => {
    const patterns = text.split(',').map((pattern) => pattern.trim());
    const wrong = patterns.find((pattern) => !/^[A-Za-z0-9*][A-Za-z0-9._/:@*-]*$/.test(pattern));
    return wrong === undefined ? { value: patterns } : { problem: `must be a list of images; "${wrong}" is none` };
  });
}

export function flag(): z.ZodType<boolean, string> {
  return reader<boolean>((text) => {
    if (text === 'true' || text === '1') return { value: true };
    if (text === 'false' || text === '0') return { value: false };
    return { problem: 'must be true or false' };
  });
}

/** A Go duration from `minMs` to `maxMs`, in ms. */
export function duration(minMs: number, maxMs: number, range: string): z.ZodType<number, string> {
  return reader<number>((text) => {
    const parsed = parseDuration(text);
    if (!parsed.ok) return { problem: `is not a duration: ${parsed.message}` };
    return parsed.ms >= minMs && parsed.ms <= maxMs ? { value: parsed.ms } : { problem: `must be ${range}` };
  });
}

/** A memory size of at least `minBytes`, in bytes. */
export function bytes(minBytes: number, range: string): z.ZodType<number, string> {
  return reader<number>((text) => {
    const parsed = parseMemorySize(text);
    if (!parsed.ok) return { problem: `is not a size: ${parsed.message}` };
    return parsed.bytes >= minBytes ? { value: parsed.bytes } : { problem: `must be ${range}` };
  });
}

/** CIDRs with commas between them; none where it is empty. */
export function cidrs(): z.ZodType<readonly string[], string> {
  return reader<readonly string[]>((text) => {
    const given = text === '' ? [] : text.split(',').map((part) => part.trim());
    const wrong = given.find((cidr) => !isCidr(cidr));
    return wrong === undefined ? { value: given } : { problem: `has "${wrong}", which is no CIDR like 10.1.2.0/24` };
  });
}

function isCidr(text: string): boolean {
  const [, address = '', bits = ''] = /^([^/%]+)\/(\d{1,3})$/.exec(text) ?? [];
  return isIP(address) > 0 && Number(bits) <= (isIP(address) === 4 ? 32 : 128);
}

export function matching(pattern: RegExp, problem: string): z.ZodType<string, string> {
  return reader<string>((text) => (pattern.test(text) ? { value: text } : { problem }));
}

/** A program and its arguments, as a JSON list of texts. */
export function commandLine(): z.ZodType<readonly string[], string> {
  return reader<readonly string[]>((text) => {
    const problem = 'must be a JSON list of texts, with a program at its beginning';
    try {
      const value: unknown = JSON.parse(text);
      const isCommand = Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string');
      return isCommand ? { value } : { problem };
    } catch {
      return { problem };
    }
  });
}

/** `kill <point> [hit]`, `stop <point> [hit]`, `record <file>` or `follow <file>`. */
/** As Express's `trust proxy` takes them: addresses, networks, and three names. */
export function addressList(): z.ZodType<readonly string[], string> {
  return reader<readonly string[]>((text) => {
    const entries = text.split(',').map((entry) => entry.trim());
    const wrong = entries.find((entry) => !PROXY_NAMES.includes(entry) && !isNetwork(entry));
    if (wrong === undefined) return { value: entries };
    return { problem: `must be a list of addresses, networks, or ${PROXY_NAMES.join(', ')}; "${wrong}" is none` };
  });
}

const PROXY_NAMES: readonly string[] = ['loopback', 'linklocal', 'uniquelocal'];

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

export function failpoint(): z.ZodType<FailpointOrder, string> {
  return reader<FailpointOrder>((text) => {
    const [, action, file = ''] = /^(record|follow) +(\S+)$/.exec(text) ?? [];
    if (action === 'record' || action === 'follow') return { value: { action, file } };
    const order = parseCrashOrder(text);
    return order
      ? { value: order }
      : {
          problem: 'must be like "kill run-store.claim:after", "stop run-store.claim:after 2" or "record /tmp/points"',
        };
  });
}

/** 32 random bytes as hex or base64 (the URL alphabet too). */
export function encryptionKey(): z.ZodType<Uint8Array, string> {
  return reader<Uint8Array>((text) => {
    const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : decodeBase64(text);
    if (key?.length !== 32) return { problem: 'must be 32 bytes, written as 64 hex digits or as base64' };
    if (key.every((byte) => byte === key[0])) return { problem: 'must be random, not one byte repeated' };
    return { value: new Uint8Array(key) };
  });
}

function decodeBase64(text: string): Buffer | null {
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : null;
}
