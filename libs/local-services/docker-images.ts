import type { Readable } from 'node:stream';
import { DockerHttpError, type DockerHttp } from './docker-http';
import { messageOf } from './service-error';

/** A pull gives up after this time; a slow line needs minutes for 15 MB. */
const PULL_TIMEOUT_MS = 300_000;

/** Whether the engine has the image, asked by name and tag. */
export async function hasImage(engine: DockerHttp, image: string): Promise<boolean> {
  try {
    await engine.call({ path: `/images/${image.split('/').map(encodeURIComponent).join('/')}/json` });
    return true;
  } catch (error) {
    if (error instanceof DockerHttpError && error.status === 404) return false;
    throw error;
  }
}

/** @returns null when the image was pulled, otherwise the engine's words why not. */
export async function pullImage(engine: DockerHttp, image: string): Promise<string | null> {
  const [name, tag] = splitTag(image);
  const path = `/images/create?fromImage=${encodeURIComponent(name)}&tag=${encodeURIComponent(tag)}`;
  try {
    const answer = await engine.call({ method: 'POST', path, timeoutMs: PULL_TIMEOUT_MS });
    // The engine says 200 first and what went wrong later, in a line of its own.
    const failed = answer.split('\n').find((line) => line.includes('"error"'));
    return failed ?? null;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Makes an image of one layer out of a tar of its root file system.
 * @param changes Dockerfile instructions such as `CMD ["node"]`, since a tar has no command or user.
 */
export async function importImage(
  engine: DockerHttp,
  tar: Readable,
  image: string,
  changes: readonly string[],
): Promise<void> {
  const [repo, tag] = splitTag(image);
  const query = new URLSearchParams({ fromSrc: '-', repo, tag });
  for (const change of changes) query.append('changes', change);
  const path = `/images/create?${query.toString()}`;
  const answer = await engine.call({ method: 'POST', path, body: tar, timeoutMs: PULL_TIMEOUT_MS });
  const failed = answer.split('\n').find((line) => line.includes('"error"'));
  if (failed !== undefined) throw new Error(`the engine could not import ${image}: ${failed}`);
}

function splitTag(image: string): [string, string] {
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/') ? [image.slice(0, colon), image.slice(colon + 1)] : [image, 'latest'];
}
