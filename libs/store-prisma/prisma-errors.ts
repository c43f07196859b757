import { toStoreError } from './store-errors';

/** Awaits a call of Prisma's client; whatever it throws comes out as an AppError. */
export async function viaPrisma<T>(call: PromiseLike<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw toStoreError(error);
  }
}
