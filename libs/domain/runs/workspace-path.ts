import { AppError } from '../errors';

/**
 * A path inside of a run's workspace, without empty parts and `.`; empty for the workspace itself.
 * @throws AppError `invalid_request` for one that leads out of it
 */
export function workspacePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || path.includes('\0'))
    throw new AppError('invalid_request', `"${path}" is no path inside of a workspace`);
  return parts.join('/');
}
