import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { StartedProcess } from '../../kit/processes';

/** For NODE_OPTIONS of an app whose figures are asked for. */
export const WITH_FIGURES = `--require ${resolve(__dirname, 'loop-delay.cjs')}`;

export interface AppFigures {
  /** All memory that the process ever took. */
  readonly peakMib: number;
  /** Of its event loop, since the figures were last asked for, ms. */
  readonly longestStopMs: number;
}

/** What an app, started with WITH_FIGURES, has come to. @throws Error for one that does not run */
export async function figuresOf(app: StartedProcess | undefined): Promise<AppFigures> {
  if (app === undefined || app.hasExited) throw new Error('the app does not run');
  const from = app.lines.length;
  app.kill('SIGUSR2');
  const line = await app.waitForLine(/^longest stop \d+ ms$/, { from });
  const status = readFileSync(`/proc/${app.pid}/status`, 'utf8');
  const peakMib = Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
  return { peakMib, longestStopMs: Number(/\d+/.exec(line)?.[0]) };
}
