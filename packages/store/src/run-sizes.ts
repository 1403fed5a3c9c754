/**
 * SQL for the bytes of a run's payloads, its steps' included. Sizes of what is stored out of line are read without reading it.
 */
export const RUN_BYTES = `octet_length(r.event) + octet_length(r.context) + COALESCE((
  SELECT sum(octet_length(s.exports) + COALESCE(octet_length(s.return_value), 0) + COALESCE(octet_length(s.response_body), 0))
  FROM run_steps s WHERE s.run_id = r.id), 0)`;
