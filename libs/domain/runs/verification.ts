import type { Failure } from '../errors';

/** What must hold of a run's work, beside the word of its leader. At least one of them is given. */
export interface VerifySpec {
  /** Run in a fresh container of the leader's image with the run's workspace, without its variables and a network. */
  readonly command?: readonly string[];
  /** Files of the workspace that exist and were changed after the run began. */
  readonly files?: readonly string[];
  /** JSON schema that the leader's result keeps to. */
  readonly schema?: JsonSchema;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export type CheckKind = 'command' | 'file' | 'schema';

/** What one check came to. */
export interface VerificationCheck {
  readonly kind: CheckKind;
  /** The command, or the file. */
  readonly name: string;
  readonly status: 'passed' | 'failed';
  /** Why it failed; null where it passed. */
  readonly message: string | null;
  /** `command`: the end of what it wrote. */
  readonly output?: string;
  /** `command`: null where a limit ended it. */
  readonly exitCode?: number | null;
  readonly ms: number;
}

/** Every check is made, also after one that failed. */
export interface Verification {
  readonly status: 'passed' | 'failed';
  readonly checks: readonly VerificationCheck[];
}

export function verificationOf(checks: readonly VerificationCheck[]): Verification {
  return { status: checks.every(({ status }) => status === 'passed') ? 'passed' : 'failed', checks };
}

/** Of a command's output the last lines go into the words of the failure. */
const SHOWN_LINES = 5;
const SHOWN_CHARS = 1_000;

/** Why a run whose verification did not pass has failed. */
export function verificationFailure({ checks }: Verification): Failure {
  const failed = checks.filter(({ status }) => status === 'failed');
  const [first] = failed;
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more of ${checks.length} checks)` : '';
  return { code: 'verification_failed', message: `${first ? describe(first) : 'no check was made'}${more}` };
}

function describe({ kind, name, message, output = '' }: VerificationCheck): string {
  const what = kind === 'schema' ? 'the result' : `${kind} "${name}"`;
  const end = output.trim().split('\n').slice(-SHOWN_LINES).join('\n').slice(-SHOWN_CHARS);
  return `${what} ${message ?? ''}${end === '' ? '' : `; its output ends: ${end}`}`;
}
