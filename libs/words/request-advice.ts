import type { Advice } from './advice';

/** Codes that no run ends with: of refused requests, and between the parts. The words of docs/errors.md, which a test compares. */
export const REQUEST_ADVICE: Readonly<Record<string, Advice>> = {
  invalid_request: {
    meaning: 'A field, a query parameter or a header is not valid, a field is unknown, or the body is not JSON.',
    advice: 'errors names every fault with its path; correct them all and send it again.',
  },
  unauthorized: {
    meaning:
      'No API key and no session came with the request, or the key is unknown or revoked, or the session is over.',
    advice:
      'Send Authorization: Bearer <api key>, or log in again. For /queues, log in with any user name and an admin key as the password.',
  },
  forbidden: {
    meaning:
      "The key is valid but may not do this: /queues and /system are for admin keys, and /queues is read-only by default. Or a session's request came without its token.",
    advice:
      'Use an admin key. With a session, send X-CSRF-Token (web.md). CREWTAB_BULLBOARD_WRITABLE=true allows changes in /queues.',
  },
  not_found: {
    meaning:
      'There is no such resource, or it belongs to another organization, which looks the same. errors names the field where an id in the body is meant.',
    advice: 'Check the id, and that the key belongs to the right organization.',
  },
  method_not_allowed: {
    meaning: 'The path exists, but not for this method.',
    advice: 'The Allow header lists the methods that it knows.',
  },
  conflict: {
    meaning:
      'The request contradicts the present state, such as cancelling a run that is over, or whose outcome is decided and which is being torn down, or decommissioning a host whose workers are there.',
    advice: 'Get the resource anew and decide again.',
  },
  edited_meanwhile: {
    meaning:
      'The resource was edited since the revision that If-Match names. edited has its present revision, and the fields that changed since, as they are now.',
    advice: "Apply your change to what it is now, and send that revision's ETag.",
  },
  secret_in_use: {
    meaning: 'A secret cannot be deleted while agents name it; detail says where.',
    advice: 'Give those agents another secret first (GET /secrets/:name lists them).',
  },
  team_in_use: {
    meaning: 'A team cannot be deleted while schedules use it.',
    advice: 'Delete those schedules or give them another team (GET /schedules?teamId=).',
  },
  idempotency_mismatch: {
    meaning: 'The Idempotency-Key was used for another request.',
    advice: 'Use a new key for every new request.',
  },
  idempotency_in_progress: {
    meaning: 'The first request with this Idempotency-Key is still being answered.',
    advice: 'Send the same again after Retry-After seconds.',
  },
  payload_too_large: {
    meaning: 'The body is over 1 MB (1,048,576 bytes).',
    advice: "Send less; files belong into the agents' images.",
  },
  unsupported_media_type: {
    meaning: 'The body is not JSON, or in an encoding that is not supported.',
    advice: 'Send Content-Type: application/json, in UTF-8.',
  },
  rate_limited: {
    meaning:
      'Too many requests a minute of this key (or address), too many unknown keys, sessions or log-in codes from this address, or too many open event streams of this key or address.',
    advice:
      'Try again after Retry-After seconds. The limits are settings: API_REQUEST_LIMIT, API_FAILURE_LIMIT, API_STREAM_LIMIT, API_ADDRESS_STREAM_LIMIT; behind a proxy set TRUSTED_PROXIES.',
  },
  not_ready: {
    meaning:
      '/readyz: Postgres or Redis cannot be reached, Redis takes no writes (it is full, or a replica), or the job schedulers are out of step.',
    advice: 'checks says which; the log says why. It repairs itself once the service is back.',
  },
  internal: {
    meaning: 'A fault inside Crewtab.',
    advice: "Look for the requestId in the scheduler's log, and report it.",
  },
  engine_unreachable: {
    meaning: 'The container engine did not answer.',
    advice: 'Check that it runs, and DOCKER_HOST.',
  },
  engine_error: {
    meaning: 'The container engine answered with an error.',
    advice: "The message is the engine's own.",
  },
  store_unreachable: {
    meaning: 'Postgres did not answer. As the answer to a request: 503, with Retry-After.',
    advice:
      'Check that it runs, and DATABASE_URL. Whether a write was done is unknown; with an Idempotency-Key the request may be repeated, and does once what it asks for.',
  },
  artifact_store_unreachable: {
    meaning: 'The store of artifacts did not answer, or has no room.',
    advice:
      'Check the folder that schedulers and workers share, and its disk, or the bucket; at a start the error names the setting.',
  },
  claim_lost: {
    meaning: 'Another worker owns the run now. Never the end of a run.',
    advice: 'Nothing.',
  },
};
