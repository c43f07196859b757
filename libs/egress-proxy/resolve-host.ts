import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';

/** All addresses of a name; empty where it has none. */
export type ResolveHost = (name: string) => Promise<string[]>;

const TIMEOUT_MS = 3_000;
const TRIES = 2;

/**
 * Asks the machine's name servers. Not by getaddrinfo, whose few threads the whole process shares: an agent that asks for
 * names which nobody answers would hold up everything else. Hence /etc/hosts has no say.
 */
export function dnsResolver(): ResolveHost {
  return async (name) => {
    // Anew each time: it reads the machine's settings once, and keeps no answers of earlier questions.
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  };
}

/** A lookup that knows nothing but these addresses, so that a connection goes to what was checked. */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, { all, family }, callback) => {
    const wanted = family === 4 || family === 6 ? found.filter((each) => each.family === family) : found;
    const [first] = wanted;
    if (!first) callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 0);
    else if (all) callback(null, wanted);
    else callback(null, first.address, first.family);
  };
}
