import { ConfigError } from '@crewtab/config/read-settings';
import { loadResealConfig } from '@crewtab/config/encryption-keys';
import { AppError } from '@crewtab/domain/errors';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';

/**
 * `npm run reseal`: seals all stored secrets with CREWTAB_ENCRYPTION_KEY and in the present form, while everything else runs.
 * Exit code 0 when CREWTAB_FORMER_ENCRYPTION_KEY is needed no more.
 */
async function reseal(): Promise<boolean> {
  const { database, encryption } = loadResealConfig();
  const store = await openStore({ databaseUrl: database.url, encryption, poolSize: 2 });
  try {
    return await resealIn(store);
  } finally {
    await store.close();
  }
}

async function resealIn(store: Store): Promise<boolean> {
  const { resealed, unreadable } = await store.reseal((kind, count) => say(`${kind}: ${count} more`));
  say(
    `Sealed anew: ${resealed.secrets} secrets, ${resealed.agents} agents, ${resealed.runs} runs, ${resealed.answers} answers to requests.`,
  );
  for (const what of unreadable) complain(what);
  if (unreadable.length === 0) say('Everything is sealed with the current key: CREWTAB_FORMER_ENCRYPTION_KEY may go.');
  else
    complain(
      `${unreadable.length} could not be opened and stay as they are. Keep CREWTAB_FORMER_ENCRYPTION_KEY until they are gone.`,
    );
  return unreadable.length === 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

void reseal()
  .catch((error: unknown) => {
    if (!(error instanceof AppError) && !(error instanceof ConfigError)) throw error;
    complain(error.message);
    return false;
  })
  .then((isDone) => {
    process.exitCode = isDone ? 0 : 1;
  });
