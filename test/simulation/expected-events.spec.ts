import { missingEvents } from './expected-events';
import { planHistory } from './plan-history';
import { POSSIBLE_CALL_FAULTS } from './plan-call-faults';
import { STRUCK } from './tally';

const ALL_STRUCK = Object.fromEntries(POSSIBLE_CALL_FAULTS.map((pair) => [STRUCK + pair, 1]));

describe('what a batch must have seen', () => {
  it('is nothing where it is small, and every kind of fault from a thousand histories on', () => {
    expect(missingEvents(999, {})).toEqual([]);
    expect(missingEvents(1_000, {})).toContain('fault crashAfter');
    expect(missingEvents(1_000, {})).not.toContain('store.begin crashAfter');
  });

  it('is every fault of every call from ten thousand on', () => {
    const all = missingEvents(10_000, ALL_STRUCK);
    const lacking = missingEvents(10_000, { ...ALL_STRUCK, [`${STRUCK}store.begin crashAfter`]: 0 });
    expect(lacking.filter((event) => !all.includes(event))).toEqual(['store.begin crashAfter']);
  });

  it('holds nothing that no plan ever holds, and all that plans hold', () => {
    const planned = new Set(
      Array.from({ length: 3_000 }, (_, seed) => planHistory(seed).items).flatMap((items) =>
        items.flatMap((item) => (item.on === 'call' ? [`${item.call} ${item.fault}`] : [])),
      ),
    );
    expect([...planned].sort()).toEqual([...POSSIBLE_CALL_FAULTS].sort());
  });
});
