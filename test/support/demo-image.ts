import { hasImage, importImage } from '@crewtab/local-services/docker-images';
import { buildRootfsTar } from '../../images/build/build-demo-image';
import { dockerEngine } from './docker';
import { oncePerRun } from './once-per-run';

/**
 * The reference of an image with the demo agent, made out of this machine once per test run, and not at all where the
 * engine has the same content already. It stays for the next run.
 */
export function demoImage(): Promise<string> {
  return oncePerRun('demo-image', async () => {
    const image = await buildRootfsTar();
    const engine = dockerEngine();
    if (!(await hasImage(engine, image.reference))) {
      await importImage(engine, image.openTar(), image.reference, image.changes);
    }
    return image.reference;
  });
}
