import { appendFileSync, readFileSync, writeSync } from 'node:fs';
import {
  armFailpoints,
  parseCrashOrder,
  type CrashOrder,
  type FailpointOrder,
  type FailpointTrap,
} from '@crewtab/domain/failpoint';

/** Arms this process, before anything is wired. Null, as always in production: nothing happens. */
export function armAsOrdered(order: FailpointOrder | null): void {
  if (order) armFailpoints(trapFor(order));
}

function trapFor(order: FailpointOrder): FailpointTrap {
  switch (order.action) {
    case 'record':
      return recorder(order.file);
    case 'follow':
      return follower(order.file);
    default:
      return signaller(order);
  }
}

/** Synchronous, so that what is written was passed, and nothing after it. */
function recorder(file: string): FailpointTrap {
  return (point) => appendFileSync(file, `${point}\n`);
}

/** Reads the order at every point: a test may then give the next one to a process that goes on. */
function follower(file: string): FailpointTrap {
  let text = '';
  let follow: FailpointTrap = () => undefined;
  return (point) => {
    const present = readIfThere(file);
    if (present !== text) {
      text = present;
      const order = parseCrashOrder(text);
      follow = order ? signaller(order) : () => undefined;
    }
    follow(point);
  };
}

/**
 * A signal to oneself takes effect before the call returns: the kernel hands it to the calling thread. SIGKILL ends the
 * process in the middle of its line; after SIGSTOP it goes on from there at SIGCONT.
 */
function signaller({ action, point, hit }: CrashOrder): FailpointTrap {
  let hits = 0;
  return (passed) => {
    if (passed !== point || ++hits !== hit) return;
    writeSync(process.stderr.fd, `failpoint ${passed} hit: ${action}\n`);
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
