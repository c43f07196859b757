import { readFileSync } from 'node:fs';
import { membersOf } from './process-table';

const boot = process.platform === 'linux' ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : '';
const startedAt = (tick: number): string => (process.platform === 'linux' ? `${boot}:${tick}` : `tick ${tick}`);
const row = (pid: number, groupId: number, tick: number): { pid: number; groupId: number; startedAt: string } => ({
  pid,
  groupId,
  startedAt: startedAt(tick),
});

describe('the members of a process group', () => {
  const leader = { pid: 10, startedAt: startedAt(1) };

  it('are its leader and its children', () => {
    expect(membersOf(leader, [row(10, 10, 1), row(11, 10, 2), row(12, 12, 3)]).map(({ pid }) => pid)).toEqual([10, 11]);
  });

  it('remain when the leader is gone', () => {
    expect(membersOf(leader, [row(11, 10, 2)]).map(({ pid }) => pid)).toEqual([11]);
  });

  it('are none when the number belongs to another process by now', () => {
    expect(membersOf(leader, [row(10, 10, 7), row(11, 10, 8)])).toEqual([]);
  });

  // Only Linux tells one start of the machine from another.
  (process.platform === 'linux' ? it : it.skip)('are none after a restart of the machine', () => {
    expect(membersOf({ pid: 10, startedAt: 'another-boot:1' }, [row(11, 10, 2)])).toEqual([]);
  });
});
