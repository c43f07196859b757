import { ARTIFACT_PLACE_SETTINGS, artifactPlaceOf, checkArtifactPlace } from './artifact-place';
import { readSettings } from './read-settings';

const read = (environment: Record<string, string>) =>
  artifactPlaceOf(readSettings(environment, ARTIFACT_PLACE_SETTINGS, checkArtifactPlace));

describe('where artifacts are kept', () => {
  it('is nowhere unless something is said, and a folder or a bucket', () => {
    expect(read({ ARTIFACT_S3_REGION: 'eu-1' })).toBeNull();
    expect(read({ ARTIFACT_FOLDER: '/x', ARTIFACT_S3_BUCKET: '' })).toEqual({ folder: '/x' });
    expect(read({ ARTIFACT_S3_BUCKET: 'one' })).toEqual({
      s3: { bucket: 'one', prefix: '', endpoint: null, region: 'us-east-1', credentials: null },
    });
    const key = { ARTIFACT_S3_ACCESS_KEY: 'id', ARTIFACT_S3_SECRET_KEY: 'secret' };
    expect(read({ ARTIFACT_S3_BUCKET: 'one/a/b', ARTIFACT_S3_ENDPOINT: 'http://x:9000', ...key })).toMatchObject({
      s3: {
        bucket: 'one',
        prefix: 'a/b/',
        endpoint: 'http://x:9000',
        credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      },
    });
  });

  it.each<[Record<string, string>, string]>([
    [{ ARTIFACT_S3_BUCKET: 'one', ARTIFACT_FOLDER: '/x' }, 'ARTIFACT_S3_BUCKET contradicts ARTIFACT_FOLDER'],
    [{ ARTIFACT_S3_ENDPOINT: 'http://x' }, 'ARTIFACT_S3_BUCKET is not set'],
    [{ ARTIFACT_S3_BUCKET: 'one', ARTIFACT_S3_ACCESS_KEY: 'id' }, 'ARTIFACT_S3_SECRET_KEY is not set'],
    [{ ARTIFACT_S3_BUCKET: 'one', ARTIFACT_S3_SECRET_KEY: 'x' }, 'ARTIFACT_S3_ACCESS_KEY is not set'],
    [{ ARTIFACT_S3_BUCKET: 'One' }, 'the name of a bucket'],
    [{ ARTIFACT_S3_BUCKET: 'one/../x/' }, 'the name of a bucket'],
    [{ ARTIFACT_S3_BUCKET: 'one', ARTIFACT_S3_ENDPOINT: 's3.example.com' }, 'ARTIFACT_S3_ENDPOINT'],
  ])('is refused: %j', (environment, words) => {
    expect(() => read(environment)).toThrow(words);
  });
});
