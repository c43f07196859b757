import { importDemoImage } from '@crewtab/launcher/demo-program';
import { dockerHost } from './docker';
import { oncePerRun } from './once-per-run';

/**
 * The reference of an image with the demo agent, made out of this machine once per test run, and not at all where the
 * engine has the same content already. It stays for the next run.
 */
export function demoImage(): Promise<string> {
  return oncePerRun('demo-image', () => importDemoImage(dockerHost(), () => undefined));
}
