import type { Turn } from './turn';

const MEGABYTE = 1024 * 1024;

/** Held for ever: what was eaten stays eaten. */
const eaten: Buffer[] = [];

let isSigtermIgnored = false;

/**
 * Ends on SIGTERM with exit code 143, as an unhandled signal would, unless it is told to ignore it. A handler is needed
 * because the kernel gives the first process of a container no default one.
 */
export function handleSigterm(): void {
  process.on('SIGTERM', () => {
    if (!isSigtermIgnored) process.exit(143);
  });
}

/** SIGTERM has no effect from now on. */
export function ignoreSigterm(): void {
  isSigtermIgnored = true;
}

/** An uncaught error: Node prints it and exits with code 1 (or as the image's Node is set up). */
export function crash(): Promise<never> {
  setImmediate(() => {
    throw new Error('the demo agent crashes because its prompt says so');
  });
  return new Promise(() => undefined);
}

/** SIGABRT from within, as a failed assertion of native code gives it. */
export function abort(): Promise<never> {
  process.abort();
}

export function exit(code: number): Promise<never> {
  process.exit(code);
}

export function killSelf(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

/** Allocates and touches that many MB outside of the JavaScript heap, so that only the cgroup can stop it. */
export async function eatMemory(turn: Turn, megabytes: number): Promise<void> {
  const stepMb = 4;
  for (let taken = 0; taken < megabytes && !turn.isCancelled; taken += stepMb) {
    eaten.push(Buffer.alloc(Math.min(stepMb, megabytes - taken) * MEGABYTE, 1 + (taken % 255)));
    await turn.pause(1);
  }
  await turn.answer(`${megabytes} MB eaten`);
}

/** Text in many numbered lines of 1 KB each, every one a message of its own, at least `bytes` in all. */
export async function flood(turn: Turn, bytes: number): Promise<void> {
  const lineBytes = 1024;
  for (let index = 0; index * lineBytes < bytes && !turn.isCancelled; index++) {
    const number = `${String(index).padStart(9, '0')} `;
    await turn.say(`${number.padEnd(lineBytes - 1, 'flood ')}\n`);
    // A writer that never waits would keep a cancel or SIGTERM from being noticed.
    if (index % 64 === 0) await turn.pause(0);
  }
}
