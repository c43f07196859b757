import type { Failure } from '../errors';
import type { AgentEnd } from './observation';

/** Exit codes above this are 128 + the number of the signal that ended the process (POSIX shells, and Docker). */
const SIGNAL_BASE = 128;
const LAST_SIGNAL = 64;

/**
 * Words and code for an agent that is no longer there. 137 alone is `killed`: only the engine knows that memory ran out.
 */
export function describeAgentEnd(agent: string, end: AgentEnd): Failure {
  if (end.how === 'vanished') {
    return { code: 'agent_vanished', message: `the container of agent "${agent}" is gone: somebody else removed it` };
  }
  if (end.isOutOfMemory) {
    return { code: 'out_of_memory', message: `agent "${agent}" ran out of memory (exit code ${end.exitCode})` };
  }
  const signal = end.exitCode - SIGNAL_BASE;
  if (signal > 0 && signal <= LAST_SIGNAL) {
    return {
      code: 'agent_killed',
      message: `agent "${agent}" was killed by signal ${signal} (exit code ${end.exitCode})`,
    };
  }
  if (end.mayLackOutput) {
    return {
      code: 'output_lost',
      message:
        `agent "${agent}" ended (exit code ${end.exitCode}) while its container engine was down or restarting, which ` +
        'may have lost the end of its output',
    };
  }
  return { code: 'agent_exited', message: `agent "${agent}" ended with exit code ${end.exitCode}` };
}
