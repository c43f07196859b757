import type { Failure } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import {
  SILENT_MAKER_MS,
  type HostImage,
  type HostImageStore,
  type MadeImage,
  type SeenImage,
} from '@crewtab/domain/ports/host-images';
import { RUNTIMES, type RuntimeKind } from '@crewtab/domain/runtimes';
import type { InMemoryHostStore } from './in-memory-host-store';

type Row = HostImage & { readonly maker: string | null };

/** The images of hosts without a database; the hosts are those of an `InMemoryHostStore`. */
export class InMemoryHostImages implements HostImageStore {
  private rows: readonly Row[] = [];

  constructor(
    private readonly hosts: InMemoryHostStore,
    private readonly clock: Clock,
  ) {}

  async noteImages(host: string, seen: readonly SeenImage[]): Promise<void> {
    const { hosts } = await this.hosts.readSystem();
    if (!hosts.some(({ id }) => id === host)) return;
    for (const { preset, image, isPresent } of seen) {
      const state = isPresent ? 'present' : 'absent';
      const row = this.find(host, image);
      const isNews = row === undefined || ['absent', 'present'].includes(row.state) || isPresent;
      const isUnderWay = row?.state === 'wanted' || row?.state === 'making';
      if (isNews && !isUnderWay && row?.state !== state) this.put({ host, preset, image, state });
    }
  }

  async want(preset: string, image: string): Promise<readonly HostImage[]> {
    for (const host of await this.makingHosts()) {
      const state = this.find(host, image)?.state ?? 'absent';
      if (state === 'absent' || state === 'failed') this.put({ host, preset, image, state: 'wanted' });
    }
    return (await this.read()).filter((one) => one.image === image);
  }

  async take(host: string, worker: string): Promise<Pick<HostImage, 'preset' | 'image'> | null> {
    await this.hosts.readSystem();
    const silentSince = this.clock.now().getTime() - SILENT_MAKER_MS;
    const isFree = ({ state, changedAt }: Row): boolean =>
      state === 'wanted' || (state === 'making' && changedAt.getTime() < silentSince);
    const [row] = this.rows
      .filter((one) => one.host === host && isFree(one))
      .sort((one, other) => one.changedAt.getTime() - other.changedAt.getTime());
    if (!row) return null;
    this.put({ ...row, state: 'making', maker: worker, progress: null });
    return { preset: row.preset, image: row.image };
  }

  async noteProgress(made: MadeImage, progress: string): Promise<boolean> {
    const row = await this.findMade(made);
    if (row) this.put({ ...row, progress });
    return row !== undefined;
  }

  async end(made: MadeImage, failure: Failure | null): Promise<void> {
    const row = await this.findMade(made);
    if (row) this.put({ ...row, state: failure ? 'failed' : 'present', maker: null, error: failure, progress: null });
  }

  async read(): Promise<readonly HostImage[]> {
    const hosts = await this.makingHosts();
    const key = ({ host, preset, image }: HostImage): string => [host, preset, image].join(' ');
    return this.rows
      .filter(({ host }) => hosts.includes(host))
      .sort((one, other) => (key(one) < key(other) ? -1 : 1))
      .map(({ maker: _, ...image }) => image);
  }

  private async makingHosts(): Promise<string[]> {
    const { hosts, workers } = await this.hosts.readSystem();
    const isThere = (id: string): boolean => workers.some(({ host, isLive }) => host === id && isLive);
    return hosts.flatMap(({ id, runtime, decommissionedAt }) =>
      RUNTIMES[runtime as RuntimeKind].buildsImages && decommissionedAt === null && isThere(id) ? [id] : [],
    );
  }

  private find(host: string, image: string): Row | undefined {
    return this.rows.find((row) => row.host === host && row.image === image);
  }

  private async findMade({ host, image, worker }: MadeImage): Promise<Row | undefined> {
    await this.hosts.readSystem();
    const row = this.find(host, image);
    return row?.maker === worker ? row : undefined;
  }

  private put(row: Pick<Row, 'host' | 'preset' | 'image' | 'state'> & Partial<Row>): void {
    const others = this.rows.filter(({ host, image }) => host !== row.host || image !== row.image);
    const told = row.state === 'making' ? {} : { maker: null, progress: null };
    this.rows = [...others, { maker: null, progress: null, error: null, ...row, ...told, changedAt: this.clock.now() }];
  }
}
