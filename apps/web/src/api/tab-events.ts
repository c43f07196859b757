import { EventStream, type EventSignal, type TabMessage } from './event-stream';
import workerAddress from './event-worker?sharedworker&url';

/** The events of the organization, as one tab gets them. */
export interface TabEvents {
  say(message: TabMessage): void;
}

/** Through the worker that all tabs share; where the browser starts none, by a connection of this tab's own. */
export function openTabEvents(tell: (signal: EventSignal) => void): TabEvents {
  return startShared(tell) ?? ownEvents(tell);
}

function startShared(tell: (signal: EventSignal) => void): TabEvents | null {
  if (!('SharedWorker' in window)) return null;
  let events: TabEvents;
  let isJoined = false;
  try {
    const worker = new SharedWorker(trustedAddress(), { type: 'module', name: 'crewtab' });
    worker.port.onmessage = ({ data }: MessageEvent<EventSignal>) => tell(data);
    events = { say: (message) => worker.port.postMessage(message satisfies TabMessage) };
    // Its script could not be loaded.
    worker.onerror = () => {
      events = ownEvents(tell);
      if (isJoined) events.say('join');
    };
  } catch {
    return null;
  }
  return {
    say(message) {
      isJoined = message === 'join';
      events.say(message);
    },
  };
}

function ownEvents(tell: (signal: EventSignal) => void): TabEvents {
  const stream = new EventStream(tell);
  return { say: (message) => (message === 'join' ? stream.open() : stream.close()) };
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (address: string) => string },
  ): { createScriptURL(address: string): string };
}

/** The pages may turn no text into script but by this policy, and it lets through one address. */
const policy = (window as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('crewtab', {
  createScriptURL(address) {
    if (address !== workerAddress) throw new TypeError(`${address} is no script of the pages`);
    return address;
  },
});

function trustedAddress(): string {
  return policy?.createScriptURL(workerAddress) ?? workerAddress;
}
