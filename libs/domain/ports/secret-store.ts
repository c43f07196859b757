import type { Secret } from '../secrets/secret';
import type { Page, PageRequest } from './management-store';

/** What the REST API does with secrets. Values go in and never come out: only a run that begins takes them. */
export interface SecretStore {
  /** By name. */
  listSecrets(organizationId: string, page: PageRequest): Promise<Page<Secret>>;
  getSecret(organizationId: string, name: string): Promise<Secret | null>;
  /**
   * Sets the value, which the next run that begins takes. Null where `isNew` is asked for and there is one of that name: it
   * stays as it is.
   */
  putSecret(organizationId: string, name: string, value: string, isNew: boolean): Promise<Secret | null>;
  /** False where there is none. Throws `secret_in_use`, with where, while an agent names it. */
  deleteSecret(organizationId: string, name: string): Promise<boolean>;
  /** Of these names those that no secret has. */
  findAbsentSecrets(organizationId: string, names: readonly string[]): Promise<string[]>;
}
