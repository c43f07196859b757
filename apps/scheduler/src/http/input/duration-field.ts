import { z } from 'zod';
import { formatDuration, parseDuration } from '@crewtab/domain/durations';

/** A Go duration between two bounds, in ms. */
export function durationField(minMs: number, maxMs: number): z.ZodType<number, string> {
  const schema = z.string().transform((value, context) => {
    const parsed = parseDuration(value);
    const problem = parsed.ok ? findRangeProblem(parsed.ms, minMs, maxMs) : parsed.message;
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    return parsed.ok && problem === null ? parsed.ms : z.NEVER;
  });
  return schema.meta({
    format: 'go-duration',
    description: `A Go duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}.`,
    examples: ['30m', '1h30m'],
  });
}

function findRangeProblem(ms: number, minMs: number, maxMs: number): string | null {
  return ms >= minMs && ms <= maxMs ? null : `must be from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
}
