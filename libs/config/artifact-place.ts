import type { SettingProblem, SettingValues } from './read-settings';

/** Where artifacts are kept is the same for schedulers and workers. */
export const ARTIFACT_PLACE_SETTINGS = [
  'ARTIFACT_FOLDER',
  'ARTIFACT_S3_BUCKET',
  'ARTIFACT_S3_ENDPOINT',
  'ARTIFACT_S3_REGION',
  'ARTIFACT_S3_ACCESS_KEY',
  'ARTIFACT_S3_SECRET_KEY',
] as const;

/** Where the files that runs leave are kept. */
export type ArtifactPlace = { readonly folder: string } | { readonly s3: S3Place };

export interface S3Place {
  readonly bucket: string;
  /** Of every key: empty, or with a slash at its end. */
  readonly prefix: string;
  /** Null: Amazon's. */
  readonly endpoint: string | null;
  readonly region: string;
  /** Null: what the SDK finds by itself. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
}

type PlaceValues = SettingValues<(typeof ARTIFACT_PLACE_SETTINGS)[number]>;

/** Null: nothing that runs leave is kept. */
export function artifactPlaceOf(values: PlaceValues): ArtifactPlace | null {
  const { ARTIFACT_FOLDER: folder, ARTIFACT_S3_BUCKET: place } = values;
  if (place === null) return folder === null ? null : { folder };
  const [bucket = '', ...prefix] = place.split('/');
  const { ARTIFACT_S3_ACCESS_KEY: accessKeyId, ARTIFACT_S3_SECRET_KEY: secretAccessKey } = values;
  return {
    s3: {
      bucket,
      prefix: prefix.map((part) => `${part}/`).join(''),
      endpoint: values.ARTIFACT_S3_ENDPOINT,
      region: values.ARTIFACT_S3_REGION,
      credentials: accessKeyId !== null && secretAccessKey !== null ? { accessKeyId, secretAccessKey } : null,
    },
  };
}

export function checkArtifactPlace(values: PlaceValues): SettingProblem[] {
  const { ARTIFACT_S3_BUCKET: bucket, ARTIFACT_S3_ACCESS_KEY: id, ARTIFACT_S3_SECRET_KEY: secret } = values;
  const problems: SettingProblem[] = [];
  if (bucket !== null && values.ARTIFACT_FOLDER !== null)
    problems.push({ name: 'ARTIFACT_S3_BUCKET', problem: 'contradicts ARTIFACT_FOLDER: set one of them' });
  if (bucket === null && (values.ARTIFACT_S3_ENDPOINT ?? id ?? secret) !== null)
    problems.push({ name: 'ARTIFACT_S3_BUCKET', problem: 'is not set, but others of ARTIFACT_S3_ are' });
  if (id !== null && secret === null)
    problems.push({ name: 'ARTIFACT_S3_SECRET_KEY', problem: 'is not set, but ARTIFACT_S3_ACCESS_KEY is' });
  if (id === null && secret !== null)
    problems.push({ name: 'ARTIFACT_S3_ACCESS_KEY', problem: 'is not set, but ARTIFACT_S3_SECRET_KEY is' });
  return problems;
}
