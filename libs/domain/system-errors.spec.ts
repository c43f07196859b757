import { AppError } from './errors';
import { translated } from './system-errors';

const failing = (error: Error) => translated('start_failed', () => Promise.reject(error), 'no socket: ');
const systemError = (code: string): Error => Object.assign(new Error(`${code}: words`), { code });

describe('an error of the operating system', () => {
  it.each([
    ['EMFILE', true],
    ['ENOMEM', true],
    ['EACCES', false],
    ['ENOSPC', false],
  ])('keeps its words, and is worth another try if it passes: %s', async (code, retryable) => {
    const expected = { code: 'start_failed', message: `no socket: ${code}: words`, retryable };
    await expect(failing(systemError(code))).rejects.toMatchObject(expected);
  });

  it('is none where it was sorted already', async () => {
    const sorted = new AppError('engine_unreachable', 'no answer', { retryable: true });
    await expect(failing(sorted)).rejects.toBe(sorted);
  });
});
