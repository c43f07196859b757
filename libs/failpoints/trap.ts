import { appendFileSync, writeSync } from 'node:fs';
import { armFailpoints, type FailpointOrder, type FailpointTrap } from '@crewtab/domain/failpoint';

/** Arms this process, before anything is wired. Null, as always in production: nothing happens. */
export function armAsOrdered(order: FailpointOrder | null): void {
  if (order) armFailpoints(order.action === 'record' ? recorder(order.file) : signaller(order));
}

/** Synchronous, so that what is written was passed, and nothing after it. */
function recorder(file: string): FailpointTrap {
  return (point) => appendFileSync(file, `${point}\n`);
}

/**
 * A signal to oneself takes effect before the call returns: the kernel hands it to the calling thread. SIGKILL ends the
 * process in the middle of its line; after SIGSTOP it goes on from there when somebody sends SIGCONT.
 */
function signaller({ action, point, hit }: Extract<FailpointOrder, { point: string }>): FailpointTrap {
  let hits = 0;
  return (passed) => {
    if (passed !== point || ++hits !== hit) return;
    writeSync(process.stderr.fd, `failpoint ${passed} hit: ${action}\n`);
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  };
}
