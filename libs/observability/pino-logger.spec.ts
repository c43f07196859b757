import { createLogger, type LoggerOptions } from './pino-logger';

function logTo(options: Partial<LoggerOptions> = {}): {
  readonly lines: string[];
  readonly logger: ReturnType<typeof createLogger>;
} {
  const lines: string[] = [];
  const destination = { write: (line: string): void => void lines.push(line) };
  return { lines, logger: createLogger({ level: 'info', name: 'test', isPretty: false, destination, ...options }) };
}

describe('createLogger', () => {
  it('writes JSON lines with level, time, name, the fields of its parents and the message', () => {
    const { lines, logger } = logTo();
    logger.child({ runId: 'r1' }).child({ agent: 'leader' }).info({ phase: 'deploying' }, 'run moved');
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      name: 'test',
      runId: 'r1',
      agent: 'leader',
      phase: 'deploying',
      msg: 'run moved',
    });
  });

  it('leaves out what is below its level', () => {
    const { lines, logger } = logTo({ level: 'warn' });
    logger.info({}, 'quiet');
    logger.debug({}, 'quieter');
    logger.error({}, 'loud');
    expect(lines).toHaveLength(1);
  });

  it.each([
    ['at the top', { prompt: 'hush', env: { TOKEN: 'hush' }, authorization: 'hush' }],
    ['one level down', { agent: { env: { TOKEN: 'hush' }, instructions: 'hush' }, headers: { authorization: 'hush' } }],
    ['two levels down', { run: { plan: { prompt: 'hush' } }, request: { headers: { cookie: 'hush' } } }],
  ])('never writes a secret %s', (_, fields) => {
    const { lines, logger } = logTo();
    logger.info(fields, 'careless');
    expect(lines[0]).toContain('[redacted]');
    expect(lines[0]).not.toContain('hush');
  });

  it('writes an error with its message, stack and cause', () => {
    const { lines, logger } = logTo();
    logger.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'failed');
    const entry = JSON.parse(lines[0] ?? '') as { error: { message: string; stack: string } };
    expect(entry.error.message).toBe('outer: inner');
    expect(entry.error.stack).toContain('pino-logger.spec');
  });

  it('writes lines for people on request', () => {
    const { lines, logger } = logTo({ isPretty: true });
    logger.warn({ runId: 'r1' }, 'deadline passed');
    expect(lines.join('')).toMatch(/WARN.*deadline passed[^]*runId: "r1"/);
  });
});
