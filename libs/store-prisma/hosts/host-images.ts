import type { ErrorCode } from '@crewtab/domain/errors';
import {
  SILENT_MAKER_MS,
  type HostImage,
  type HostImageState,
  type HostImageStore,
} from '@crewtab/domain/ports/host-images';
import { RUNTIMES } from '@crewtab/domain/runtimes';
import type { Statement } from '../database/database';
import { storableText } from '../database/database';
import type { RunContext } from '../runs/run-row';
import { ABSENT } from './host-heartbeats';

const MAKERS = Object.entries(RUNTIMES).flatMap(([kind, { buildsImages }]) => (buildsImages ? [`'${kind}'`] : []));
/** SQL for "this host is there, and makes images". */
const IS_MAKING_HOST = `h.runtime IN (${MAKERS.join(', ')}) AND h.decommissioned_at IS NULL AND EXISTS (
  SELECT 1 FROM workers w WHERE w.host_id = h.id AND w.last_seen_at > now() - ${ABSENT})`;

/** The host may be removed in this moment, and then it has no images either. */
const NOTE: Statement = {
  name: 'host_image_note',
  text: `INSERT INTO host_images AS i (host_id, preset, image, state)
    SELECT h.id, seen.preset, seen.image, CASE WHEN seen.is_present THEN 'present' ELSE 'absent' END
    FROM hosts h, unnest($2::text[], $3::text[], $4::bool[]) AS seen (preset, image, is_present) WHERE h.id = $1
    ON CONFLICT (host_id, image) DO UPDATE SET state = EXCLUDED.state, preset = EXCLUDED.preset, error_code = NULL,
      error_message = NULL, changed_at = now()
    WHERE i.state IN ('absent', 'present') AND i.state <> EXCLUDED.state
      OR i.state = 'failed' AND EXCLUDED.state = 'present'`,
};

const WANT: Statement = {
  name: 'host_image_want',
  text: `INSERT INTO host_images AS i (host_id, preset, image, state)
    SELECT h.id, $1, $2, 'wanted' FROM hosts h WHERE ${IS_MAKING_HOST}
    ON CONFLICT (host_id, image) DO UPDATE SET state = 'wanted', preset = $1, error_code = NULL, error_message = NULL,
      changed_at = now()
    WHERE i.state IN ('absent', 'failed')`,
};

const TAKE: Statement = {
  name: 'host_image_take',
  text: `UPDATE host_images SET state = 'making', maker = $2, progress = NULL, changed_at = now()
    WHERE (host_id, image) = (
      SELECT i.host_id, i.image FROM host_images i WHERE i.host_id = $1 AND (i.state = 'wanted'
        OR i.state = 'making' AND i.changed_at < now() - interval '${SILENT_MAKER_MS} milliseconds')
      ORDER BY i.changed_at, i.image LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING preset, image`,
};

const IS_OURS = `host_id = $1 AND image = $2 AND maker = $3`;

const NOTE_PROGRESS: Statement = {
  name: 'host_image_progress',
  text: `UPDATE host_images SET progress = $4, changed_at = now() WHERE ${IS_OURS} RETURNING image`,
};

const END: Statement = {
  name: 'host_image_end',
  text: `UPDATE host_images SET state = CASE WHEN $4::text IS NULL THEN 'present' ELSE 'failed' END, maker = NULL,
    progress = NULL, error_code = $4, error_message = $5, changed_at = now() WHERE ${IS_OURS}`,
};

const READ: Statement = {
  name: 'host_image_read',
  text: `SELECT i.host_id AS host, i.preset, i.image, i.state, i.progress, i.error_code, i.error_message, i.changed_at
    FROM host_images i JOIN hosts h ON h.id = i.host_id WHERE ${IS_MAKING_HOST} ORDER BY i.host_id, i.preset, i.image`,
};

interface HostImageRow {
  readonly host: string;
  readonly preset: string;
  readonly image: string;
  readonly state: HostImageState;
  readonly progress: string | null;
  readonly error_code: ErrorCode | null;
  readonly error_message: string | null;
  readonly changed_at: Date;
}

export function hostImages({ db }: Pick<RunContext, 'db'>): HostImageStore {
  const read = async (): Promise<HostImage[]> => (await db.query<HostImageRow>(READ)).map(toHostImage);
  return {
    async noteImages(host, seen) {
      await db.query(NOTE, [
        host,
        seen.map(({ preset }) => preset),
        seen.map(({ image }) => image),
        seen.map(({ isPresent }) => isPresent),
      ]);
    },

    async want(preset, image) {
      await db.query(WANT, [preset, image]);
      return (await read()).filter((one) => one.image === image);
    },

    async take(host, worker) {
      const [taken] = await db.query<Pick<HostImage, 'preset' | 'image'>>(TAKE, [host, worker]);
      return taken ?? null;
    },

    async noteProgress({ host, image, worker }, progress) {
      return (await db.query(NOTE_PROGRESS, [host, image, worker, storableText(progress)])).length > 0;
    },

    async end({ host, image, worker }, failure) {
      const message = failure && storableText(failure.message);
      await db.query(END, [host, image, worker, failure?.code ?? null, message]);
    },

    read,
  };
}

function toHostImage({
  error_code: code,
  error_message: message,
  changed_at: changedAt,
  ...row
}: HostImageRow): HostImage {
  return { ...row, error: code === null ? null : { code, message: message ?? '' }, changedAt };
}
