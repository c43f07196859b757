import { optional, withDefault } from './setting';
import { bytes, matching, url, wholeNumber } from './values';

const REGION = matching(/^[a-z0-9-]{1,60}$/, 'must be a name of lower-case letters, digits and "-"');

/** Of what runs leave, in the order of .env.example. */
export const ARTIFACT_SETTINGS = {
  ARTIFACT_FOLDER: optional(
    {
      description:
        'Where the files that runs leave are kept: a folder that all schedulers and workers share, each of which proves it at its start. ' +
        'Without it, or ARTIFACT_S3_BUCKET in its place, schedules have no artifacts. npm start has one in CREWTAB_DATA_DIR. Danger: who can write ' +
        'there can change results.',
      example: '/var/lib/crewtab-artifacts',
    },
    matching(/^[^\0]{1,4096}$/, 'must be a path'),
  ),
  ARTIFACT_S3_BUCKET: optional(
    {
      description:
        'A bucket of an S3-compatible store that keeps the files in place of ARTIFACT_FOLDER: its name, and after a slash what their keys begin with. The ' +
        'same for all schedulers and workers, each of which writes, reads and deletes an object at its start. Danger: as ARTIFACT_FOLDER.',
      example: 'crewtab-artifacts/production',
    },
    matching(
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9._-]{1,100}){0,5}$/,
      'must be the name of a bucket, or bucket/prefix with letters, digits, ".", "_", "-" and "/"',
    ),
  ),
  ARTIFACT_S3_ENDPOINT: optional(
    {
      description:
        'Where the store of ARTIFACT_S3_BUCKET answers; the bucket is the first part of the path. Not set: Amazon S3. Danger: over http:// all ' +
        'on the way can read and change the files.',
      example: 'https://minio.example.com:9000',
    },
    url(['https', 'http']),
  ),
  ARTIFACT_S3_REGION: withDefault({ description: 'The region of ARTIFACT_S3_BUCKET.' }, 'us-east-1', REGION),
  ARTIFACT_S3_ACCESS_KEY: optional(
    {
      description:
        'The id of the key that may write, read, list and delete objects of ARTIFACT_S3_BUCKET. Not set: what the AWS SDK finds by itself (AWS_* ' +
        "variables, its files, the machine's role).",
      example: 'AKIAIOSFODNN7EXAMPLE',
    },
    matching(/^[\x21-\x7e]{1,200}$/, 'must be printable ASCII without blanks'),
  ),
  ARTIFACT_S3_SECRET_KEY: optional(
    { description: 'The secret of ARTIFACT_S3_ACCESS_KEY.', example: 'as the store gave it', isSecret: true },
    matching(/^[\x21-\x7e]{1,400}$/, 'must be printable ASCII without blanks'),
  ),
  ARTIFACT_FILE_LIMIT: withDefault(
    { description: 'The largest file of a run that is kept. Bytes with a unit (512k, 100m).' },
    '100m',
    bytes(1_024, 'at least 1k'),
  ),
  ARTIFACT_RUN_LIMIT: withDefault(
    { description: 'The most that is kept of one run, in all its files. Bytes with a unit (500m, 2g).' },
    '500m',
    bytes(1_024, 'at least 1k'),
  ),
  ARTIFACT_COUNT_LIMIT: withDefault(
    { description: 'The most files that are kept of one run.' },
    '1000',
    wholeNumber(1, 10_000),
  ),
} as const;
