/** What the agent's environment says: faults at its start, and how fast the demo goes. Read once. */
export interface Settings {
  /** `DEMO_EXIT_AT_START=n`: exits with n before it has answered anything. */
  readonly exitAtStart: number | null;
  /** `DEMO_NO_HANDSHAKE=1`: never answers `initialize`. */
  readonly isHandshakeMissing: boolean;
  /** `DEMO_HANDSHAKE_DELAY_MS`: answers `initialize` that much later. */
  readonly handshakeDelayMs: number;
  /** `DEMO_SESSION_ERROR=1`: answers `session/new` with an error. */
  readonly hasSessionError: boolean;
  /** `DEMO_STOP_READING=1`: reads nothing of its stdin once a session is made. */
  readonly stopsReading: boolean;
  /** `DEMO_EXIT_AFTER_HANDSHAKE=n`: exits with n once a session is made. */
  readonly exitAfterHandshake: number | null;
  /** `DEMO_IGNORE_SIGTERM=1`: SIGTERM has no effect from the start. */
  readonly ignoresSigterm: boolean;
  /** `DEMO_RECORD=path`: one JSON line per prompt received is appended there. */
  readonly recordPath: string | null;
  /** `DEMO_REPO=path`: the repository to report on; null = the sample that comes along. */
  readonly repositoryPath: string | null;
  /** `DEMO_PACE`: factor on the demo's pauses; 0 = as fast as possible. */
  readonly pace: number;
}

export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  return {
    exitAtStart: env['DEMO_EXIT_AT_START'] ? numberIn(env, 'DEMO_EXIT_AT_START', 1) : null,
    isHandshakeMissing: env['DEMO_NO_HANDSHAKE'] === '1',
    handshakeDelayMs: numberIn(env, 'DEMO_HANDSHAKE_DELAY_MS', 0),
    hasSessionError: env['DEMO_SESSION_ERROR'] === '1',
    stopsReading: env['DEMO_STOP_READING'] === '1',
    exitAfterHandshake: env['DEMO_EXIT_AFTER_HANDSHAKE'] ? numberIn(env, 'DEMO_EXIT_AFTER_HANDSHAKE', 1) : null,
    ignoresSigterm: env['DEMO_IGNORE_SIGTERM'] === '1',
    recordPath: env['DEMO_RECORD'] || null,
    repositoryPath: env['DEMO_REPO'] || null,
    pace: numberIn(env, 'DEMO_PACE', 1),
  };
}

function numberIn(env: Readonly<Record<string, string | undefined>>, name: string, fallback: number): number {
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number of at least 0, not "${text}"`);
  return value;
}
