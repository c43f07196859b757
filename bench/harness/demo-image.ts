import { importDemoImage } from '@crewtab/launcher/demo-program';
import type { BenchContext } from './bench';

/** The demo agent's image, made of this machine's own Node where the engine does not have it yet. */
export function demoImage(context: BenchContext): Promise<string> {
  const { dockerHost } = context;
  if (dockerHost === null) throw new Error('this bench needs a container engine');
  return importDemoImage(dockerHost, (line) => context.log(line));
}
