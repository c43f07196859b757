import { Controller, Inject } from '@nestjs/common';
import { deleteSecret, getSecret, listSecrets, putSecret, type SecretView } from '@crewtab/api-contract/secret-routes';
import { secretName } from '@crewtab/api-contract/fields';
import { AppError } from '@crewtab/domain/errors';
import type { Secret } from '@crewtab/domain/secrets/secret';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { toFieldErrors } from '../input/field-errors';
import { found } from '../input/found';
import { invalidInput, notFound } from '../server/problem';

/** What is logged of an edit has the name of the secret and of the key, and no value. */
@Controller()
export class SecretsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'secrets' | 'logger'>) {}

  @Route(listSecrets)
  async list({ caller, query }: RouteInput<typeof listSecrets>): Promise<RouteAnswer<typeof listSecrets>> {
    const { items, nextCursor } = await this.deps.secrets.listSecrets(caller.organizationId, query);
    return { items: items.map(toSecretView), nextCursor };
  }

  @Route(getSecret)
  async get({ caller, params }: RouteInput<typeof getSecret>): Promise<SecretView> {
    return toSecretView(found('secret', await this.deps.secrets.getSecret(caller.organizationId, params.name)));
  }

  @Route(putSecret)
  async put({ caller, params: { name }, headers, body }: RouteInput<typeof putSecret>): Promise<SecretView> {
    const named = secretName.safeParse(name);
    if (!named.success)
      throw invalidInput(toFieldErrors(named.error.issues).map((error) => ({ ...error, path: 'name' })));
    const isNew = headers['if-none-match'] !== undefined;
    const secret = await this.deps.secrets.putSecret(caller.organizationId, name, body.value, isNew);
    if (!secret) throw new AppError('conflict', `there is a secret ${name} already`);
    this.deps.logger.info({ secret: name, keyId: caller.keyId }, 'secret set');
    return toSecretView(secret);
  }

  @Route(deleteSecret)
  async delete({ caller, params: { name } }: RouteInput<typeof deleteSecret>): Promise<void> {
    if (!(await this.deps.secrets.deleteSecret(caller.organizationId, name))) throw notFound('secret');
    this.deps.logger.info({ secret: name, keyId: caller.keyId }, 'secret deleted');
  }
}

function toSecretView({ name, createdAt, updatedAt, useCount, uses }: Secret): SecretView {
  return {
    name,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    useCount,
    uses: [...uses],
  };
}
