import { dockerHttp } from '@crewtab/local-services/docker-engine';
import { hasImage, importImage } from '@crewtab/local-services/docker-images';
import { buildRootfsTar } from '../../images/build/build-demo-image';
import type { BenchContext } from './bench';

/** The demo agent's image, made of this machine's own Node where the engine does not have it yet. */
export async function demoImage(context: BenchContext): Promise<string> {
  const { dockerHost } = context;
  if (dockerHost === null) throw new Error('this bench needs a container engine');
  const image = await buildRootfsTar();
  const engine = dockerHttp(dockerHost, process.env);
  if (!(await hasImage(engine, image.reference))) {
    context.log(`making the demo image ${image.reference}`);
    await importImage(engine, image.openTar(), image.reference, image.changes);
  }
  return image.reference;
}
